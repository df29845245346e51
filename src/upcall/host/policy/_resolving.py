"""From the words of the file to the `Rules` of one server: its section, ``[default]``, what is built in."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET

from upcall.host.policy._places import Path, Places
from upcall.host.policy.defaults import DEFAULTS
from upcall.host.policy.origin import BUILT_IN, Origin, dotted
from upcall.host.policy.patterns import first_concrete, matches_any
from upcall.host.policy.rules import Budget, Limits, Rules
from upcall.host.policy.schema import UNLIMITED, BudgetEntry, Document, LimitSettings, Settings

__all__ = ["Resolver"]

_Found = tuple[Any, Origin]


class Resolver:
    """Resolves keys of one document."""

    def __init__(self, document: Document, places: Places, file: str | None) -> None:
        self._document = document
        self._places = places
        self._file = file

    def rules(self, server: str) -> Rules:
        """What holds for ``server``, whether it has a section or not. `models_of` must be sound for it."""
        layers = self._layers(server)
        models, model = self.models_of(server)
        found: dict[str, _Found] = {
            name: self._plain(layers, name)
            for name in Settings.__struct_fields__
            if name not in ("models", "model", "scan", "limits")
        }
        limits = {name: self._limit(layers, name) for name in LimitSettings.__struct_fields__}
        scan = self._scan(layers)
        allowed = models[0]
        origins = {name: origin for name, (_, origin) in found.items()}
        origins |= {"models": models[1], "model": model[1]}
        origins |= {f"limits.{name}": origin for name, (_, origin) in limits.items()}
        origins |= {f"scan.{name}": origin for name, (_, origin) in scan.items()}
        return Rules(
            server=server,
            models=allowed,
            model=model[0],
            limits=Limits(**{name: value for name, (value, _) in limits.items()}),
            scan={name: value for name, (value, _) in scan.items()},
            budgets=tuple(
                self._budget(number, entry)
                for number, entry in enumerate(self._document.budget)
                if not entry.scope.startswith("server:") or entry.scope in ("server:*", f"server:{server}")
            ),
            alternates={
                one: tuple(other for other in others if matches_any(allowed, other))
                for one, others in self._document.alternates.items()
                if matches_any(allowed, one)
            },
            origins=origins,
            file=self._file,
            **{name: value for name, (value, _) in found.items()},
        )

    def models_of(self, server: str) -> tuple[tuple[tuple[str, ...], Origin], tuple[str | None, Origin]]:
        """``models`` and ``model`` of a server, which lean on each other.

        ``model`` alone allows that one. ``models`` alone makes its first concrete one the default. A server's own
        ``models`` puts aside a default section's ``model`` that is not among them.
        """
        layers = self._layers(server)
        wanted, model_origin = self._first(layers, "model", None)
        allowed, origin = self._first(layers, "models", ())
        if wanted is not None and origin.is_built_in:
            return ((wanted,), model_origin), (wanted, model_origin)
        overridden = model_origin.section == "default" and origin.section != "default"
        if wanted is None or (overridden and not matches_any(allowed, wanted)):
            return (allowed, origin), (first_concrete(allowed), origin)
        return (allowed, origin), (wanted, model_origin)

    def _layers(self, server: str) -> list[tuple[Path, Settings]]:
        own = self._document.server.get(server)
        above: list[tuple[Path, Settings]] = [(("server", server), own)] if own is not None else []
        return [*above, (("default",), self._document.default)]

    def _first(self, layers: list[tuple[Path, Settings]], name: str, built_in: Any) -> _Found:
        for section, settings in layers:
            if (value := getattr(settings, name)) is not UNSET:
                return value, self._origin(section, (name,))
        return built_in, Origin(section=BUILT_IN, key=name)

    def _plain(self, layers: list[tuple[Path, Settings]], name: str) -> _Found:
        return self._first(layers, name, getattr(DEFAULTS, name))

    def _limit(self, layers: list[tuple[Path, Settings]], name: str) -> _Found:
        for section, settings in layers:
            if (value := getattr(settings.limits, name)) is not UNSET:
                return (None if value == UNLIMITED else value), self._origin(section, ("limits", name))
        return getattr(DEFAULTS.limits, name), Origin(section=BUILT_IN, key=f"limits.{name}")

    def _scan(self, layers: list[tuple[Path, Settings]]) -> dict[str, _Found]:
        found: dict[str, _Found] = {
            flag: (action, Origin(section=BUILT_IN, key=f"scan.{flag}")) for flag, action in DEFAULTS.scan.items()
        }
        for section, settings in reversed(layers):
            for flag, action in settings.scan.items():
                found[flag] = (action, self._origin(section, ("scan", flag)))
        return found

    def _budget(self, number: int, entry: BudgetEntry) -> Budget:
        return Budget(
            scope=entry.scope,
            per=entry.per,
            calls=_or_none(entry.calls),
            tokens=_or_none(entry.tokens),
            usd=_or_none(entry.usd),
            origin=self._origin(("budget", number), ()),
        )

    def _origin(self, section: Path, keys: tuple[str, ...]) -> Origin:
        line = self._places.get((*section, *keys))
        return Origin(section=dotted(section), key=dotted(keys), file=self._file, line=line)


def _or_none(value: Any) -> Any:
    return None if isinstance(value, msgspec.UnsetType) else value
