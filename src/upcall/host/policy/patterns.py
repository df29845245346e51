"""Patterns of model strings: ``*`` stands for any characters, everything else for itself."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

__all__ = ["first_concrete", "is_pattern", "matches", "matches_any"]


def is_pattern(text: str) -> bool:
    """Whether ``text`` stands for more than itself."""
    return "*" in text


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(".*".join(map(re.escape, re.split(r"\*+", pattern))), re.DOTALL)


def matches(pattern: str, model: str) -> bool:
    """Whether the whole of ``model`` fits ``pattern``; upper and lower case differ."""
    return _compiled(pattern).fullmatch(model) is not None


def matches_any(patterns: Iterable[str], model: str) -> bool:
    """Whether ``model`` fits one of ``patterns``."""
    return any(matches(pattern, model) for pattern in patterns)


def first_concrete(patterns: Iterable[str]) -> str | None:
    """The first of ``patterns`` that is a model string, not a pattern."""
    return next((pattern for pattern in patterns if not is_pattern(pattern)), None)
