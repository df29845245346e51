"""The rules, as they stand in ``rules.toml`` beside this file, ready to be applied."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Literal, TypeAlias

import msgspec

from upcall.host.scanning._checks import CHECKS, Check

__all__ = ["SEVERITIES", "Place", "Rule", "Rules", "Severity", "rules"]

Place: TypeAlias = Literal["system", "message", "tool", "name", "metadata", "reply"]
"""System prompt; messages of any role, tool uses and results included; titles, descriptions and schemas of tools; names
of tools; the request's metadata; what the model has answered."""

Severity: TypeAlias = Literal["low", "medium", "high"]
SEVERITIES: tuple[Severity, ...] = ("low", "medium", "high")
"""In rising order."""

_WHERE: Mapping[str, frozenset[Place]] = {
    "prompts": frozenset({"system", "message", "tool"}),
    "reply": frozenset({"reply"}),
    "prompts and reply": frozenset({"system", "message", "tool", "reply"}),
    "texts": frozenset({"system", "message", "tool", "metadata", "reply"}),
    "everywhere": frozenset({"system", "message", "tool", "name", "metadata", "reply"}),
}
_OF_CHARACTERS = frozenset({"invisible", "bidi", "control"})
_BLANK = re.compile(r"(?<!\\) ")
_LINE = re.compile(r"\s*\n\s*")


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """One thing to look for. The fields are explained at the head of ``rules.toml``."""

    id: str
    kind: str
    severity: Severity
    means: str
    where: frozenset[Place]
    compiled: re.Pattern[str]
    needles: tuple[str, ...]
    check: Check | None
    words: bool
    unless_tools: bool
    fires: tuple[str, ...]
    passes: tuple[str, ...]


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """All rules."""

    kinds: Mapping[str, str]
    """Name of a flag in the policy → what it stands for."""
    by_id: Mapping[str, Rule]
    secrets: tuple[Rule, ...]
    """Those whose matches redaction replaces."""
    of_characters: tuple[Rule, ...]
    """Those that find nothing in printable ASCII."""
    of_words: tuple[Rule, ...]
    """All the others."""
    any_needle: re.Pattern[str]
    """Finds a needle of any rule; without one, only rules that have none can find something."""


class _Written(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    kind: str
    severity: Severity
    means: str
    where: Literal["prompts", "reply", "prompts and reply", "texts", "everywhere"]
    pattern: str = ""
    like: str = ""
    token: bool = False
    needles: tuple[str, ...] = ()
    check: Literal["random", "random word", "password", "blob", ""] = ""
    words: bool = False
    unless_tools: bool = False
    times: int = 1
    fires: tuple[str, ...]
    passes: tuple[str, ...]


class _File(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    kinds: dict[str, str]
    rule: dict[str, _Written]


@cache
def rules() -> Rules:
    """The rules. Read once, when scanning starts."""
    text = files("upcall.host.scanning").joinpath("rules.toml").read_text(encoding="utf-8")
    read = msgspec.toml.decode(text, type=_File)
    by_id = {id: _ready(id, written, read.rule) for id, written in read.rule.items()}
    return Rules(
        kinds=MappingProxyType(read.kinds),
        by_id=MappingProxyType(by_id),
        secrets=tuple(rule for rule in by_id.values() if rule.kind == "secrets"),
        of_characters=tuple(rule for rule in by_id.values() if rule.kind in _OF_CHARACTERS),
        of_words=tuple(rule for rule in by_id.values() if rule.kind not in {"secrets", *_OF_CHARACTERS}),
        any_needle=re.compile("|".join(re.escape(needle) for rule in by_id.values() for needle in rule.needles)),
    )


def _ready(id: str, written: _Written, all_written: Mapping[str, _Written]) -> Rule:
    source = all_written[written.like] if written.like else written
    return Rule(
        id=id,
        kind=written.kind,
        severity=written.severity,
        means=written.means,
        where=_WHERE[written.where],
        compiled=_compiled(source),
        needles=source.needles,
        check=CHECKS[source.check] if source.check else None,
        words=source.words,
        unless_tools=written.unless_tools,
        fires=tuple(text * written.times for text in written.fires),
        passes=tuple(text * written.times for text in written.passes),
    )


def _compiled(written: _Written) -> re.Pattern[str]:
    pattern = _BLANK.sub(r"(?:\\s{1,8}+)", _LINE.sub("", written.pattern.strip()))
    if written.token:
        pattern = rf"(?<![A-Za-z0-9_-])(?:{pattern})(?![A-Za-z0-9_-])"
    return re.compile(pattern, re.IGNORECASE if written.words else 0)
