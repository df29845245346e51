"""`Performer`: does what a session says, the same way over every transport.

A sample is *under way* from its `Sample` to its outcome or its `StopSample`, and while one is, the session is asked for
signs of life every few seconds; a question of it to the client (legacy
elicitation) is *open* from `Session.elicit` to its `Elicited`.

Invariants: what a session gives is sent in that order, in the same call, so a driver's queue is in order, too. A sample
under way is exactly one task. After its `StopSample`, and after `aclose`, nothing of a sample reaches the session, even
when its answer was on its way; the session gets at most one outcome of each. There are never more under way than
`SAMPLES`; one that would be more is refused at once. Everything happens on one event loop.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from typing import Final, Protocol, runtime_checkable

from upcall.errors import LimitExceeded, SamplingError
from upcall.gateway.session.actions import (
    APART,
    Action,
    Elicited,
    Lane,
    Outcome,
    Over,
    Refused,
    Sample,
    StopSample,
    ToClient,
    ToServer,
)

__all__ = ["SAMPLES", "Answers", "Elicit", "Frames", "Performer"]

SAMPLES = 1000
"""Samples under way at once in one session. The policy decides how many of them wait for a model, or are refused."""

Elicit = Callable[[bytes], Awaitable[bytes | None]]
"""Asks the client ``elicitation/create`` with these ``params``; gives its ``ElicitResult``, or ``None`` when it gave an
error or went away. Both are JSON."""

BEAT: Final = 5.0
"""Seconds between two signs of life. Clients wait 10 s or more for progress."""

_log = logging.getLogger("upcall.gateway")


class Frames(Protocol):
    """What of a session a performer uses."""

    def from_client(self, frame: bytes, lane: Lane = None) -> list[Action]: ...
    def from_server(self, frame: bytes, lane: Lane = None) -> list[Action]: ...
    def client_gone(self, lane: Lane = None) -> list[Action]: ...
    def server_gone(self, reason: str, lane: Lane = None) -> list[Action]: ...
    def answered(self, number: int, outcome: Outcome) -> list[Action]: ...
    def elicit(self, number: int, question: int, params: bytes) -> list[Action]: ...
    def beat(self) -> list[Action]: ...


class Answers(Protocol):
    """What of an answering a performer uses."""

    async def answer(self, sample: Sample, elicit: Elicit | None) -> Outcome: ...


@runtime_checkable
class Shares(Protocol):
    """An answering that keeps for other processes what was answered for tasks (`Sample.once`)."""

    def over(self, task: str) -> None: ...


class Performer:
    """One per session. To be used on a running event loop, from its thread only.

    Args:
        session: Says what is to be done.
        answering: Answers the samples.
        send: Told each frame to send, in order. It must queue, and may not call back.
        beat: Seconds between two signs of life.
    """

    def __init__(
        self,
        session: Frames,
        answering: Answers,
        send: Callable[[ToServer | ToClient], None],
        *,
        beat: float = BEAT,
    ) -> None:
        self._session = session
        self._answering = answering
        self._send = send
        self._under_way: dict[int, asyncio.Task[None]] = {}
        self._stopped: set[asyncio.Task[None]] = set()
        self._open: dict[tuple[int, int], asyncio.Future[bytes | None]] = {}
        self._questions = 0
        self._beat = beat
        self._timer: asyncio.TimerHandle | None = None
        self._apart: set[int] = set()

    def from_client(self, frame: bytes, lane: Lane = None) -> None:
        """A frame came from the client, on ``lane``."""
        self._perform(self._session.from_client(frame, lane))

    def from_server(self, frame: bytes, lane: Lane = None) -> None:
        """A frame came from the server, on ``lane``."""
        self._perform(self._session.from_server(frame, lane))

    def client_gone(self, lane: Lane = None) -> None:
        """Nobody reads ``lane`` any more; ``None``: the client is gone altogether."""
        self._perform(self._session.client_gone(lane))

    def server_gone(self, reason: str, lane: Lane = None) -> None:
        """Nothing more comes on ``lane``; ``None``: the server is gone altogether. ``reason`` may reach the client."""
        self._perform(self._session.server_gone(reason, lane))

    @property
    def under_way(self) -> int:
        """Samples that are being answered."""
        return len(self._under_way)

    @property
    def apart(self) -> bool:
        """Whether samples run that go on when the client's exchange is over: those of tasks."""
        return bool(self._apart)

    async def leave(self) -> None:
        """The exchange is over: stop what runs for it, and wait for what runs apart."""
        for number in self._under_way.keys() - self._apart:
            self._stop(number)
        while tasks := [self._under_way[number] for number in self._apart]:
            await asyncio.wait(tasks)

    async def aclose(self) -> None:
        """Stop all samples and wait until they have cleaned up. Sends nothing more for them."""
        for number in list(self._under_way):
            self._stop(number)
        while self._stopped:
            await asyncio.wait(self._stopped)

    def _perform(self, actions: Iterable[Action]) -> None:
        over: set[int] = set()
        for action in actions:
            kind = type(action)
            if kind is ToClient or kind is ToServer:
                self._send(action)  # type: ignore[arg-type]
            elif isinstance(action, Sample):
                if action.number not in over:
                    over.update(self._begin(action))
            elif isinstance(action, StopSample):
                self._stop(action.number)
            elif isinstance(action, Elicited):
                waiting = self._open.pop((action.number, action.question), None)
                if waiting is not None and not waiting.done():
                    waiting.set_result(action.result)
            elif isinstance(action, Over) and isinstance(self._answering, Shares):
                self._answering.over(action.task)

    def _beaten(self) -> None:
        self._timer = None
        if self._under_way:
            self._timer = asyncio.get_running_loop().call_later(self._beat, self._beaten)
            self._perform(self._session.beat())

    def _begin(self, sample: Sample) -> Iterable[int]:
        """Start it, or refuse it; gives the samples that ended with it, which may not have begun."""
        if len(self._under_way) < SAMPLES:
            task = asyncio.create_task(self._sample(sample), name=f"upcall sample {sample.number}")
            self._under_way[sample.number] = task
            if sample.lane is APART:
                self._apart.add(sample.number)
            if self._timer is None:
                self._timer = asyncio.get_running_loop().call_later(self._beat, self._beaten)
            return ()
        error = LimitExceeded("The server asks for too much at once.", limit="gateway.samples")
        actions = self._session.answered(sample.number, Refused(error))
        self._perform(actions)
        return [action.number for action in actions if isinstance(action, StopSample)]

    def _stop(self, number: int) -> None:
        task = self._over(number)
        if task is not None:
            self._stopped.add(task)
            task.add_done_callback(self._stopped.discard)
            task.cancel()

    def _over(self, number: int) -> asyncio.Task[None] | None:
        """It is under way no more. The timer ends with the last one, else it would keep the session until it is due."""
        task = self._under_way.pop(number, None)
        self._apart.discard(number)
        if not self._under_way and self._timer is not None:
            self._timer.cancel()
            self._timer = None
        return task

    async def _sample(self, sample: Sample) -> None:
        async def elicit(params: bytes) -> bytes | None:
            return await self._elicit(sample.number, params)

        me = asyncio.current_task()
        try:
            outcome = await self._answering.answer(sample, elicit if sample.asks == "inline" else None)
        except Exception as error:  # a fault of ours; the server must hear something all the same
            _log.exception("Sample %s failed.", sample.number)
            outcome = Refused(SamplingError("The gateway failed to answer the request.", detail=repr(error)))
        if self._under_way.get(sample.number) is me:
            self._over(sample.number)
            self._perform(self._session.answered(sample.number, outcome))

    async def _elicit(self, number: int, params: bytes) -> bytes | None:
        self._questions += 1
        key = (number, self._questions)
        waiting: asyncio.Future[bytes | None] = asyncio.get_running_loop().create_future()
        self._open[key] = waiting
        try:
            self._perform(self._session.elicit(*key, params))
            return await waiting
        finally:
            self._open.pop(key, None)
