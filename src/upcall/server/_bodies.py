"""Runs bodies that can park: the asyncio side of `upcall.server.parking`.

A *body* is the rest of the middleware chain for one request, tool function included, in a task of its own: it
must outlive the request that started it. Each request of the client, first or retry, *attends* the body until
it ends or everything it can ask for now has been asked.

The task belongs to whoever attends it: an attendant that is cancelled cancels the body and waits for it to end.
Between two attendants it belongs to the lot, whose timer ends it. `Garage.aclose` ends all of them.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

import anyio
from mcp.server.context import ServerRequestContext

from upcall.errors import SampleAbandoned, SamplingError
from upcall.server._open import OpenRequest
from upcall.server.parking import Binding, Call, Lot, Phase, Round, abandoned

__all__ = ["Body", "Garage"]

logger = logging.getLogger(__name__)

_QUIET_TURNS = 4
"""Turns of the event loop without a new question after which a round is complete. A `gather` of samples asks
within one turn; the rest is margin for wrappers that yield in between."""

_CLEANUP_SECONDS = 10.0
"""How long a body that was cancelled or abandoned may take to clean up."""


class Body:
    """One run of one body: its task, and the questions it waits for."""

    __slots__ = ("_answers", "_garage", "_over", "_turn", "call", "open_request", "task")

    open_request: OpenRequest
    task: asyncio.Task[Any]

    def __init__(self, garage: Garage, binding: Binding) -> None:
        self._garage = garage
        self.call: Call[Body] = garage.lot.admit(binding, self)
        self._turn: asyncio.Future[None] | None = None
        self._over = False
        self._answers: dict[str, tuple[asyncio.Future[Any], Callable[[], Exception | None]]] = {}

    def start(self, run: Callable[[], Coroutine[Any, Any, Any]], open_request: OpenRequest) -> None:
        """Start the body in a task of its own, in a copy of the caller's context."""
        self.open_request = open_request
        self.task = asyncio.create_task(run(), name=f"upcall body {self.call.binding.target}")
        self._garage.adopt(self)
        self.task.add_done_callback(self._ended)

    async def ask(self, question: Any, obstacle: Callable[[], Exception | None]) -> Any:
        """From inside the body: put ``question`` to the client and wait for its raw answer.

        Args:
            question: One of ``inputRequests``.
            obstacle: Why the client of the request that is open then cannot be asked this, ``None`` when it can.

        Raises:
            RoundsExhausted, TooManyParked: See `upcall.server.parking`.
            SampleAbandoned: Nobody comes back with an answer, or the body has ended and left this task behind.
            Exception: What ``obstacle`` gave when a later request of the client was found to stand in the way.
        """
        if self._over:
            raise abandoned()
        key = self.call.ask(question)
        answer = asyncio.get_running_loop().create_future()
        self._answers[key] = answer, obstacle
        self._wake()
        try:
            return await answer
        finally:
            del self._answers[key]
            self.call.withdraw(key)

    def follow(self, ctx: ServerRequestContext[Any, Any]) -> None:
        """``ctx`` is the open request now. What cannot be asked in it fails where it waits.

        Each request declares its capabilities anew (2026-07-28, ``RequestMetaObject``: MUST NOT infer them from
        prior requests), so a question that went out once may not simply go out again.
        """
        self.open_request.attach(ctx)
        for answer, obstacle in self._answers.values():
            if not answer.done() and (error := obstacle()) is not None:
                answer.set_exception(error)

    async def attend(self) -> Any | Round:
        """Wait until the body ends (its result, or its exception) or a round is complete (a `Round`).

        Cancelling this cancels the body and waits for it.
        """
        try:
            while True:
                if self.call.waiting and not self.task.done():
                    await self._settle()
                if self.task.done():
                    return self._result()
                if self.call.waiting:
                    try:
                        return self._park()
                    except SamplingError as error:
                        self._fail(error)
                # A future for each wait, not an event for life: ten thousand parked bodies feel the difference.
                self._turn = asyncio.get_running_loop().create_future()
                await self._turn
        except asyncio.CancelledError:
            await self.stop()
            raise

    def deliver(self, answers: Mapping[str, Any]) -> None:
        """Hand answers to the questions they belong to."""
        for key, answer in answers.items():
            waiting, _ = self._answers.get(key, (None, None))
            if waiting is not None and not waiting.done():
                waiting.set_result(answer)

    async def stop(self) -> None:
        """Cancel the body and wait, for a bounded time, until it has cleaned up."""
        self._close()
        self.task.cancel()
        with anyio.CancelScope(shield=True):
            await asyncio.wait({self.task}, timeout=_CLEANUP_SECONDS)
        if not self.task.done():
            logger.warning("%r is still running %s s after it was cancelled", self.task.get_name(), _CLEANUP_SECONDS)
            self._fail(abandoned())

    def abandon(self) -> None:
        """Nobody comes back: tell the body where it waits, and cancel it when it does not end by itself."""
        self._close()
        if self.task.done():
            self._unheard(self.task)
            return
        loop = self.task.get_loop()
        if loop.is_closed():  # the loop ended without its tasks, so this one can neither hear it nor end
            self._garage.release(self)
            return
        self._fail(abandoned())
        loop.call_later(_CLEANUP_SECONDS, self.task.cancel)

    def _wake(self) -> None:
        if self._turn is not None and not self._turn.done():
            self._turn.set_result(None)

    def _park(self) -> Round:
        asked = self._garage.park(self.call)
        self.open_request.detach()
        return asked

    async def _settle(self) -> None:
        """Let everything that can ask now do so, and so share the round."""
        seen, quiet = -1, 0
        while quiet < _QUIET_TURNS and not self.task.done():
            now = len(self.call.waiting)
            quiet = quiet + 1 if now == seen else 0
            seen = now
            await asyncio.sleep(0)

    def _result(self) -> Any:
        self._close()
        if self.task.cancelled():
            # Not this request's cancellation: letting it through would look like one.
            raise SampleAbandoned("The server stopped this call before it was done.")
        return self.task.result()

    def _close(self) -> None:
        """From now on the body can neither ask nor report."""
        self._garage.lot.close(self.call)
        self.open_request.detach()

    def _fail(self, error: SamplingError) -> None:
        for answer, _ in self._answers.values():
            if not answer.done():
                answer.set_exception(error)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._over = True
        self._wake()
        self._garage.release(self)
        self._fail(abandoned())  # what it left behind: tasks, threads
        if task.cancelled():
            self._close()
        elif self.call.phase is Phase.CLOSED:
            self._unheard(task)

    def _unheard(self, task: asyncio.Task[Any]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.debug("%r failed with nobody left to hear it: %r", task.get_name(), error)


class Garage:
    """Every body of one `Sampling`, its lot, and the timer that abandons calls whose client stays away."""

    def __init__(self, lot: Lot[Body]) -> None:
        self.lot = lot
        self._bodies: set[Body] = set()
        self._timer: tuple[asyncio.AbstractEventLoop, asyncio.TimerHandle] | None = None

    def adopt(self, body: Body) -> None:
        """Keep a reference to a running body."""
        self._bodies.add(body)

    def release(self, body: Body) -> None:
        """A body's task is over. While it is parked its result waits for the client; else nothing remains."""
        self._bodies.discard(body)

    def park(self, call: Call[Body]) -> Round:
        """Park, and see to it that somebody looks after the lot."""
        loop = asyncio.get_running_loop()
        asked = self.lot.park(call, loop.time())
        if self._timer is None or self._timer[0] is not loop:
            self._schedule(loop)
        return asked

    def resume(self, park_id: str, binding: Binding, answers: Mapping[str, Any]) -> Body:
        """The body that waits under ``park_id``, open again and with its answers.

        Raises:
            InvalidRequest: See `Lot.resume`.
        """
        call, taken = self.lot.resume(park_id, binding, answers, asyncio.get_running_loop().time())
        call.owner.deliver(taken)
        return call.owner

    async def aclose(self) -> None:
        """The server stops: every body learns that nobody comes back, and is waited for."""
        if self._timer is not None:
            self._timer[1].cancel()
            self._timer = None
        for body in self._bodies.union(call.owner for call in self.lot.abandon_all()):
            body.abandon()
        running = {body.task for body in self._bodies}
        if running:
            _, stuck = await asyncio.wait(running, timeout=_CLEANUP_SECONDS)
            for task in stuck:
                task.cancel()

    def _schedule(self, loop: asyncio.AbstractEventLoop) -> None:
        due = self.lot.next_expiry
        self._timer = None if due is None else (loop, loop.call_at(due, self._expire, loop))

    def _expire(self, loop: asyncio.AbstractEventLoop) -> None:
        for call in self.lot.expire(loop.time()):
            call.owner.abandon()
        self._schedule(loop)
