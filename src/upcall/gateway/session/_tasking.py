"""Samplings of a modern server's tasks: taken out of ``tasks/get`` results and ``notifications/tasks``, answered by
``tasks/update`` (tasks extension ``io.modelcontextprotocol/tasks``, SEP-2663).

The client polls, and what it polls for is answered at once, so a sample of a task belongs to no call of the client: it
runs *apart*, from the result that shows it until all of that result are through; then one ``tasks/update`` tells the
server. An ``inputResponses`` has no place for an error, so a refusal ends the task: the server gets ``tasks/cancel``,
and the client a completed task whose tool result says why (``isError``).

Invariants: the client sees none of the samplings. A task that waits for nothing else is ``working`` to it. A sampling
is asked once (`Tasks`), its answer is sent again only when the server still shows it after a while, and then it is the
same answer; so is one that another process had answered, which tells the server first. What a task has come to for the
client stays so. The server's answers to requests of ours go nowhere.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final

import msgspec
from msgspec import UNSET, Raw, UnsetType

from upcall.errors import SampleAbandoned, SamplingError, UpcallError
from upcall.gateway import frames
from upcall.gateway.frames import Envelope
from upcall.gateway.session._calls import Call, Calls
from upcall.gateway.session._names import Names
from upcall.gateway.session._round import sorted_requests
from upcall.gateway.session.actions import (
    APART,
    Action,
    Answered,
    Outcome,
    Refused,
    Sample,
    StopSample,
    ToClient,
    ToServer,
)
from upcall.gateway.session.tasks import Asked, Task, Tasks

__all__ = ["LISTEN", "NOTICE", "TASKS", "Tasking"]

TASKS: Final = frozenset({"tasks/get", "tasks/cancel"})
"""Requests about tasks that concern us; ``tasks/update`` is the client's own."""
NOTICE: Final = "notifications/tasks"
LISTEN: Final = "subscriptions/listen"
_AGAIN: Final = 10.0
"""Seconds after which an answer that the server still waits for is sent again. Servers take in answers in their own
time, and ignore those they have already ("Task Update Requests")."""
_LASTING: Final = ("createdAt", "lastUpdatedAt", "ttlMs", "pollIntervalMs")
_SHORT: Final = 64
"""Bytes of each of these that are kept."""
_ARGUMENTS: Final = 16 * 1024
"""Bytes of a tool's arguments that are kept with its task; longer ones are not."""
_TERMINAL: Final = frozenset({"completed", "failed", "cancelled"})


class _State(msgspec.Struct):
    id: str | UnsetType = msgspec.field(default=UNSET, name="taskId")
    status: str | UnsetType = UNSET
    type: str | UnsetType = msgspec.field(default=UNSET, name="resultType")
    requests: Raw | UnsetType = msgspec.field(default=UNSET, name="inputRequests")


class _Subscribed(msgspec.Struct):
    ids: list[str] = msgspec.field(default_factory=list, name="taskIds")


class _Listen(msgspec.Struct):
    notifications: _Subscribed


class _Running(msgspec.Struct, eq=False):
    task: Task
    keys: dict[int, str]
    """Samples under way: number → key."""
    meta: Raw | None
    """``_meta`` of ours upstream."""
    answers: dict[str, Raw] = {}


_state = msgspec.json.Decoder(_State)
_listen = msgspec.json.Decoder(_Listen)


