"""Where a rule, or all rules for secrets, find something in one text. Linear in the text."""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from upcall.host.scanning.rules import Place, Rule, rules

__all__ = ["Find", "Scanned"]

_UNSEEN = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0"
    "\U000e0000-\U000e0fff]"
)
_ORNAMENTAL = {
    code: plain
    for code in (*range(0xFF01, 0xFF5F), *range(0x1D400, 0x1D800), *range(0x2460, 0x2500))
    if len(plain := unicodedata.normalize("NFKC", chr(code))) == 1 and plain.isascii()
}
"""Full-width, mathematical and circled letters → the ones they stand for."""


class Find(NamedTuple):
    """A part of a text, and the rule that found it."""

    start: int
    end: int
    rule: Rule


class Scanned:
    """One text with what is needed to try rules on it; each is computed at most once."""

    def __init__(self, text: str, place: Place) -> None:
        self.text = text
        self._place = place
        self._lowered = text.lower()
        self._folded: tuple[str, list[int] | None] | None = None
        self._plain = text.isascii() and text.replace("\n", "").replace("\t", "").isprintable()
        # Folding can bring needles to light, in what is not ASCII.
        self._has_needle = not self._plain or rules().any_needle.search(self._lowered) is not None
        self.secrets = self._find_secrets() if self._has_needle else []
        """Secrets, from left to right, not overlapping."""

    def secrets_within(self, first: int, last: int) -> list[Find]:
        """Those that reach into ``text[first:last]``."""
        begin = bisect_right(self.secrets, first, key=lambda find: find.end)
        return self.secrets[begin : bisect_left(self.secrets, last, key=lambda find: find.start)]

    def candidates(self) -> Iterator[Rule]:
        """Rules that are worth trying on this text, those for secrets left out."""
        for rule in rules().of_words if self._plain else (*rules().of_characters, *rules().of_words):
            if self._place in rule.where and (self._has_needle or not rule.needles):
                yield rule

    def finds(self, rule: Rule) -> Iterator[Find]:
        """What ``rule`` finds, from left to right."""
        if not rule.words:
            yield from self._tried(rule, self.text, self._lowered)
            return
        folded, origins = self._fold()
        for start, end, _ in self._tried(rule, folded, folded.lower()):
            yield Find(start, end, rule) if origins is None else Find(origins[start], origins[end - 1] + 1, rule)

    def _tried(self, rule: Rule, text: str, lowered: str) -> Iterator[Find]:
        if rule.needles and not any(needle in lowered for needle in rule.needles):
            return
        group = "it" if "it" in rule.compiled.groupindex else 0
        fine = "fine" in rule.compiled.groupindex
        for found in rule.compiled.finditer(text):
            if fine and found["fine"] is not None:
                continue
            start, end = found.span(group)
            if start < end and (rule.check is None or rule.check(found[group])):
                yield Find(start, end, rule)

    def _fold(self) -> tuple[str, list[int] | None]:
        """The text as a reader of words takes it, and where its characters come from (``None``: the same place)."""
        if self._folded is None:
            if self.text.isascii():
                self._folded = self.text, None
            else:
                kept = [number for number, one in enumerate(self.text) if not _UNSEEN.match(one)]
                same = len(kept) == len(self.text)
                seen = self.text if same else "".join(self.text[number] for number in kept)
                self._folded = seen.translate(_ORNAMENTAL), None if same else kept
        return self._folded

    def _find_secrets(self) -> list[Find]:
        """What the rules for secrets find, and what they find beside that once it is taken away.

        What is taken away becomes a bracketed run of the same length. As no secret has a bracket in it, the rules find
        in the rest what they will find in the redacted text; when that is nothing, redacting again changes nothing.
        """
        found: list[Find] = []
        text, lowered = self.text, self._lowered
        candidates = [rule for rule in rules().secrets if self._place in rule.where]
        while new := _merged(find for rule in candidates for find in self._tried(rule, text, lowered)):
            found += new
            text = _masked(text, new)
            lowered = text.lower()
        return sorted(found)


def _merged(finds: Iterable[Find]) -> list[Find]:
    merged: list[Find] = []
    for find in sorted(finds, key=lambda find: (find.start, -find.end)):
        if merged and find.start < merged[-1].end:
            merged[-1] = merged[-1]._replace(end=max(merged[-1].end, find.end))
        else:
            merged.append(find)
    return merged


def _masked(text: str, finds: Sequence[Find]) -> str:
    pieces, done = [], 0
    for start, end, _ in finds:
        pieces += [text[done:start], "[", "]" * (end - start - 1)]
        done = end
    return "".join([*pieces, text[done:]])
