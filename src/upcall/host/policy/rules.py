"""`Rules`: what holds for one server, everything resolved, each value knowing where it comes from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal

import msgspec

from upcall.host.policy.origin import Origin, dotted
from upcall.host.policy.patterns import matches, matches_any
from upcall.host.policy.schema import Decision, MediaKind, Period, Protocol, Recording, Sampling, ScanAction
from upcall.store.budgets import Limit

__all__ = ["Budget", "Limits", "Rules", "Verdict"]

_STRICTNESS: tuple[Decision, ...] = ("allow", "ask", "deny")


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """The limits of one server, as `upcall.host.policy.schema.LimitSettings` has them; ``None`` is no limit."""

    max_tokens: int | None
    prompt_chars: int | None
    media_bytes: int | None
    requests_per_result: int | None
    concurrent: int | None
    rounds_per_call: int | None
    samples_per_call: int | None
    per_minute: int | None


class Budget(msgspec.Struct, frozen=True, kw_only=True):
    """What may be spent in a period; ``None`` is no bound of that kind."""

    scope: str
    """``overall``, ``server:NAME``, ``server:*`` or ``model:PATTERN``."""
    per: Period
    calls: int | None
    tokens: int | None
    usd: Decimal | None
    origin: Origin

    def account(self, *, server: str, model: str | None) -> str | None:
        """The account that a call is booked on, ``None`` when this budget does not concern it.

        Calls with the same account share what is left: ``server:*`` gives each server one of its own, all models
        of a pattern share one.

        Args:
            server: Our name for the server that asks.
            model: The model string that is to answer; ``None`` while none is chosen.
        """
        kind, _, name = self.scope.partition(":")
        if kind == "overall":
            return self.scope
        if kind == "server":
            return f"server:{server}" if name in ("*", server) else None
        return self.scope if model is not None and matches(name, model) else None

    def limit(self, *, server: str, model: str | None) -> Limit | None:
        """What the store is to check for such a call; ``None`` when this budget does not concern it.

        Parts of a millionth of a dollar are left out of ``usd``, so that the bound is never exceeded.
        """
        key = self.account(server=server, model=model)
        if key is None:
            return None
        micro_usd = None if self.usd is None else int(self.usd * 1_000_000)
        return Limit(key=key, window=self.per, calls=self.calls, tokens=self.tokens, micro_usd=micro_usd)


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """The decision on one request, and the rule that made it what it is."""

    decision: Decision
    origin: Origin
    flag: str | None = None
    """The flag that made it stricter than ``decision`` in the policy."""


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """What holds for one server. The fields are the keys of `upcall.host.policy.schema.Settings`."""

    server: str
    """Our name for it."""
    decision: Decision
    models: tuple[str, ...]
    """Patterns; empty when the policy names no model: then only the host's own model may answer."""
    model: str | None
    """The default among them; ``None`` exactly when ``models`` is empty."""
    sampling: Sampling
    """Who answers behind the gateway."""
    protocol: Protocol
    """Which revisions are spoken behind it."""
    tools: bool
    media: tuple[MediaKind, ...]
    review_reply: bool
    record: Recording
    redact: bool
    scan: Mapping[str, ScanAction]
    deadline: float
    """Seconds."""
    limits: Limits
    budgets: tuple[Budget, ...]
    """All that can concern this server, those per model included."""
    alternates: Mapping[str, tuple[str, ...]]
    """Model → models tried in its place, in order; only models that this server may use."""
    origins: Mapping[str, Origin]
    file: str | None
    """The policy file; ``None`` when there is none."""

    def origin(self, key: str) -> Origin:
        """Where the value of ``key`` (``decision``, ``limits.max_tokens``, ``scan.secrets`` …) comes from.

        Raises:
            KeyError: There is no such key.
        """
        return self.origins[key]

    def allows(self, model: str) -> bool:
        """Whether ``model`` may answer this server. Without models in the policy, none of its own is known to it."""
        return matches_any(self.models, model)

    def verdict(self, flags: Iterable[str] = ()) -> Verdict:
        """The decision on a request with ``flags``. Flags make it stricter, never more lenient.

        A flag that the policy does not know counts as ``ask``: nothing that was noticed passes in silence.
        """
        verdict = Verdict(decision=self.decision, origin=self.origin("decision"))
        for flag in flags:
            action = self.scan.get(flag, "ask")
            if action != "note" and _STRICTNESS.index(action) > _STRICTNESS.index(verdict.decision):
                origin = self.origins.get(f"scan.{flag}") or self.origin("decision")
                verdict = Verdict(decision=action, origin=origin, flag=flag)
        return verdict

    def remedy(self, key: str, change: str = "raise") -> str:
        """What the operator does to have another value for ``key``. Names paths: for this side's eyes only."""
        origin = self.origin(key)
        below, _, last = key.rpartition(".")
        own = dotted(("server", self.server, *below.split("."))) if below else dotted(("server", self.server))
        if self.file is None:
            return f"There is no policy file: write one with `upcall init`, and set {last} under [{own}]."
        if origin.is_built_in:
            return f"It is the built-in default; to {change} it, set {last} under [{own}] in {self.file}."
        if origin.section == "default":
            return f"It is set at {origin}; {change} it there, or for this server alone under [{own}]."
        return f"It is set at {origin}; {change} it there."
