"""`Problem`: one thing that is wrong with a policy file, told to the person who wrote it."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

import msgspec

__all__ = ["Problem", "nearest"]


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """What is wrong, where, and what would be right."""

    line: int | None
    """From 1; ``None`` where no single line is to blame."""
    message: str
    """One sentence. It repeats no value that may hold a password."""
    hint: str = ""
    """What to write instead."""

    def __str__(self) -> str:
        place = f"line {self.line}: " if self.line is not None else ""
        return f"{place}{self.message} {self.hint}".strip()


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The one of ``known`` that was probably meant."""
    close = get_close_matches(name.lower(), list(known), n=1, cutoff=0.6)
    return close[0] if close else None
