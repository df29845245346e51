"""The shape of a row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

__all__ = ["TO_COME", "Group", "Level", "Requirement", "tests_in"]

Level: TypeAlias = Literal["MUST", "SHOULD", "MAY", "attack", "scenario"]

TO_COME: dict[str, tuple[str, ...]] = {
    "server: replay": ("src/upcall/server/replay*", "src/upcall/server/_replay*"),
    "testing: cassettes": ("src/upcall/testing/*cassette*",),
    "web": ("src/upcall/web/*.py",),
}
"""What is not built yet, and by which files one can tell that it is. As soon as one of them is there, rows that wait
for it have to name their tests."""


@dataclass(frozen=True, slots=True)
class Requirement:
    """One thing that is demanded.

    Exactly one of ``tests`` and ``pending`` is given; what is half built is two rows.
    """

    id: str
    """Stable, ``area.what-it-is``."""
    level: Level
    demand: str
    """In our own words, one sentence."""
    source: str
    """Protocol version with section or schema type, SEP, or the scenario."""
    room: str
    """Who owes it."""
    tests: tuple[str, ...] = ()
    """Node ids of pytest without parameters, from the project's root."""
    pending: str = ""
    """A key of `TO_COME`."""


@dataclass(frozen=True, slots=True)
class Group:
    """Rows that are read together."""

    title: str
    about: str
    rows: tuple[Requirement, ...]


def tests_in(path: str, *names: str) -> tuple[str, ...]:
    """Node ids of several tests of one file below ``tests/``, each without its ``test_``."""
    return tuple(f"tests/{path}::test_{name}" for name in names)
