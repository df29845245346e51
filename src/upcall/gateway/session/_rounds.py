"""Samplings of modern servers: taken out of their results, answered, sent back with the call (2026-07-28, SEP-2322).

A call is *upstream*, under the client's id or one of ours, or *running* (see `Round`), or closed. From running it goes
upstream again, or is closed by a result for the client: the rest of what the server asked, or why it failed.

Invariants: a call has at most one request upstream. The client gets one response for each of its requests, under its
own id; what the server answers to an id that is no longer upstream goes nowhere. A running call has its samples under
way, at least one; they are stopped when it closes.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import UNSET, Raw

from upcall.errors import InvalidRequest, SamplingError, UpcallError
from upcall.gateway import frames
from upcall.gateway.frames import Envelope
from upcall.gateway.session._calls import ASKING, Call, Calls
from upcall.gateway.session._names import Names
from upcall.gateway.session._round import Round, asked_in, client_result
from upcall.gateway.session._sealed import Kept, digest_of, kept_from, kept_to
from upcall.gateway.session.actions import (
    Action,
    Answered,
    Deferred,
    Lane,
    Outcome,
    Refused,
    Sample,
    StopSample,
    ToClient,
    ToServer,
)

if TYPE_CHECKING:
    from upcall.gateway.sealing import Sealer

__all__ = ["Rounds"]

_REMEMBERED = 1024
"""Ids of the client under which the server has answered, and which it may not answer again."""


class Rounds:
    """The modern side of one session."""

    def __init__(
        self, calls: Calls, names: Names, sealer: Sealer, principal: str, now: Callable[[], float] = time.time
    ) -> None:
        self._calls = calls
        self._names = names
        self._sealer = sealer
        self._principal = principal
        self._now = now
        self._upstream: dict[str, Call] = {}
        self._running: dict[int, Call] = {}
        self._spent: OrderedDict[Any, None] = OrderedDict()

    def opened(self, call: Call) -> list[Action]:
        """A request of the client: a first attempt, or a return with a state of its own, the server's or ours."""
        if self._spent:
            self._spent.pop(call.id, None)
        if call.method not in ASKING or not (b"requestState" in call.frame or b"\\u" in call.frame):
            return [ToServer(call.frame, call.lane)]  # most are first attempts, and need not be read again
        params = frames.members(call.params) or {}
        state = _text(params.get("requestState"))
        if state is None or not self._sealer.owns(state):
            return [ToServer(call.frame, call.lane)]
        try:
            kept = kept_from(self._sealer.open(state, now=self._now(), **self._binding(call)))
            if kept is None:
                raise InvalidRequest("Invalid or expired requestState.", hint="Start the call again.")
        except InvalidRequest as error:
            return self.failed(call, error)
        return self._returned(call, kept, frames.members(params.get("inputResponses")) or {})

    @property
    def held(self) -> Iterable[Call]:
        """Calls that wait for samples."""
        return self._running.values()

    def of(self, id: object) -> Call | None:
        """The call that is upstream under an id of ours."""
        return self._upstream.get(id) if isinstance(id, str) else None

    def is_late(self, id: Any, lane: Lane) -> bool:
        """Whether a response with this id, that no call waits for, concerns a call that went on without it."""
        if self._names.is_request(id) or id in self._spent:
            return True
        call = self._calls.named(id, lane)
        return call is not None and call.modern and not call.fresh and lane in (None, call.lane)

    def responded(self, call: Call, frame: bytes, envelope: Envelope) -> list[Action]:
        """What the server answers to a call."""
        result = envelope.result
        if call.ours and call.method in ASKING and isinstance(result, Raw) and _may_ask(frame):
            asked = asked_in(result)
            if asked is not None and (asked.samples or call.round):
                return self._asked(call, asked)
        self._close(call)
        if call.upstream == call.id:
            return [ToClient(frame, call.lane)]
        written = frames.raw_id(call.frame)
        built = frames.swapped(frame, frames.joined(call.upstream), written) or frames.changed(frame, {"id": written})
        return [] if built is None else [ToClient(built, call.lane)]

    def answered(self, number: int, outcome: Outcome) -> list[Action]:
        """A sample is through."""
        call = self._running.pop(number, None)
        if call is None or call.current is None:
            return []
        asked = call.current
        key = asked.running.pop(number)
        if isinstance(outcome, Deferred) and not call.deferrable:
            outcome = Refused(SamplingError("The client could not be asked."))
        if isinstance(outcome, Refused):
            return self._answer(call, outcome.error)
        if isinstance(outcome, Answered):
            asked.answers[key] = Raw(outcome.result)
            del asked.samples[key]
        else:
            asked.deferred[key] = outcome
        return [] if asked.running else self._through(call, asked)

    def cancelled(self, call: Call, frame: bytes, params: Raw, lane: Lane) -> list[Action]:
        """The client does not want the call any more, and says so in this frame."""
        under = call.upstream
        found = self._close(call)
        if under is None:
            return found
        if under == call.id:
            return [ToServer(frame, lane)]
        inner = frames.changed(params, {"requestId": frames.joined(under)})
        built = None if inner is None else frames.changed(frame, {"params": inner})
        return [] if built is None else [ToServer(built, lane)]

    def dropped(self, call: Call) -> list[Action]:
        """Nobody waits for the call any more."""
        under, written = call.upstream, frames.raw_id(call.frame)
        found = self._close(call)
        if under is not None:
            id = written if under == call.id else frames.joined(under)
            params = frames.joined({"requestId": Raw(id)})
            found.append(ToServer(frames.request(None, "notifications/cancelled", params), call.lane))
        return found

    def failed(self, call: Call, error: UpcallError) -> list[Action]:
        """End the call with an error."""
        return [*self._close(call), ToClient(frames.error(frames.raw_id(call.frame), error.to_wire()), call.lane)]

    def _asked(self, call: Call, asked: Round) -> list[Action]:
        if call.upstream == call.id:
            self._spent[call.id] = None
            if len(self._spent) > _REMEMBERED:
                self._spent.popitem(last=False)
        else:
            self._upstream.pop(str(call.upstream), None)
        call.upstream, call.fresh, call.current = None, False, asked
        if asked.samples:
            call.round += 1
            call.samples += len(asked.samples)
        call.label = call.label or self._names.call()
        return self._run(call, asked)

    def _returned(self, call: Call, kept: Kept, responses: dict[str, Raw]) -> list[Action]:
        given = {key: bytes(result) for key, result in kept.given.items()}
        for key, question in kept.asked.items():
            if key in responses:
                given[question] = bytes(responses.pop(key))
        call.label, call.round, call.samples, call.upstream = kept.call, kept.round, kept.samples, None
        state = None if kept.state is UNSET else kept.state
        answers = {**responses, **kept.answers}
        asked = Round(None, state, kept.pending, {}, kept.batch, answers=answers, given=given)
        call.current = asked
        return self._run(call, asked)

    def _run(self, call: Call, asked: Round) -> list[Action]:
        if not asked.samples:
            return self._through(call, asked)
        name, arguments = call.subject()
        trace = call.trace()
        found: list[Action] = []
        for key, params in asked.samples.items():
            number = self._names.number()
            asked.running[number] = key
            self._running[number] = call
            found.append(
                Sample(
                    number=number,
                    params=bytes(params),
                    version=call.version,
                    request_id=key,
                    call=call.label,
                    method=call.method,
                    name=name,
                    arguments=arguments,
                    batch=asked.batch,
                    round=call.round,
                    so_far=call.samples,
                    asks="deferred" if call.deferrable else "no",
                    given=dict(asked.given),
                    trace=trace,
                    lane=call.lane,
                )
            )
        return found

    def _through(self, call: Call, asked: Round) -> list[Action]:
        returned = asked.result is None
        if asked.deferred or asked.others or not (returned or asked.answers):
            return self._to_client(call, asked)
        had = returned and "inputResponses" in (frames.members(call.params) or {})
        changes: dict[str, bytes | Raw | None] = {
            "inputResponses": frames.joined(asked.answers) if asked.answers or had else None,
            "requestState": asked.state,
        }
        built = self._again(call, changes)
        if built is None:
            return self._answer(call, SamplingError("The call could not be sent again."))
        call.current = None
        return [ToServer(built, call.lane)]

    def _again(self, call: Call, changes: dict[str, bytes | Raw | None]) -> bytes | None:
        params = call.params
        inner = None if params is UNSET else frames.changed(params, changes)
        if inner is None:
            return None
        if call.fresh:
            call.upstream, call.fresh = call.id, False
            return frames.changed(call.frame, {"params": inner})
        id = self._names.request()
        call.upstream = id
        self._upstream[id] = call
        return frames.changed(call.frame, {"id": frames.joined(id), "params": inner})

    def _to_client(self, call: Call, asked: Round) -> list[Action]:
        questions: dict[str, bytes] = {}
        keys: dict[str, str] = {}
        for deferred in asked.deferred.values():
            if deferred.key not in keys.values():
                key = self._names.question()
                keys[key] = deferred.key
                questions[key] = deferred.params
        kept = Kept(
            call=call.label,
            round=call.round,
            state=UNSET if asked.state is None else asked.state,
            answers=asked.answers,
            pending=asked.samples,
            batch=asked.batch,
            samples=call.samples,
            asked=keys,
            given={key: Raw(result) for key, result in asked.given.items()} if asked.samples else {},
        )
        try:
            state = self._sealer.seal(kept_to(kept), now=self._now(), **self._binding(call))
        except UpcallError as error:
            return self._answer(call, error)
        result = client_result(asked, questions, state)
        return [*self._close(call), ToClient(frames.response(frames.raw_id(call.frame), result), call.lane)]

    def _answer(self, call: Call, error: UpcallError) -> list[Action]:
        """End the call by saying why."""
        written = frames.raw_id(call.frame)
        if call.method == "tools/call":
            text = {"type": "text", "text": str(error)}
            frame = frames.response(
                written, frames.joined({"resultType": "complete", "content": [text], "isError": True})
            )
        else:
            frame = frames.error(written, error.to_wire())
        return [*self._close(call), ToClient(frame, call.lane)]

    def _close(self, call: Call) -> list[Action]:
        if isinstance(call.upstream, str):
            self._upstream.pop(call.upstream, None)
        found: list[Action] = []
        if call.current is not None:
            for number in call.current.running:
                del self._running[number]
                found.append(StopSample(number))
            call.current = None
        self._calls.close(call)
        return found

    def _binding(self, call: Call) -> dict[str, Any]:
        digest = digest_of(frames.members(call.params) or {})
        return {"principal": self._principal, "method": call.method, "digest": digest}


def _may_ask(frame: bytes) -> bool:
    """Whether it is worth a look: the words stand there, or may stand there escaped."""
    return b"input_required" in frame or b"\\u" in frame


def _text(value: Raw | None) -> str | None:
    try:
        return None if value is None else msgspec.json.decode(value, type=str)
    except frames.UNREADABLE:
        return None
