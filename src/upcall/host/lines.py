"""Lines: which stages a request goes through, from the door to the model, and what of it may be kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from upcall.host.engine import Exchange, Keep, Rest, Stage, Steps, calling, reply, validity

if TYPE_CHECKING:
    from upcall.host.choosing import Candidate, Families
    from upcall.host.limits import Counters
    from upcall.host.policy import Rules
    from upcall.models.prices import Overrides

__all__ = ["Line", "broken", "governed", "plain", "recorded"]


class Line(NamedTuple):
    """What a request goes through."""

    stages: tuple[Stage, ...]
    keep: Keep | None = None


def plain(model: str) -> Line:
    """Everything is allowed, and one model answers."""
    return Line((validity, reply, calling(model)))


def recorded(model: str) -> Line:
    """The same, with a record that is begun before the model is called."""
    from upcall.host.engine.choosing import only
    from upcall.host.engine.paying import paying
    from upcall.host.engine.recording import recording

    return Line((validity, only(model), recording, reply, paying(None), calling()))


def broken(why: Exception) -> Line:
    """For a host that could not make its line: it answers nothing, and says so in the record."""

    def fail(exchange: Exchange, rest: Rest) -> Steps[None]:
        yield from ()
        raise why

    from upcall.host.keeping import keeping

    return Line((fail,), keeping("none"))


def governed(
    rules: Rules,
    *,
    candidates: Sequence[Candidate],
    families: Families,
    prices: Overrides,
    counters: Counters,
    ttl: float,
    has_store: bool,
    shared: bool = False,
) -> Line:
    """What the policy demands for one server.

    Args:
        rules: Of that server.
        candidates: The models that may answer it, in the operator's order.
        families: Which models stand in for each other.
        prices: The operator's.
        counters: The host's, for all servers.
        ttl: Seconds that a reservation holds without anybody settling it.
        has_store: Whether there is a record to begin. Without one, budgets refuse.
        shared: Whether other processes may use that store, and so count with this one.
    """
    from upcall.host.engine.asking import asking, recalling
    from upcall.host.engine.choosing import choosing
    from upcall.host.engine.limits import limits
    from upcall.host.engine.paying import paying
    from upcall.host.engine.policy import policy
    from upcall.host.engine.recording import recording
    from upcall.host.engine.reserving import reserving
    from upcall.host.engine.reviewing import reviewing
    from upcall.host.engine.scanning import scanning, scanning_reply
    from upcall.host.keeping import keeping

    return Line(
        (
            validity,
            limits(rules, counters, shared=shared),
            policy(rules),
            scanning(rules),
            choosing(rules, candidates, families),
            recalling(rules),
            reserving(rules, prices, ttl=ttl),
            asking(rules, prices),
            *((recording,) if has_store else ()),
            reviewing(rules),
            scanning_reply(rules),
            reply,
            paying(prices),
            calling(most=rules.limits.concurrent),
        ),
        keeping(rules.record),
    )
