"""`Governance`: from a policy, which may change while it holds, to what each server's requests go through."""

from __future__ import annotations

import re
from collections.abc import Iterable

from msgspec import UNSET
from msgspec.structs import replace

from upcall.host.choosing import Families, builtin_families, candidate
from upcall.host.limits import Counters
from upcall.host.lines import Line, governed
from upcall.host.policy import Policy, PolicyFile, Rules, is_pattern
from upcall.host.shelf import Shelf
from upcall.models import Model
from upcall.models.catalog import load_model
from upcall.models.command import CommandModel
from upcall.models.prices import Rates
from upcall.models.retrying import Retrying

__all__ = ["Governance", "programs", "without_credentials"]

_USER = re.compile(r"(@https?://)[^/@\s]*@", re.IGNORECASE)
_QUERY = re.compile(r"(@https?://[^\s?#]*)[?#]\S*", re.IGNORECASE)
_CALL = 3600.0
"""Seconds that a call without a time limit keeps what it reserved when its process was killed; a running one renews."""
_MARGIN = 60.0


class Governance:
    """Lines by server, made when they are first needed, and again when the policy has changed.

    Inside, models go by their strings without the credentials that an address may hold: what is chosen, asked about,
    and recorded is fit to be seen. Only loading one uses the string as the operator wrote it.

    Args:
        policy: What holds; a `PolicyFile` is looked at for every request.
        own: The model that the host was given, if any.
        timeout: Seconds from a request's arrival to its answer, ``None`` for no limit.
        has_store: Whether there is a store.
        shared: Whether other processes may use it.
    """

    def __init__(
        self,
        policy: Policy | PolicyFile,
        own: Model | None,
        *,
        timeout: float | None,
        has_store: bool,
        shared: bool = False,
    ) -> None:
        self._source = policy
        self._own = own
        self._timeout = timeout
        self._has_store = has_store
        self._shared = shared
        self._counters = Counters()
        self.shelf = Shelf(own, self._load)
        self._policy = policy.current() if isinstance(policy, PolicyFile) else policy
        self._lines: dict[str, Line] = {}
        self._written: dict[str, str] = {}

    @property
    def policy(self) -> Policy:
        """The policy that is in force now."""
        if isinstance(self._source, PolicyFile):
            current = self._source.current()
            if current is not self._policy:
                self._policy = current
                self._lines.clear()
                self.shelf.forget("command/")
        return self._policy

    def rules_for(self, server: str) -> Rules:
        """What holds for ``server``, our name for it."""
        return self._shown(self.policy.rules_for(server))

    def line(self, server: str) -> Line:
        """What a request of ``server`` goes through now."""
        policy = self.policy
        line = self._lines.get(server)
        if line is None:
            line = self._lines[server] = self._line(policy, server)
        return line

    def _line(self, policy: Policy, server: str) -> Line:
        rules = self.rules_for(server)
        return governed(
            rules,
            candidates=[candidate(model, self.price_of) for model in self._candidates(policy, rules)],
            families=self.families,
            prices=self.price_of,
            counters=self._counters,
            ttl=_ttl(rules, self._timeout),
            has_store=self._has_store,
            shared=self._shared,
        )

    def candidates(self, server: str) -> list[str]:
        """The models that a request of ``server`` has to choose from, in the operator's order: every one that the
        policy allows it and names anywhere, and the host's own where it is allowed."""
        return self._candidates(self.policy, self.rules_for(server))

    @property
    def families(self) -> Families:
        """Which models stand in for each other."""
        return builtin_families().extended(self.policy.families)

    def price_of(self, model: str) -> Rates | None:
        """What the operator says that ``model`` costs; is an ``Overrides`` for `upcall.models.prices`."""
        return self._policy.price_of(self._written.get(model, model))

    def _candidates(self, policy: Policy, rules: Rules) -> list[str]:
        if not rules.models:
            return [self._own.name] if self._own is not None else []
        named = [
            *rules.models,
            *([rules.model] if rules.model is not None else []),
            *([self._own.name] if self._own is not None else []),
            *(model for models in policy.families.values() for model in self._all_shown(models)),
            *(f"command/{name}" for name in policy.commands),
        ]
        return list(dict.fromkeys(model for model in named if not is_pattern(model) and rules.allows(model)))

    def _load(self, name: str) -> Model:
        if name.startswith("command/"):
            return load_model(name, commands=programs(self._policy))
        model = load_model(self._written.get(name, name))
        return model if name.startswith("local/") else Retrying(model)

    def _shown(self, rules: Rules) -> Rules:
        return replace(
            rules,
            models=tuple(self._all_shown(rules.models)),
            model=None if rules.model is None else self._plain(rules.model),
            alternates={self._plain(one): tuple(self._all_shown(others)) for one, others in rules.alternates.items()},
            budgets=tuple(replace(budget, scope=self._plain(budget.scope)) for budget in rules.budgets),
        )

    def _all_shown(self, models: Iterable[str]) -> list[str]:
        return [self._plain(model) for model in models]

    def _plain(self, model: str) -> str:
        shown = without_credentials(model)
        if shown != model:
            self._written[shown] = model
        return shown


def without_credentials(model: str) -> str:
    """A model string without user, password and query of its address; any other text as it is."""
    return _QUERY.sub(r"\1", _USER.sub(r"\1", model))


def programs(policy: Policy) -> dict[str, CommandModel]:
    """The programs that ``policy`` names, as models: by the name that stands after ``command/``."""
    return {
        name: CommandModel(
            name,
            entry.argv,
            timeout=entry.timeout,
            max_output_bytes=entry.output_bytes,
            env_allow=entry.env,
            stdin=entry.stdin,
            cwd=None if entry.cwd is UNSET else entry.cwd,
        )
        for name, entry in policy.commands.items()
    }


def _ttl(rules: Rules, timeout: float | None) -> float:
    """As long as people and the model together may take."""
    return _MARGIN + (rules.deadline + _CALL if timeout is None else timeout)
