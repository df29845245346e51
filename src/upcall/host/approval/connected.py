"""`ConnectedApprover`: asks through the client that is connected now, where it can be asked by elicitation.

A host serves many clients, so whoever calls it says which one is at the other end, with `asking_through`. Each person
is asked one question at a time; those at different clients do not wait for each other.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from upcall.host.approval.elicitation import Elicit, ElicitationApprover
from upcall.host.approval.question import Answer, Question

__all__ = ["ConnectedApprover", "asking_through"]


class _Client(NamedTuple):
    elicit: Elicit
    person: object


_client: ContextVar[_Client | None] = ContextVar("upcall_connected_client", default=None)


@contextmanager
def asking_through(elicit: Elicit, person: object) -> Iterator[None]:
    """In the block, hosts ask this client.

    Args:
        elicit: Sends ``elicitation/create`` to it.
        person: Stands for whoever sits there: the same object, the same person. It has to take weak references.
    """
    token = _client.set(_Client(elicit, person))
    try:
        yield
    finally:
        _client.reset(token)


class ConnectedApprover:
    """Asks the client of `asking_through`, with an `ElicitationApprover` for each person."""

    def __init__(self) -> None:
        self._people: WeakKeyDictionary[object, ElicitationApprover] = WeakKeyDictionary()

    async def ask(self, question: Question) -> Answer:
        """See `Approver.ask`."""
        client = _client.get()
        if client is None:
            return Answer(approved=False, reason="There is no client here that takes elicitation.", asked=False)
        if client.person not in self._people:
            self._people[client.person] = ElicitationApprover(_elicit)
        return await self._people[client.person].ask(question)


async def _elicit(message: str, schema: dict[str, Any]) -> Mapping[str, Any]:
    client = _client.get()
    if client is None:
        raise LookupError("the client went away")
    return await client.elicit(message, schema)
