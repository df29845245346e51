"""Stage *policy*: who may sample at all, and whom a person is asked about."""

from __future__ import annotations

from typing import TYPE_CHECKING

from upcall.errors import SamplingRefused
from upcall.host.engine.exchange import Exchange
from upcall.host.engine.stage import Rest, Stage, Steps
from upcall.host.records import Ruling

if TYPE_CHECKING:
    from upcall.host.policy import Rules

__all__ = ["policy"]


def policy(rules: Rules) -> Stage:
    """A stage that refuses what the policy denies, and notes where a person is to be asked.

    Later stages can only make it stricter: a flag can have a person asked, or deny, what is allowed here.
    """
    decision, origin = rules.decision, rules.origin("decision")

    def decide(exchange: Exchange, rest: Rest) -> Steps[None]:
        if decision == "deny":
            exchange.ruling = Ruling(decision="deny", by=str(origin))
            raise SamplingRefused(
                "Sampling requests of this server are not answered.",
                detail=f"decision is deny for {rules.server}. {rules.remedy('decision', 'change')}",
            )
        if decision == "ask":
            exchange.due = f"The policy says to ask about every request ({origin})."
        else:
            exchange.ruling = Ruling(decision="allow", by=str(origin))
        yield from rest()

    return decide
