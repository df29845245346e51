"""Which tools sample, and how that is known. From the surest sign to the weakest: a tool that is there only for clients
that can sample; one that did, by the record; one whose metadata say so; one whose description does."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, TypeAlias

import msgspec

__all__ = ["Seen", "Sign", "Sure", "signs_of"]

Sure: TypeAlias = Literal["hidden", "recorded", "metadata", "description"]

_WORDS = re.compile(
    r"createMessage|create_message|\bLLM sampling\b"
    r"|\b(?:MCP|client(?:'s|-side)?|via|through|using|uses|with) sampling\b"
    r"|\bsampling (?:request|capability|support|feature)|\b(?:client|host|user)(?:'s|s')? (?:own )?"
    r"(?:LLM|model|language model)\b|\b(?:asks?|uses?|calls?) (?:an?|the|your) (?:LLM|language model|AI model)\b",
    re.IGNORECASE,
)
_META_WORD = re.compile(r"(?i)(?:^|[^a-z])sampling(?:$|[^a-z])")
_DEPTH = 6


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """What the record has of one tool."""

    count: int
    more: bool
    """Whether there are older ones that were not counted."""
    last: datetime
    outcome: str


class Sign(msgspec.Struct, frozen=True, kw_only=True):
    """One tool that samples."""

    tool: str
    sure: Sure
    how: tuple[str, ...]
    """A sentence without its subject for each sign."""


def signs_of(
    tools: Sequence[Mapping[str, Any]], sampling: Sequence[Mapping[str, Any]], recorded: Mapping[str, Seen]
) -> list[Sign]:
    """The tools that sample, in the server's order, then those that only the record knows.

    Args:
        tools: What a client gets that cannot sample.
        sampling: What one gets that can.
        recorded: By the tool's name.
    """
    plain = {one["name"] for one in tools}
    known = {one["name"]: one for one in (*tools, *sampling)}
    found = []
    for name in (*known, *(name for name in recorded if name not in known)):
        how: dict[Sure, str] = {}
        if name in known and name not in plain:
            how["hidden"] = "appears only when the client can sample"
        if name in recorded:
            how["recorded"] = _told(recorded[name]) + ("" if name in known else "; it is not there now")
        if name in known and _in_metadata(known[name].get("_meta")):
            how["metadata"] = "its metadata say so"
        text = " ".join(str(known[name].get(key) or "") for key in ("title", "description")) if name in known else ""
        if _WORDS.search(text):
            how["description"] = "its description says so"
        if how:
            found.append(Sign(tool=name, sure=next(iter(how)), how=tuple(how.values())))
    return found


def _told(seen: Seen) -> str:
    times = f"{seen.count:,} times" if seen.count != 1 else "once"
    if seen.more:
        times = f"{seen.count:,} times or more"
    return f"sampled {times}, last on {seen.last:%Y-%m-%d %H:%M} UTC ({seen.outcome})"


def _in_metadata(value: Any, depth: int = _DEPTH) -> bool:
    if not depth:
        return False
    if isinstance(value, dict):
        return any(
            (_META_WORD.search(str(key)) and inner is not False) or _in_metadata(inner, depth - 1)
            for key, inner in value.items()
        )
    if isinstance(value, list):
        return any(_in_metadata(inner, depth - 1) for inner in value)
    return isinstance(value, str) and len(value) < 100 and _META_WORD.search(value) is not None
