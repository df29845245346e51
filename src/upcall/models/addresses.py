"""Addresses in model strings: ``openai/<name>@<base_url>``."""

from __future__ import annotations

import re

__all__ = ["divided"]

_AT_URL = re.compile(r"@(?=https?://)", re.IGNORECASE)
"""Where an address begins. A name may have an ``@`` of its own."""


def divided(name: str) -> tuple[str, str | None]:
    """The name and the base URL of ``<name>@<base_url>``, ``None`` where there is none."""
    found = _AT_URL.search(name)
    return (name[: found.start()], name[found.end() :]) if found else (name, None)
