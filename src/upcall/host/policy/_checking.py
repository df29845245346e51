"""What the types of the schema cannot say: references between keys, forms of texts, things said twice."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from msgspec import UNSET

from upcall.host.policy._gateway import VARIABLE, check_gateway
from upcall.host.policy._places import Path, Places
from upcall.host.policy._resolving import Resolver
from upcall.host.policy._saying import joined, written
from upcall.host.policy.flags import FLAGS
from upcall.host.policy.origin import dotted
from upcall.host.policy.patterns import is_pattern, matches_any
from upcall.host.policy.problems import Problem, nearest
from upcall.host.policy.schema import Document, Settings

__all__ = ["check_document"]

_MODEL = re.compile(r"[^\s/]+/\S.*")
_COMMAND_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_STORES = ("sqlite:///", "postgresql://", "postgres://")
_AMOUNTS = ("calls", "tokens", "usd")


def check_document(document: Document, places: Places) -> list[Problem]:
    """Every problem of a document whose types are right."""
    checker = _Checker(document, places)
    return list(checker.problems())


class _Checker:
    def __init__(self, document: Document, places: Places) -> None:
        self._document = document
        self._places = places
        self._resolver = Resolver(document, places, None)

    def problems(self) -> Iterator[Problem]:
        """All of them, section by section."""
        yield from self._settings(("default",), self._document.default)
        for name, settings in self._document.server.items():
            if not name or is_pattern(name):
                yield self._at(
                    ("server", name), "A server is named exactly.", "What holds for all stands in [default]."
                )
            yield from self._settings(("server", name), settings)
        yield from self._budgets()
        yield from self._families()
        yield from self._prices()
        yield from self._alternates()
        yield from self._commands()
        yield from self._store()
        yield from self._gateway()

    def _settings(self, path: Path, settings: Settings) -> Iterator[Problem]:
        for flag in settings.scan:
            if flag not in FLAGS:
                near = nearest(flag, FLAGS)
                hint = f"Did you mean {near}?" if near else f"Known: {', '.join(FLAGS)}."
                yield self._at((*path, "scan", flag), f"There is no flag {dotted((flag,))}.", hint)
        forms = list(self._models_and_model(path, settings))
        yield from forms
        if not forms:
            yield from self._default_model(path, settings)

    def _models_and_model(self, path: Path, settings: Settings) -> Iterator[Problem]:
        if settings.models is not UNSET:
            yield from self._models((*path, "models"), settings.models, patterns=True)
        if settings.model is not UNSET:
            yield from self._models((*path, "model"), (settings.model,), patterns=False)

    def _default_model(self, path: Path, settings: Settings) -> Iterator[Problem]:
        if settings.models is UNSET and settings.model is UNSET:
            return
        server = path[1] if path[0] == "server" else ""
        (models, origin), (model, _) = self._resolver.models_of(str(server))
        if models and model is None:
            message = f"{dotted(path)}.models holds only patterns, so it does not say which model answers by default."
            yield self._at((*path, "models"), message, f"Set {dotted(path)}.model, or put a full model string first.")
        elif model is not None and not matches_any(models, model):
            key = "model" if settings.model is not UNSET else "models"
            message = f"{dotted(path)} has {written(model)} as its model, which {origin.section}.models does not allow."
            yield self._at((*path, key), message, f"Add it to {origin.section}.models, or set {dotted(path)}.models.")

    def _models(self, path: Path, models: Sequence[str], *, patterns: bool) -> Iterator[Problem]:
        for number, model in enumerate(models):
            place = (*path, number) if (*path, number) in self._places else path
            if is_pattern(model):
                if not patterns:
                    yield self._at(place, f"{dotted(path)} takes one model, not a pattern ({written(model)}).")
            elif not _MODEL.fullmatch(model):
                hint = "Write PROVIDER/MODEL, such as openai/gpt-5.4-mini; `upcall model list` shows the forms."
                yield self._at(place, f"{dotted(path)}: {written(model)} is no model string.", hint)
            elif model.startswith("command/") and ("command", name := model.partition("/")[2]) not in self._places:
                near = nearest(name, self._document.command)
                hint = f"Did you mean command/{near}?" if near else f"Describe it under [{dotted(('command', name))}]."
                yield self._at(place, f"{dotted(path)}: there is no command {dotted((name,))}.", hint)

    def _budgets(self) -> Iterator[Problem]:
        seen: dict[tuple[str, str], int] = {}
        for number, budget in enumerate(self._document.budget):
            path: Path = ("budget", number)
            kind, colon, name = budget.scope.partition(":")
            named = kind in ("server", "model") and bool(name)
            if not named and not (kind == "overall" and not colon):
                forms = "overall, server:NAME, server:* or model:PATTERN"
                message = f"{dotted(path)}.for takes {forms}; it is {written(budget.scope)}."
                yield self._at((*path, "for"), message)
            elif kind == "server" and is_pattern(name) and name != "*":
                message = f"{dotted(path)}.for names a server exactly, or * for each; it is {written(budget.scope)}."
                yield self._at((*path, "for"), message)
            if all(getattr(budget, amount) is UNSET for amount in _AMOUNTS):
                yield self._at(path, f"{dotted(path)} bounds nothing.", f"Set {joined(_AMOUNTS)}.")
            if (first := seen.setdefault((budget.scope, budget.per), number)) != number:
                message = f"{dotted(path)} is for {written(budget.scope)} per {budget.per}, as budget #{first + 1} is."
                yield self._at(path, message, "Put both into one.")

    def _families(self) -> Iterator[Problem]:
        for family, members in self._document.families.items():
            path: Path = ("families", family)
            if not family.strip():
                yield self._at(path, "A family needs a name: a word that hints contain.")
            yield from self._models(path, members, patterns=True)

    def _prices(self) -> Iterator[Problem]:
        for model in self._document.prices:
            yield from self._models(("prices", model), (model,), patterns=True)

    def _alternates(self) -> Iterator[Problem]:
        for model, others in self._document.alternates.items():
            path: Path = ("alternates", model)
            yield from self._models(path, (model, *others), patterns=False)
            if model in others or len(set(others)) < len(others):
                yield self._at(path, f"{dotted(path)} names a model twice.")

    def _commands(self) -> Iterator[Problem]:
        for name, command in self._document.command.items():
            path: Path = ("command", name)
            if not _COMMAND_NAME.fullmatch(name):
                yield self._at(path, f"{dotted(path)} is named with other than letters, digits, '.', '_' and '-'.")
            for variable in command.env:
                if not VARIABLE.fullmatch(variable):
                    message = (
                        f"{dotted(path)}.env takes names of environment variables, which {dotted(path)} gets from here."
                    )
                    yield self._at((*path, "env"), message, "Values stay in the environment; write the name alone.")

    def _store(self) -> Iterator[Problem]:
        url = self._document.store.url
        if url is not UNSET and not url.startswith(_STORES):
            yield self._at(("store", "url"), "store.url takes sqlite:///PATH or postgresql://USER@HOST/DATABASE.")

    def _gateway(self) -> Iterator[Problem]:
        for path, message, hint in check_gateway(self._document.gateway):
            yield self._at(path, message, hint)

    def _at(self, path: Path, message: str, hint: str = "") -> Problem:
        while path and path not in self._places:
            path = path[:-1]
        return Problem(line=self._places.get(path), message=message, hint=hint)