class Tasking:
    """The tasks of one session."""

    def __init__(self, calls: Calls, names: Names, tasks: Tasks, principal: str, now: Callable[[], float]) -> None:
        self._calls = calls
        self._names = names
        self._tasks = tasks
        self._principal = principal
        self._now = now
        self._running: dict[int, _Running] = {}

    def opened(self, call: Call) -> list[Action] | None:
        """A request of the client about a task; ``None`` when it goes upstream."""
        id = _id_in(call)
        task = None if id is None else self._tasks.get(self._principal, id)
        if task is None:
            return None
        if task.refused is not None and call.method == "tasks/get":
            self._calls.close(call)
            return [ToClient(frames.response(frames.raw_id(call.frame), task.refused), call.lane)]
        if call.method == "tasks/cancel":
            task.closed = True
            return [*self._stop(task), *self._tasks.over(self._principal, task.id), ToServer(call.frame, call.lane)]
        return None

    def responded(self, call: Call, frame: bytes, envelope: Envelope) -> tuple[bytes, list[Action]]:
        """What the server answers to a call: as it goes to the client, and what else is to be done."""
        if not isinstance(envelope.result, Raw):
            return frame, []
        if call.method == "tasks/get":
            id = _id_in(call)
            if id is not None:
                return self._looked(call, id, frame, "result", envelope.result)
        elif call.method == "tools/call" and b'"taskId"' in frame:
            state = _read(envelope.result)
            if state is not None and state.type == "task" and isinstance(state.id, str):
                name, arguments = call.subject()
                kept = arguments if arguments is None or len(arguments) <= _ARGUMENTS else None
                self._tasks.known(
                    self._principal, state.id, label=call.label, method=call.method, name=name, arguments=kept
                )
        return frame, []

    def noticed(self, call: Call, frame: bytes, params: Raw) -> tuple[bytes, list[Action]]:
        """A ``notifications/tasks`` on a subscription of the client. One it does not name the task in is left alone."""
        state = _read(params)
        if state is None or not isinstance(state.id, str) or state.id not in _subscribed(call):
            return frame, []
        return self._looked(call, state.id, frame, "params", params)

    def answered(self, number: int, outcome: Outcome) -> list[Action] | None:
        """A sample is through; ``None`` when it is none of these."""
        running = self._running.pop(number, None)
        if running is None:
            return None
        task, key = running.task, running.keys.pop(number)
        if task.closed or task.refused is not None:
            return []
        if isinstance(outcome, Answered):
            answer = Raw(outcome.result)
            task.asked[key] = Asked(answer, self._now() if outcome.elsewhere else 0.0)
            if not outcome.elsewhere:
                running.answers[key] = answer
        elif isinstance(outcome, Refused) and isinstance(outcome.error, SampleAbandoned):
            task.asked.pop(key, None)
        else:
            error = outcome.error if isinstance(outcome, Refused) else SamplingError("The client could not be asked.")
            return self._refuse(running, error)
        return [] if running.keys or not running.answers else self._update(task, running.meta, running.answers)

    def ended(self) -> list[Action]:
        """The connection is over: what is not answered may be asked again elsewhere."""
        found: list[Action] = []
        for number, running in self._running.items():
            running.task.asked.pop(running.keys[number], None)
            for asked in map(running.task.asked.get, running.answers):
                if asked is not None:
                    asked.sent = -math.inf  # so it is sent with the next poll
            found.append(StopSample(number))
        self._running.clear()
        return found

    def _looked(self, call: Call, id: str, frame: bytes, member: str, value: Raw) -> tuple[bytes, list[Action]]:
        state = _read(value)
        if state is None:
            return frame, []
        task = self._tasks.get(self._principal, id)
        if task is not None and task.refused is not None:
            return self._instead(task, frame, member, value), []
        if state.status in _TERMINAL:
            stopped = [] if task is None else self._stop(task)
            self._tasks.forget(self._principal, id)
            return frame, [*stopped, *self._tasks.over(self._principal, id)]
        requests = frames.members(state.requests)
        if state.status != "input_required" or not requests:
            return frame, []
        samples, others = sorted_requests(requests)
        if not samples:
            return frame, []
        changes: dict[str, bytes | Raw | None] = {"inputRequests": frames.joined(others) if others else None}
        if not others:
            changes["status"] = b'"working"'
        inner = frames.changed(value, changes)
        built = None if inner is None else frames.changed(frame, {member: inner})
        if inner is None or built is None:
            return frame, []
        task = self._tasks.known(self._principal, id)
        told = frames.members(inner) or {}
        task.seen = frames.joined(
            {key: told[key] for key in _LASTING if key in told and len(bytes(told[key])) <= _SHORT}
        )
        return built, [] if task.closed else self._ask(call, task, samples)

    def _ask(self, call: Call, task: Task, samples: dict[str, Raw]) -> list[Action]:
        meta = _meta_of(call)
        again = {
            key: asked.answer
            for key in samples
            if (asked := task.asked.get(key)) and asked.answer and asked.sent and self._now() - asked.sent >= _AGAIN
        }
        found: list[Action] = self._update(task, meta, again) if again else []
        fresh = [key for key in samples if key not in task.asked]
        task.round += bool(fresh)
        running = _Running(task, {}, meta)
        for key in fresh:
            number = self._names.number()
            task.asked[key] = Asked()
            running.keys[number] = key
            self._running[number] = running
            found.append(
                Sample(
                    number=number,
                    params=bytes(samples[key]),
                    version=call.version,
                    request_id=key,
                    call=task.label,
                    method=task.method,
                    name=task.name,
                    arguments=task.arguments,
                    batch=len(fresh),
                    round=task.round,
                    asks="no",
                    trace=call.trace(),
                    once=self._tasks.once(self._principal, task.id, key, samples[key]),
                    lane=APART,
                )
            )
        return found

    def _update(self, task: Task, meta: Raw | None, answers: dict[str, Raw]) -> list[Action]:
        for key in answers:
            task.asked[key].sent = self._now()
        return [self._request("tasks/update", meta, {"taskId": task.id, "inputResponses": answers})]

    def _refuse(self, running: _Running, error: UpcallError) -> list[Action]:
        task = running.task
        text = {"type": "text", "text": str(error)}
        changes: dict[str, bytes | Raw | None] = {
            "resultType": b'"complete"',
            "taskId": frames.joined(task.id),
            "status": b'"completed"',
            "statusMessage": None,
            "result": frames.joined({"resultType": "complete", "content": [text], "isError": True}),
        }
        task.refused = frames.changed(task.seen, changes)
        task.asked.clear()
        return [*self._stop(task), self._request("tasks/cancel", running.meta, {"taskId": task.id})]

    def _stop(self, task: Task) -> list[Action]:
        numbers = [number for number, running in self._running.items() if running.task is task]
        for number in numbers:
            del self._running[number]
        return [StopSample(number) for number in numbers]

    def _request(self, method: str, meta: Raw | None, params: dict[str, Any]) -> ToServer:
        full = params if meta is None else {"_meta": meta, **params}
        return ToServer(frames.request(frames.joined(self._names.request()), method, frames.joined(full)), APART)

    def _instead(self, task: Task, frame: bytes, member: str, value: Raw) -> bytes:
        assert task.refused is not None  # noqa: S101 (for the type checker)
        changes: dict[str, bytes | Raw | None] = {}
        if member == "params":
            changes = {"resultType": None, "_meta": (frames.members(value) or {}).get("_meta")}
        inner = frames.changed(task.refused, changes)
        return (None if inner is None else frames.changed(frame, {member: inner})) or frame


def _read(value: Raw) -> _State | None:
    try:
        return _state.decode(value)
    except frames.UNREADABLE:
        return None


def _subscribed(call: Call) -> list[str]:
    params = call.params
    try:
        return [] if params is UNSET else _listen.decode(params).notifications.ids
    except frames.UNREADABLE:
        return []


def _id_in(call: Call) -> str | None:
    params = call.params
    state = None if params is UNSET else _read(params)
    return state.id if state is not None and isinstance(state.id, str) else None


def _meta_of(call: Call) -> Raw | None:
    """The client's, without its progress token: that names one request at a time."""
    meta = (frames.members(call.params) or {}).get("_meta")
    built = None if meta is None else frames.changed(meta, {"progressToken": None})
    return None if built is None else Raw(built)
