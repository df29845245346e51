"""Names and ids of tools that a provider takes, and the way back.

Both are renamed only where the provider would refuse them, and always the same way for the same request, so that
a conversation keeps its words from round to round.
"""

from __future__ import annotations

import re
from collections.abc import Container

from upcall.models.codecs._encoded import Notes
from upcall.wire import SamplingRequest, ToolUse

__all__ = ["CallIds", "ToolNames"]

_PLAIN = re.compile(r"[a-zA-Z0-9_-]+")
_PLAIN_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_-]*")


def _is_plain(text: str, limit: int, pattern: re.Pattern[str] = _PLAIN) -> bool:
    return len(text) <= limit and pattern.fullmatch(text) is not None


def _fit(text: str, taken: Container[str], limit: int, pattern: re.Pattern[str] = _PLAIN) -> str:
    base = re.sub(r"[^a-zA-Z0-9_-]", "_", text)[:limit] or "_"
    if pattern.match(base) is None:
        base = f"_{base}"[:limit]
    candidate, number = base, 1
    while candidate in taken:
        number += 1
        suffix = f"_{number}"
        candidate = base[: limit - len(suffix)] + suffix
    return candidate


class ToolNames:
    """Tool names of one request, as the provider sees them.

    Args:
        request: Whose tools and tool uses are named.
        limit: The longest name that the provider takes, in characters.
        notes: Takes what was renamed.
        any_start: Whether a name may begin with a digit or a dash.
    """

    def __init__(self, request: SamplingRequest, *, limit: int, notes: Notes, any_start: bool = True) -> None:
        pattern = _PLAIN if any_start else _PLAIN_NAME
        offered = [tool.name for tool in request.tools or ()]
        used = [block.name for turn in request.messages for block in turn.blocks if isinstance(block, ToolUse)]
        everything = dict.fromkeys([*offered, *used])
        # Names that may stay are claimed first, so that no renamed one lands on them.
        self._outward = {name: name for name in everything if _is_plain(name, limit, pattern)}
        self.inward: dict[str, str] = {}
        for name in everything:
            if name in self._outward:
                continue
            sent = _fit(name, {*self._outward.values()}, limit, pattern)
            self._outward[name] = sent
            self.inward[sent] = name
            field = f"tools[{offered.index(name)}].name" if name in offered else "messages.content.name"
            notes.add(field, "renamed", f"The provider does not take the name {name!r}; it sees {sent!r}.")

    def sent(self, name: str) -> str:
        """The name under which the provider knows the tool ``name``."""
        return self._outward[name]


class CallIds:
    """Ids of tool uses, plain and unique over the whole conversation; MCP asks for that only within a message."""

    def __init__(self, *, limit: int, notes: Notes) -> None:
        self._limit = limit
        self._notes = notes
        self._taken: set[str] = set()
        self._latest: dict[str, str] = {}

    def of_use(self, call_id: str, where: str) -> str:
        """The id to send for a tool use. ``where`` is its place in the request."""
        sent = call_id
        if call_id in self._taken or not _is_plain(call_id, self._limit):
            sent = _fit(call_id, self._taken, self._limit)
            self._notes.add(f"{where}.id", "renamed", "The provider wants ids of plain letters, each used once.")
        self._taken.add(sent)
        self._latest[call_id] = sent
        return sent

    def of_result(self, call_id: str) -> str:
        """The id to send for the result of the latest tool use ``call_id``."""
        return self._latest[call_id]
