"""How people are asked behind a gateway: by the connected client's own elicitation, else through the store.

A gateway has no terminal: its standard input and output are the protocol's, and the terminal's screen is the client's.
So where the policy says ``terminal``, and where it says ``elicitation``, the client is asked if it can be, else the
question is laid into the store, where `upcall pending` finds it. ``store`` and ``none`` are what they are everywhere.

On 2026-07-28 a client is asked by ending the call's attempt with the question, and the call begins anew with the
answer. A question is then *handed over* (`Desk.deferred`) and, in the next attempt, *answered* when the client brought
an answer to exactly this question in its time. The next attempt may run in another process, so everything that is
known of a question is in its key.

A reply cannot be handed over: the next attempt would have the model say something else. It is shown through the store.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec.structs import replace

from upcall.gateway._decoding import decoded
from upcall.gateway.session.actions import Deferred, Sample
from upcall.host.approval import (
    SCHEMA,
    Answer,
    Chain,
    ConnectedApprover,
    Nobody,
    Question,
    StoreApprover,
    answer_given,
    asking_through,
)
from upcall.host.approval.screen import plain

if TYPE_CHECKING:
    from upcall.gateway.performing import Elicit
    from upcall.host.policy import Policy
    from upcall.store import Store

__all__ = ["Desk", "Gatekeeper", "at_desk", "digest_of"]

HANDED_OVER = "The question was handed to the client; the call goes on when it comes back with the answer."
"""Why an attempt ended without an answer, for the record."""

_log = logging.getLogger("upcall.gateway")


class Desk:
    """Whom one sampling request may ask, and what came of it."""

    def __init__(self, sample: Sample, elicit: Elicit | None) -> None:
        self.sample = sample
        self.elicit = elicit
        self.deferred: Deferred | None = None
        """What the client has to be asked first."""
        self.in_store = False
        """Whether a question was laid into the store."""

    async def ask(self, message: str, schema: dict[str, Any]) -> Mapping[str, Any]:
        """Ask the client at once, as `upcall.host.approval.Elicit` does."""
        if self.elicit is None:
            raise RuntimeError("no client to ask")
        given = await self.elicit(msgspec.json.encode({"message": message, "requestedSchema": schema}))
        if given is None:
            raise ConnectionError("the client gave an error, or is gone")
        result = decoded(given)
        return result if isinstance(result, Mapping) else {}

    def leave(self) -> None:
        """The request is through. Timers that it set hold its context for a while after that, but not what it brought,
        nor its session."""
        self.elicit = None
        del self.sample


_desk: ContextVar[Desk | None] = ContextVar("upcall_gateway_desk", default=None)


@contextmanager
def at_desk(desk: Desk, person: object) -> Iterator[None]:
    """The block answers the request of this desk.

    Args:
        desk: Of the request; it is left with the block.
        person: Stands for whoever sits at the client, who is asked one question at a time.
    """
    token = _desk.set(desk)
    try:
        with asking_through(desk.ask, person):
            yield
    finally:
        _desk.reset(token)
        desk.leave()


class Gatekeeper:
    """The approver of a gateway's host.

    Args:
        policy: The one that is in force now.
        store: Where questions are laid that no client takes.
        clock: Seconds since the epoch.
    """

    def __init__(
        self, policy: Callable[[], Policy], store: Store | None, *, clock: Callable[[], float] = time.time
    ) -> None:
        self._policy = policy
        stored = (_Laid(StoreApprover(store)),) if store is not None else ()
        self._store = Chain(*stored)
        self._both = Chain(_AtClient(policy, clock), *stored)
        self._nobody = Nobody()

    async def ask(self, question: Question) -> Answer:
        """See `Approver.ask`."""
        match self._policy().approval.by:
            case "none":
                return await self._nobody.ask(question)
            case "store":
                return await self._store.ask(question)
            case _:
                return await self._both.ask(question)


class _AtClient:
    """Asks by the connected client's elicitation, now or by way of a new attempt."""

    def __init__(self, policy: Callable[[], Policy], clock: Callable[[], float]) -> None:
        self._policy = policy
        self._clock = clock
        self._connected = ConnectedApprover()

    async def ask(self, question: Question) -> Answer:
        desk = _desk.get()
        question = self._outside(question)
        if desk is not None and desk.sample.asks == "inline" and desk.elicit is not None:
            return await self._connected.ask(question)
        if desk is not None and desk.sample.asks == "deferred" and question.kind == "request":
            return await self._deferred(question, desk)
        return Answer(approved=False, reason="The client cannot be asked by elicitation.", asked=False)

    def _outside(self, question: Question) -> Question:
        """Who sits at the client need not be who runs the gateway, and learns no paths of this side."""
        file = self._policy().file
        return question if file is None else replace(question, reason=question.reason.replace(file, Path(file).name))

    async def _deferred(self, question: Question, desk: Desk) -> Answer:
        digest = digest_of(question)
        for key, given in desk.sample.given.items():
            asked, _, until = key.partition(".")
            if asked == digest:
                if self._clock() > float(until):
                    return Answer(approved=False, reason="The client's answer came after the deadline.")
                return answer_given(decoded(given))
        if desk.deferred is None:
            text = await asyncio.to_thread(plain, question)
            params = msgspec.json.encode({"message": text, "requestedSchema": SCHEMA})
            until = f"{self._clock() + question.deadline:.0f}"
            desk.deferred = Deferred(key=f"{digest}.{until}", params=params)
        return Answer(approved=False, reason=HANDED_OVER, handed_over=True)


class _Laid:
    """Lays a question into the store, and tells whoever reads the log."""

    def __init__(self, approver: StoreApprover) -> None:
        self._approver = approver

    async def ask(self, question: Question) -> Answer:
        if (desk := _desk.get()) is not None:
            desk.in_store = True
        server, seconds = question.context.server, f"{question.deadline:.0f}"
        _log.warning("%s waits for approval, %s seconds at most: `upcall pending`.", server, seconds)
        return await self._approver.ask(question)


def digest_of(question: Question) -> str:
    """Stands for a question in every process: what a person would see of it, and the request it belongs to.

    Left out is what differs between two looks at the same: how much time is left, the line of the policy that is the
    reason, and the edition of the price list.
    """
    body = msgspec.to_builtins(question)
    context = {name: body["context"][name] for name in ("server", "request_id", "during", "call", "round")}
    told = {name: body[name] for name in ("kind", "model", "request", "flags", "adjustments")}
    cost = None if question.cost is None else question.cost.micro_usd
    return hashlib.sha256(msgspec.json.encode([context, told, cost], order="sorted")).hexdigest()
