"""What a benchmark hands back, and the few statistics it needs.

The machine may be busy with other things, so nothing here compares numbers of different runs. What is compared is
measured in turns, a short block of each contender after the other, and compared block by block: a *paired ratio*.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from statistics import median, quantiles
from typing import Any, NamedTuple, TypeVar

__all__ = ["Goal", "Outcome", "Spread", "Table", "paired", "spread", "turns"]

T = TypeVar("T")


class Spread(NamedTuple):
    """A median, and the quartiles around it."""

    median: float
    low: float
    high: float
    size: int
    """How many values there were."""

    def show(self, digits: int = 2) -> str:
        """``median (low-high)``."""
        return f"{self.median:.{digits}f} ({self.low:.{digits}f}-{self.high:.{digits}f})"


def spread(values: Sequence[float]) -> Spread:
    """Median and quartiles of ``values``, of which there must be one at least."""
    if len(values) < 2:
        return Spread(values[0], values[0], values[0], len(values))
    low, _, high = quantiles(values, n=4, method="inclusive")
    return Spread(median(values), low, high, len(values))


def paired(values: Sequence[float], base: Sequence[float]) -> Spread:
    """The ratios of blocks that were measured next to each other, as far as both go."""
    return spread([value / other for value, other in zip(values, base, strict=False)])


def turns(contenders: Sequence[T], rounds: int) -> Iterator[Sequence[T]]:
    """For each round the order of the contenders: every other is the reverse of the one before, and then it turns.

    In twice as many rounds as there are contenders each comes first twice, and last twice.
    """
    for number in range(rounds):
        start = number // 2 % len(contenders)
        order = [*contenders[start:], *contenders[:start]]
        yield order if number % 2 == 0 else order[::-1]


@dataclass(frozen=True, slots=True)
class Goal:
    """A number that DESIGN sets a limit to. Smaller is better."""

    name: str
    measured: float
    limit: float
    unit: str = "x"
    remark: str = ""

    @property
    def met(self) -> bool:
        """Whether the measured number is within the limit."""
        return self.measured <= self.limit

    def as_json(self) -> dict[str, Any]:
        """All of it, the verdict included."""
        fields = ("name", "measured", "limit", "unit", "remark")
        return {**{name: getattr(self, name) for name in fields}, "met": self.met}


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of text; the first column names the row, the others hold numbers."""

    title: str
    columns: list[str]
    rows: list[list[str]]
    note: str = ""


@dataclass(slots=True)
class Outcome:
    """What one benchmark found."""

    tables: list[Table] = field(default_factory=list)
    goals: list[Goal] = field(default_factory=list)
    data: dict[str, Any] = field(default_factory=dict)
    """Every number measured, for the JSON file."""
    missing: dict[str, str] = field(default_factory=dict)
    """Contenders that could not be measured, and why."""
