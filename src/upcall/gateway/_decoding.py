"""JSON of peers, where what cannot be read is no reason to fail."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Raw

__all__ = ["decoded"]


def decoded(text: bytes | Raw | None) -> Any:
    """The parsed JSON; ``None`` for none, for what is no JSON, and for what is nested too deep to be read."""
    try:
        return None if text is None else msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None
