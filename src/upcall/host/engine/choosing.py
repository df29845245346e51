"""Stage *choose model*: what the asker would like, within what the operator allows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from upcall.errors import SamplingRefused
from upcall.host.choosing import choose
from upcall.host.engine.exchange import Exchange
from upcall.host.engine.stage import Rest, Stage, Steps
from upcall.host.records import Ruling
from upcall.models import Adjustment

if TYPE_CHECKING:
    from upcall.host.choosing import Candidate, Choice, Families
    from upcall.host.policy import Rules

__all__ = ["choosing", "only"]

_UNMET = ("priorities", "default", "first")
"""Reasons of a choice in which no hint had a part."""


def choosing(rules: Rules, candidates: Sequence[Candidate], families: Families) -> Stage:
    """A stage that chooses the model, and who answers in its place.

    Args:
        rules: Of the server that asks.
        candidates: The models that may answer it, in the operator's order.
        families: Which models stand in for each other.
    """
    default = rules.model or next((one.model for one in candidates), "")

    def pick(exchange: Exchange, rest: Rest) -> Steps[None]:
        if not candidates:
            exchange.ruling = Ruling(decision="deny", by=f"models ({rules.origin('models')})")
            raise SamplingRefused(
                "There is no model on the answering side for this server.",
                detail=f"No model of the policy may answer {rules.server}. {rules.remedy('models', 'change')}",
            )
        preferences = exchange.request.model_preferences
        choice = choose(preferences, candidates, default, families)
        if preferences is not None and preferences.hints and choice.reason in _UNMET:
            exchange.note(_unmet(choice))
        exchange.chosen = choice.model
        exchange.alternates = rules.alternates.get(choice.model, ())
        yield from rest()

    return pick


def only(model: str) -> Stage:
    """A stage for a host with a single model: there is nothing to choose."""

    def pick(exchange: Exchange, rest: Rest) -> Steps[None]:
        exchange.chosen = model
        yield from rest()

    return pick


def _unmet(choice: Choice) -> Adjustment:
    return Adjustment(field="modelPreferences.hints", action="dropped", reason=choice.steps[0])
