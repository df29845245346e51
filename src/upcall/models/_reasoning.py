"""Reasoning that a provider wants back with a tool's result, kept on this side.

A server that samples must not see it, so it cannot carry it along; it stays here under the id of the tool use it led
to. An entry comes back only beside a tool use that is the same in id, name and input: an id alone, guessed or reused
by another server, brings nothing.

Invariant: at most `CAPACITY` entries; the oldest goes first. A lost entry costs the model its train of thought, no
more.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from upcall.wire import ToolUse

__all__ = ["CAPACITY", "Reasoning"]

CAPACITY = 1024


class Reasoning:
    """Bounded memory: tool use → what the provider sent beside it, of the provider's own form."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[ToolUse, Any]] = {}

    def keep(self, uses: Iterable[ToolUse], found: Mapping[str, Any]) -> None:
        """Remember what was ``found`` beside ``uses``, by their ids."""
        for use in uses:
            if use.id in found:
                self._kept.pop(use.id, None)
                self._kept[use.id] = (use, found[use.id])
        while len(self._kept) > CAPACITY:
            del self._kept[next(iter(self._kept))]

    def recall(self, use: ToolUse) -> Any:
        """What stood beside ``use``, or ``None``."""
        kept = self._kept.get(use.id)
        if kept is None or (kept[0].name, kept[0].input) != (use.name, use.input):
            return None
        return kept[1]
