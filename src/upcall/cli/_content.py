"""A tool's result, and long texts, in a few words for a person. For requests and blocks see `upcall.wire.words`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from upcall.wire.words import blocks_of, in_words, limits_of, preferences_of, tools_of

__all__ = ["blocks_of", "clipped", "in_words", "limits_of", "preferences_of", "result_rows", "tools_of"]


def clipped(text: str, most: int) -> str:
    """The first ``most`` characters of ``text``, and how many more there are."""
    left = len(text) - most
    return text if left <= 0 else f"{text[:most]} … and {left:,} more characters (--full shows them)"


def result_rows(result: Mapping[str, Any]) -> list[str]:
    """A tool's result, block by block; its structured content too, unless a text block says the same."""
    rows = [in_words(block) for block in result.get("content") or ()]
    structured = result.get("structuredContent")
    if structured is not None and not any(_same(row, structured) for row in rows):
        rows.append(json.dumps(structured, indent=2, ensure_ascii=False))
    return rows


def _same(text: str, structured: Any) -> bool:
    # Servers wrap what is no object as {"result": …}, and repeat what is one as JSON text.
    if structured == {"result": text}:
        return True
    try:
        said = json.loads(text)
    except ValueError:
        return False
    return structured in (said, {"result": said})
