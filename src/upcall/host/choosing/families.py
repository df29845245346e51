"""Families of models: which ones fill a similar niche. The table is ``families.toml``, beside this file."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files

import msgspec

from upcall.errors import ConfigurationError
from upcall.models.addresses import divided

__all__ = ["Families", "Family", "Tier", "builtin_families", "plain_name"]

_BETWEEN_WORDS = re.compile(r"[^a-z0-9]+")


class Tier(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How fast and how able the models of a tier are, from 0 to 1."""

    speed: float
    intelligence: float


class Family(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Models of one kind and maker."""

    name: str
    tier: str
    names: tuple[str, ...]
    """Ways to recognise a member: all words of one of these occur in its name."""

    def fits(self, words: set[str]) -> bool:
        """Whether a name of these words is a member's."""
        return any(words.issuperset(name.split()) for name in self.names)


class Families(msgspec.Struct, frozen=True, kw_only=True):
    """The table.

    Raises:
        ConfigurationError: A family's tier is missing.
    """

    tiers: Mapping[str, Tier]
    families: tuple[Family, ...]
    """The first that fits counts."""
    own: Mapping[str, Sequence[str]] = {}
    """The operator's: a word in a hint → patterns of model strings that answer to it, the nearest first."""

    def __post_init__(self) -> None:
        for family in self.families:
            if family.tier not in self.tiers:
                raise ConfigurationError(f"The family {family.name} is of tier {family.tier!r}, which there is not.")

    def extended(self, own: Mapping[str, Sequence[str]]) -> Families:
        """This table with the operator's entries; they stand before the ones that are there."""
        return msgspec.structs.replace(
            self, own={**own, **{word: self.own[word] for word in self.own if word not in own}}
        )

    def family_of(self, name: str) -> Family | None:
        """The family of a model string, or of a hint; ``None`` for one that is not in the table."""
        words = set(_BETWEEN_WORDS.split(plain_name(name)))
        return next((family for family in self.families if family.fits(words)), None)

    def tier_of(self, name: str) -> Tier | None:
        """What is known of a model by its family."""
        family = self.family_of(name)
        return self.tiers[family.tier] if family is not None else None

    def answering_to(self, hint: str, models: Sequence[str]) -> list[str]:
        """Those of ``models`` that the operator has answer to ``hint``: all that fit the nearest pattern with any."""
        if not self.own:
            return []
        from upcall.host.policy.patterns import matches  # loaded with the policy that the entries are from

        lowered = hint.lower()
        for word, patterns in self.own.items():
            if word and word.lower() in lowered:
                for pattern in patterns:
                    if found := [model for model in models if matches(pattern, model)]:
                        return found
        return []


def plain_name(model: str) -> str:
    """A model string without an address, in lower case: what a hint is compared with."""
    return divided(model)[0].lower()


class _File(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    tier: dict[str, Tier]
    family: tuple[Family, ...]


@cache
def builtin_families() -> Families:
    """The table that comes with upcall."""
    text = files("upcall.host.choosing").joinpath("families.toml").read_text(encoding="utf-8")
    read = msgspec.toml.decode(text, type=_File)
    return Families(tiers=read.tier, families=read.family)
