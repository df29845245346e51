"""`Policy`: one ``upcall.toml``, read and checked."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from msgspec import UnsetType

from upcall.errors import ConfigurationError
from upcall.host.policy._checking import check_document
from upcall.host.policy._places import Places, places_of
from upcall.host.policy._reading import read_document
from upcall.host.policy._resolving import Resolver
from upcall.host.policy.patterns import matches
from upcall.host.policy.problems import Problem
from upcall.host.policy.rules import Rules
from upcall.host.policy.schema import Approval, CommandEntry, Document, GatewayEntry, StoreEntry
from upcall.models.prices import Rates

__all__ = ["Policy", "check_policy", "parse_policy"]

_SHOWN = 5
"""Problems that an error names; `upcall policy check` lists them all."""


class Policy:
    """A policy. Frozen: a changed file makes a new one.

    Args:
        document: Checked, as `parse_policy` does it.
        places: Lines of the document's keys.
        file: Path of the file, for messages on this side.
    """

    def __init__(self, document: Document, places: Places, file: str | None) -> None:
        self._document = document
        self._file = file
        self._resolver = Resolver(document, places, file)
        self._rules: dict[str, Rules] = {}

    @property
    def file(self) -> str | None:
        """Path of the file; ``None`` for a policy that was never one."""
        return self._file

    @property
    def document(self) -> Document:
        """The words of the file, nothing resolved."""
        return self._document

    @property
    def servers(self) -> tuple[str, ...]:
        """Names of the servers that have a section of their own."""
        return tuple(self._document.server)

    @property
    def families(self) -> Mapping[str, tuple[str, ...]]:
        """Word in a hint → models that answer to it, patterns among them, the nearest first."""
        return self._document.families

    @property
    def commands(self) -> Mapping[str, CommandEntry]:
        """The programs behind ``command/NAME``, by NAME."""
        return self._document.command

    @property
    def store(self) -> StoreEntry:
        """Where records are kept."""
        return self._document.store

    @property
    def approval(self) -> Approval:
        """How people are asked."""
        return self._document.approval

    @property
    def gateway(self) -> GatewayEntry:
        """How the gateway serves over HTTP."""
        return self._document.gateway

    def rules_for(self, server: str) -> Rules:
        """What holds for ``server``, our name for it; a server without a section has the default rules."""
        if server not in self._rules:
            self._rules[server] = self._resolver.rules(server)
        return self._rules[server]

    def price_of(self, model: str) -> Rates | None:
        """The price that the file sets for ``model``: its own, or the first pattern's that fits.

        Is an ``Overrides`` for `upcall.models.prices`.
        """
        prices = self._document.prices
        pattern = model if model in prices else next((one for one in prices if matches(one, model)), None)
        if pattern is None:
            return None
        price = prices[pattern]
        cached = None if isinstance(price.cached_input, UnsetType) else price.cached_input
        return Rates(input=price.input, output=price.output, cached_input=cached)


def check_policy(text: str, file: str | None = None) -> tuple[Policy | None, list[Problem]]:
    """Read a policy and find everything that is wrong with it; the policy is there when nothing is.

    Args:
        text: TOML 1.0.
        file: Where it comes from, for messages on this side.
    """
    try:
        parsed: dict[str, Any] = tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        return None, [_broken(text, error)]
    places = places_of(text)
    document, problems = read_document(parsed, places)
    problems += check_document(document, places)
    if problems:
        return None, sorted(problems, key=lambda problem: problem.line or 0)
    return Policy(document, places, file), []


def parse_policy(text: str, file: str | None = None) -> Policy:
    """The policy that ``text`` says.

    Raises:
        ConfigurationError: Something is wrong with it; the hint names the first few problems, ``detail`` all of them
            and the file.
    """
    policy, problems = check_policy(text, file)
    if policy is not None:
        return policy
    count = "a problem" if len(problems) == 1 else f"{len(problems)} problems"
    lines = [str(problem) for problem in problems]
    more = [f"… and {len(lines) - _SHOWN} more; `upcall policy check` lists them."] if len(lines) > _SHOWN else []
    raise ConfigurationError(
        f"The policy file has {count}.",
        hint="\n".join([*lines[:_SHOWN], *more]),
        detail="\n".join([file or "A policy that is not a file:", *lines]),
    )


def _broken(text: str, error: tomllib.TOMLDecodeError) -> Problem:
    said, _, place = str(error).partition(" (at ")
    words = place.replace(",", "").rstrip(")").split()
    line = int(words[1]) if words[:1] == ["line"] else text.count("\n") + 1
    return Problem(line=line, message=f"This is no TOML: {said[:1].lower()}{said[1:]}.")
