"""How cheap, fast and able a model is, from 0 to 1, the more the better; and what that is worth to an asker.

*Cost* is on a fixed scale, so that one more allowed model does not change the order of the others: a factor of ten in
price is always the same distance, $0.05 per million tokens (three of input, one of output) is 1, $100 is 0. *Speed* and
*intelligence* are the operator's word, or that of the model's tier. What is not known is 0.5, and said.
"""

from __future__ import annotations

import math
from datetime import datetime
from typing import Literal, TypeAlias

import msgspec

from upcall.host.choosing.families import Families
from upcall.models import Usage
from upcall.models.prices import Overrides, price_of
from upcall.wire import ModelPreferences

__all__ = ["Candidate", "Considered", "Score", "candidate", "considered", "has_priorities"]

UNKNOWN = 0.5
_CHEAPEST, _DEAREST = 0.05, 100.0
_SAMPLE = Usage(input_tokens=3_000, output_tokens=1_000)

Score: TypeAlias = Literal["cost", "speed", "intelligence"]


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """A model that may answer, with what the operator knows of it."""

    model: str
    """Its model string."""
    usd_per_mtok: float | None = None
    """US dollars per million tokens, three of input to one of output; ``None`` when nobody knows."""
    speed: float | None = None
    """0 to 1, in place of the tier's."""
    intelligence: float | None = None
    """0 to 1, in place of the tier's."""


class Considered(msgspec.Struct, frozen=True, kw_only=True):
    """A candidate as it was weighed. Scores run from 0 to 1, the more the better."""

    model: str
    cost: float
    speed: float
    intelligence: float
    total: float | None
    """The scores, weighted by the asker's priorities; ``None`` when it has none."""
    wished: bool
    """Whether it meets the hint that decided, or there was no such hint."""
    unknown: tuple[Score, ...] = ()
    """Scores that nobody knows, and that were taken as the middle."""


def candidate(
    model: str,
    overrides: Overrides | None = None,
    *,
    speed: float | None = None,
    intelligence: float | None = None,
    at: datetime | None = None,
) -> Candidate:
    """A candidate with its price looked up: the operator's rates first, then the price list.

    Args:
        model: A model string.
        overrides: The operator's rates, as in `upcall.models.prices`.
        speed: The operator's word on it, 0 to 1.
        intelligence: The same.
        at: When it would be called; now when ``None``.
    """
    micro_usd = price_of(model, _SAMPLE, overrides, at=at).micro_usd
    per_mtok = None if micro_usd is None else micro_usd / _SAMPLE.total_tokens
    return Candidate(model=model, usd_per_mtok=per_mtok, speed=speed, intelligence=intelligence)


def considered(one: Candidate, preferences: ModelPreferences, families: Families, *, wished: bool) -> Considered:
    """Weigh one candidate."""
    tier = families.tier_of(one.model)
    known: dict[Score, float | None] = {
        "cost": None if one.usd_per_mtok is None else _cheapness(one.usd_per_mtok),
        "speed": one.speed if one.speed is not None or tier is None else tier.speed,
        "intelligence": one.intelligence if one.intelligence is not None or tier is None else tier.intelligence,
    }
    cost, speed, intelligence = (UNKNOWN if score is None else score for score in known.values())
    return Considered(
        model=one.model,
        cost=cost,
        speed=speed,
        intelligence=intelligence,
        total=_weighted((cost, speed, intelligence), _priorities(preferences)),
        wished=wished,
        unknown=tuple(name for name, score in known.items() if score is None),
    )


def has_priorities(preferences: ModelPreferences) -> bool:
    """Whether the asker has any priority above 0."""
    return any(_priorities(preferences))


def _priorities(preferences: ModelPreferences) -> tuple[float, float, float]:
    return (
        preferences.cost_priority or 0.0,
        preferences.speed_priority or 0.0,
        preferences.intelligence_priority or 0.0,
    )


def _weighted(scores: tuple[float, float, float], priorities: tuple[float, float, float]) -> float | None:
    weight = sum(priorities)
    if weight == 0:
        return None
    return sum(score * priority for score, priority in zip(scores, priorities, strict=True)) / weight


def _cheapness(usd: float) -> float:
    if usd <= _CHEAPEST:
        return 1.0
    return max(0.0, 1 - math.log(usd / _CHEAPEST) / math.log(_DEAREST / _CHEAPEST))
