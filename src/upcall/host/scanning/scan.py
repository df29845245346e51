"""`scan_request`, `scan_reply`, `redact`: what to look at twice in a prompt or an answer. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from upcall.host.scanning._finding import Find, Scanned
from upcall.host.scanning._texts import Visit, mapped_request, mapped_result
from upcall.host.scanning.flags import Flag
from upcall.host.scanning.rules import Place
from upcall.wire import SamplingRequest, SamplingResult, visible

__all__ = ["MOST_OF_A_RULE", "redact", "redact_reply", "scan_reply", "scan_request"]

MOST_OF_A_RULE = 20
"""Flags of one rule that are listed for one request or reply; more of the same tell nobody more."""

_AROUND = 24
_SHOWN = 100


def scan_request(request: SamplingRequest) -> list[Flag]:
    """What is noticed in ``request``, in the order of its texts; at most `MOST_OF_A_RULE` of each rule."""
    scan = _Scan(brings_tools=bool(request.tools))
    mapped_request(request, scan.visit)
    return scan.flags


def scan_reply(result: SamplingResult) -> list[Flag]:
    """What is noticed in a model's answer."""
    scan = _Scan(brings_tools=False)
    mapped_result(result, scan.visit)
    return scan.flags


def redact(request: SamplingRequest) -> tuple[SamplingRequest, list[Flag]]:
    """``request`` with each secret replaced by ``[redacted: …]``, and a flag for each, with its place in the original.

    Everything else stays as it is; names of tools are no place for secrets and are left alone. Redacting the outcome
    again changes nothing. The same object comes back when there is nothing to redact.
    """
    flags: list[Flag] = []
    return mapped_request(request, _redacting(flags)), flags


def redact_reply(result: SamplingResult) -> tuple[SamplingResult, list[Flag]]:
    """The same for a model's answer: for the record, say."""
    flags: list[Flag] = []
    return mapped_result(result, _redacting(flags)), flags


class _Scan:
    def __init__(self, *, brings_tools: bool) -> None:
        self.flags: list[Flag] = []
        self._brings_tools = brings_tools
        self._counts: Counter[str] = Counter()

    def visit(self, place: Place, path: str, text: str) -> str:
        scanned = Scanned(text, place)
        for find in scanned.secrets:
            self._add(find, path, scanned)
        for rule in scanned.candidates():
            if self._counts[rule.id] >= MOST_OF_A_RULE or (rule.unless_tools and self._brings_tools):
                continue
            for find in scanned.finds(rule):
                if not self._add(find, path, scanned):
                    break
        return text

    def _add(self, find: Find, path: str, scanned: Scanned) -> bool:
        if self._counts[find.rule.id] >= MOST_OF_A_RULE:
            return False
        self._counts[find.rule.id] += 1
        self.flags.append(_flag(find, path, scanned))
        return True


def _redacting(flags: list[Flag]) -> Visit:
    def visit(place: Place, path: str, text: str) -> str:
        scanned = Scanned(text, place)
        if not scanned.secrets:
            return text
        flags.extend(_flag(find, path, scanned) for find in scanned.secrets)
        return _redacted(text, scanned.secrets, 0, len(text))

    return visit


def _flag(find: Find, path: str, scanned: Scanned) -> Flag:
    rule = find.rule
    return Flag(
        rule=rule.id,
        kind=rule.kind,
        severity=rule.severity,
        path=path,
        start=find.start,
        end=find.end,
        excerpt=_excerpt(find, scanned),
    )


def _excerpt(find: Find, scanned: Scanned) -> str:
    text = scanned.text
    first, last = max(0, find.start - _AROUND), min(len(text), find.end + _AROUND)
    secrets = scanned.secrets_within(first, last)
    if last - first > _SHOWN:
        half = _SHOWN // 2
        shown = _redacted(text, secrets, first, first + half) + " … " + _redacted(text, secrets, last - half, last)
    else:
        shown = _redacted(text, secrets, first, last)
    shown = visible(shown).replace("\n", "⏎").replace("\t", " ")
    # A secret that reaches out of the window is shown as a whole.
    begins = min([first, *(secret.start for secret in secrets)])
    ends = max([last, *(secret.end for secret in secrets)])
    return ("…" if begins > 0 else "") + shown + ("…" if ends < len(text) else "")


def _redacted(text: str, secrets: Sequence[Find], first: int, last: int) -> str:
    """``text[first:last]``, each of ``secrets`` that reaches into it replaced as a whole."""
    pieces, done = [], first
    for start, end, rule in secrets:
        if start < last and end > first:
            pieces += [text[done:start] if start > done else "", f"[redacted: {rule.id}]"]
            done = end
    return "".join([*pieces, text[done:last]])
