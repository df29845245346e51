"""`Flag`: one thing that scanning has noticed."""

from __future__ import annotations

import msgspec

from upcall.host.scanning.rules import Severity, rules

__all__ = ["Flag"]


class Flag(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that scanning has noticed. It may be written down and shown: it holds no secret and no control."""

    rule: str
    """Id of the rule, such as ``zero-width``."""
    kind: str
    """The flag in the policy that decides what follows, such as ``invisible``."""
    severity: Severity
    path: str
    """Where the text stands in the JSON: ``systemPrompt``, ``messages[0].content[1].text``."""
    start: int
    """First character in that text that it is about."""
    end: int
    """The first one behind it."""
    excerpt: str
    """The place with some characters around, made visible, with secrets replaced; at most about 160 characters."""

    @property
    def means(self) -> str:
        """What it means, for a person."""
        return rules().by_id[self.rule].means
