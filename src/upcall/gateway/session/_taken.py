"""Sampling requests that a legacy server sends, and the client's elicitation for them (up to 2025-11-25).

A request is *taken* from its frame to its answer, or until the server, the client or the end of either stops it. A
question to the client is *open* from `elicit` to the client's answer, or until its request is no longer taken.

Invariants: every request that was taken is answered once, unless the server cancelled it or is gone. A second frame
with the id of a taken request is swallowed. What a resumed stream replays of an answered one is swallowed, too; on
stdio nothing is replayed, so there an id may be used again. Requests outside of any call (which SEP-2260 does away
with) count as one call all together, or a server could loop there without end.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec
from msgspec import UNSET, Raw

from upcall.errors import SampleAbandoned, SamplingError
from upcall.gateway import frames
from upcall.gateway.frames import Envelope, Id
from upcall.gateway.session._calls import ASKING, Call, Calls
from upcall.gateway.session._names import Names
from upcall.gateway.session.actions import (
    Action,
    Answered,
    Elicited,
    Lane,
    Outcome,
    Refused,
    Sample,
    StopSample,
    ToClient,
    ToServer,
)

__all__ = ["Taken"]

_REMEMBERED = 1024
"""Answered requests that are known again when a stream replays them."""


class _Request(msgspec.Struct, eq=False):
    number: int
    id: Id
    written_id: bytes
    lane: Lane
    call: Call | None
    certain: bool
    opened: int
    """Calls that had been opened by then; it belongs to one of them."""
    seen: int | None
    """A hash of its frame, where it may be replayed."""
    questions: dict[str, int]
    """Open ones: our id for it → the performer's number of it."""


class Taken:
    """The legacy side of one session."""

    def __init__(self, calls: Calls, names: Names) -> None:
        self._calls = calls
        self._names = names
        self._by_id: dict[Any, _Request] = {}
        self._by_number: dict[int, _Request] = {}
        self._questions: dict[str, _Request] = {}
        self._answered: OrderedDict[Any, int] = OrderedDict()
        self._outside = ""
        """What all requests outside of any call are counted as, once there is one."""

    def __contains__(self, id: object) -> bool:
        return id in self._by_id

    def __bool__(self) -> bool:
        return bool(self._by_number)

    @property
    def around(self) -> Iterable[Call]:
        """Calls in which the server waits for samples."""
        return [taken.call for taken in self._by_number.values() if taken.call is not None]

    def take(
        self, frame: bytes, envelope: Envelope, lane: Lane, *, version: str | None, elicits: bool, replays: bool
    ) -> list[Action]:
        """Take a ``sampling/createMessage`` request of the server."""
        id = envelope.id
        assert isinstance(id, (int, float, str))  # noqa: S101 (for the type checker: the session has looked)
        if id in self._by_id or (replays and self._answered.get(id) == hash(frame)):
            return []
        call, certain = self._calls.around(lane)
        if call is None:
            self._outside = self._outside or self._names.call()
        elif not call.label:
            call.label = self._names.call()
        name, arguments = ("", None) if call is None else call.subject()
        taken = _Request(
            self._names.number(),
            id,
            frames.raw_id(frame),
            lane,
            call,
            certain,
            self._calls.opened,
            hash(frame) if replays else None,
            {},
        )
        self._by_id[id] = self._by_number[taken.number] = taken
        return [
            Sample(
                number=taken.number,
                params=b"{}" if envelope.params is UNSET else bytes(envelope.params),
                version=version,
                request_id=id if isinstance(id, (int, str)) else frames.raw_id(frame).decode(),
                call=self._outside if call is None else call.label,
                method="" if call is None else call.method,
                name=name,
                arguments=arguments,
                batch=None,
                round=None,
                asks="inline" if elicits else "no",
                trace={} if call is None else call.trace(),
                lane=lane,
            )
        ]

    def answered(self, number: int, outcome: Outcome) -> list[Action] | None:
        """The answer, on its way to the server; ``None`` when the number is none of these."""
        taken = self._by_number.get(number)
        if taken is None:
            return None
        found = self._end(taken)
        if isinstance(outcome, Answered):
            frame = frames.response(taken.written_id, outcome.result)
        elif isinstance(outcome, Refused):
            frame = frames.error(taken.written_id, outcome.error.to_wire())
        else:
            frame = frames.error(taken.written_id, SamplingError("The client could not be asked.").to_wire())
        return [*found, ToServer(frame, taken.lane)]

    def cancelled(self, id: Any) -> list[Action] | None:
        """The server does not want this one any more; ``None`` when it is none of these."""
        taken = self._by_id.get(id)
        return None if taken is None else [StopSample(taken.number), *self._end(taken)]

    def call_cancelled(self, call: Call) -> list[Action]:
        """The client does not want the call any more: stops what belongs to it, or to no other that is still open, and
        tells the server so."""
        found: list[Action] = []
        oldest = min((other.serial for other in self._calls if other.method in ASKING), default=None)
        for taken in list(self._by_number.values()):
            alone = taken.call is not None and call.serial <= taken.opened and (oldest is None or oldest > taken.opened)
            if alone if not taken.certain else taken.call is call:
                found += [StopSample(taken.number), *self._end(taken)]
                error = SampleAbandoned("The call was cancelled.")
                found.append(ToServer(frames.error(taken.written_id, error.to_wire()), taken.lane))
        return found

    def elicit(self, number: int, question: int, params: bytes) -> list[Action]:
        """Put a question to the client."""
        taken = self._by_number.get(number)
        if taken is None:
            return [Elicited(number, question, None)]
        id = self._names.question()
        taken.questions[id] = question
        self._questions[id] = taken
        lane = _towards_client(taken)
        return [ToClient(frames.request(frames.joined(id), "elicitation/create", params), lane)]

    def response(self, envelope: Envelope) -> list[Action] | None:
        """What the client answers; ``None`` when that is not for us."""
        id = envelope.id
        taken = self._questions.pop(id, None) if isinstance(id, str) else None
        if taken is not None:
            result = envelope.result
            given = bytes(result) if isinstance(result, Raw) and frames.members(result) is not None else None
            return [Elicited(taken.number, taken.questions.pop(str(id)), given)]
        if self._names.is_question(id) or id in self._by_id:
            return []
        return None

    def gone(self, lane: Lane, calls: Iterable[Call]) -> list[Action]:
        """The server is gone: stops all, or what came on this lane or belongs to these calls."""
        ended = list(calls)
        found: list[Action] = []
        for taken in list(self._by_number.values()):
            if lane is None or taken.lane == lane or (taken.certain and any(taken.call is call for call in ended)):
                found += [StopSample(taken.number), *self._end(taken)]
        return found

    def client_gone(self) -> Iterator[Action]:
        """Stops all; nobody is told."""
        for taken in list(self._by_number.values()):
            yield StopSample(taken.number)
            taken.questions.clear()
            self._end(taken)
        self._questions.clear()

    def _end(self, taken: _Request) -> list[Action]:
        del self._by_number[taken.number], self._by_id[taken.id]
        if taken.seen is not None:
            self._answered[taken.id] = taken.seen
            if len(self._answered) > _REMEMBERED:
                self._answered.popitem(last=False)
        lane = _towards_client(taken)
        found: list[Action] = []
        for id in taken.questions:
            del self._questions[id]
            found.append(
                ToClient(frames.request(None, "notifications/cancelled", frames.joined({"requestId": id})), lane)
            )
        return found


def _towards_client(taken: _Request) -> Lane:
    return taken.lane if taken.lane is not None or taken.call is None else taken.call.lane
