"""`Hiding`: takes the secrets that a server was handed out of everything that is shown of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from urllib.parse import parse_qsl, urlsplit

from upcall.gateway.clients import MASK, is_secret_name, masked_command
from upcall.gateway.examining._targets import Target

__all__ = ["Hiding", "secrets_in"]

_LONGEST = 500
_SHORTEST = 6
"""Characters; a shorter value would hide words of every text."""


class Hiding:
    """Replaces the values it was given.

    Args:
        values: Secrets; those with fewer than six characters cannot be told from other text and are not replaced.
    """

    def __init__(self, values: Iterable[str]) -> None:
        # The longest first, so that none spoils another that it is a part of.
        self._values = sorted({value for value in values if len(value) >= _SHORTEST}, key=len, reverse=True)

    def __call__(self, text: str) -> str:
        """``text`` without them."""
        for value in self._values:
            text = text.replace(value, MASK)
        return text

    def line(self, text: str) -> str:
        """The same on one line, so that no server writes lines of a report, and not longer than a person reads."""
        text = " ".join(self(text).split())
        return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def secrets_in(target: Target, inherited: Mapping[str, str]) -> list[str]:
    """What must not be shown of ``target``: every value of its environment that does not look like a plain setting,
    such of the inherited ones with a name that says so, each word of a header, the words of its command line that look
    like secrets, and of its address the password and the values of the query."""
    found = [value for name, value in inherited.items() if is_secret_name(name) and not _is_setting(value)]
    found += [value for name, value in target.env.items() if is_secret_name(name) or not _is_setting(value)]
    for value in target.headers.values():
        found += [value, *value.split()[1:]]
    for word, shown in zip(target.argv, masked_command(target.argv), strict=True):
        if shown != word:
            found += [word, word.partition("=")[2]]
    parts = urlsplit(target.url)
    return [*found, parts.password or "", *(value for _, value in parse_qsl(parts.query))]


def _is_setting(value: str) -> bool:
    """A path, a number, or a word of letters such as ``development``."""
    return value.startswith(("/", "~", ".")) or value.isalpha() or value.isdigit()
