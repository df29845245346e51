"""Which models refuse which parameters: what is known beforehand, and how a refusal is recognised.

The table holds what providers have announced or answer with status 400; it only saves a round trip. For a model that
is not in it, the transport reads the parameter's name from the 400 and asks again without it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from upcall.models.codecs._turns import Turn

__all__ = ["ANTHROPIC", "OPENAI", "PREFILL", "negotiable", "refused_by", "refused_parameter"]

PREFILL = "prefill"
"""Not a parameter, but refused like one: a conversation that ends with the assistant's turn."""

_CLAUDE_5_ON = r"[a-z]+-(?:[5-9]|\d\d)(?:-|$)"

ANTHROPIC: tuple[tuple[str, frozenset[str]], ...] = (
    (rf"claude-(?:opus-4-[7-9]|mythos|{_CLAUDE_5_ON})", frozenset({"temperature"})),
    (rf"claude-(?:(?:opus|sonnet)-4-[6-9]|mythos|{_CLAUDE_5_ON})", frozenset({PREFILL})),
)

OPENAI: tuple[tuple[str, frozenset[str]], ...] = (
    (r"(?:^|/)o\d(?:-|$)", frozenset({"temperature", "max_tokens"})),
    (r"(?:^|/)o[3-9](?:-|$)", frozenset({"stop"})),
    (r"(?:^|/)gpt-5(?:-mini|-nano|-pro|-codex)?(?:-\d{4}-\d\d-\d\d)?$", frozenset({"temperature", "stop"})),
)

_REFUSAL = re.compile(
    r"unsupported|not supported|(?:does ?n.t|does not) support|deprecated|unrecogni[sz]ed|unknown|no longer"
    r"|not permitted|extra_forbidden|not allowed|unexpected",
    re.IGNORECASE,
)
_NO_PREFILL = re.compile(
    r"prefill|(?:must|requests?) ends? with a user|last (?:message|role)\b[^.]{0,60}\buser",
    re.IGNORECASE | re.DOTALL,
)


def refused_by(table: Iterable[tuple[str, frozenset[str]]], model: str) -> frozenset[str]:
    """Parameters that ``model`` is known to refuse, according to ``table``."""
    found = [refused for pattern, refused in table if re.search(pattern, model)]
    return frozenset().union(*found)


def negotiable(parameters: Iterable[str], turns: Sequence[Turn]) -> frozenset[str]:
    """``parameters``, and `PREFILL` where the conversation ends with the assistant's turn."""
    return frozenset({*parameters, *([PREFILL] if turns[-1].role == "assistant" else [])})


def refused_parameter(complaint: str, sent: Iterable[str]) -> str | None:
    """The parameter among ``sent``, or `PREFILL`, that a provider's ``complaint`` calls unsupported, or ``None``."""
    names = set(sent)
    if PREFILL in names and _NO_PREFILL.search(complaint):
        return PREFILL
    if not _REFUSAL.search(complaint):
        return None
    places = {name: re.search(rf"(?<!\w){re.escape(name)}(?!\w)", complaint) for name in names}
    named = {name: place.start() for name, place in places.items() if place}
    return min(named, key=named.__getitem__) if named else None
