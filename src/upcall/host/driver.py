"""The driver: performs the engine's commands on an event loop and tells it how they went.

A request is *running*, and ends as answered, failed or *withdrawn*. While it is running, cancelling the task stops
the command that is under way. Withdrawn means that the engine has been told and is putting things in order: that is
shielded, but never lasts longer than `GRACE`, and then the cancellation goes on. (asyncio's own ``Task.cancel()``
knows no shield: a second one cuts short what is awaited then, an observer for instance.)

Invariants: the engine's generator is always driven to its end, so that every request has its record; what leaves
is a `SamplingError`, a cancellation, or an answer, never a foreign exception; no observer can change an answer.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import math
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import TypeAlias

import anyio

from upcall.errors import ModelError, SampleTimedOut, SamplingError, UpcallError
from upcall.host.context import SamplingContext, asking
from upcall.host.engine import (
    Arrival,
    Call,
    Cancelled,
    Command,
    Completed,
    Done,
    Event,
    Failed,
    Record,
    Stage,
    Steps,
    Withdrawn,
    answering,
)
from upcall.host.queue import FairQueue
from upcall.host.records import Entry
from upcall.models import Completion, Model
from upcall.wire import SamplingCapability

__all__ = ["GRACE", "Driver", "Observer"]

GRACE = 5.0
"""Seconds that observers, or a withdrawn request's clean-up, may take before they are left behind."""

Observer: TypeAlias = Callable[[Entry], Awaitable[None] | None]
"""Is handed every record. What it raises is logged and otherwise without effect."""

_log = logging.getLogger("upcall.host")


class Driver:
    """Runs requests through the engine, many at once.

    Args:
        find_model: From a name in a `Call` to the model; may raise an `UpcallError`.
        observers: Are handed every record, in order.
        timeout: Seconds from arrival to answer, ``None`` for no limit.
        max_concurrent: Model calls at one time; the rest waits, each server in a line of its own.
    """

    def __init__(
        self,
        find_model: Callable[[str], Model],
        *,
        observers: Sequence[Observer] = (),
        timeout: float | None = None,
        max_concurrent: int = 8,
    ) -> None:
        self._find_model = find_model
        self._observers = tuple(observers)
        self._timeout = timeout
        self._queue = FairQueue(max_concurrent)

    async def answer(
        self, params: object, context: SamplingContext, *, declared: SamplingCapability, stages: Sequence[Stage]
    ) -> Completion:
        """Answer one request.

        Raises:
            SamplingError: Why there is no answer.
        """
        at = anyio.current_time()
        arrival = Arrival(params=params, context=context, declared=declared, started_at=datetime.now(UTC), at=at)
        run = _Run(context, deadline=math.inf if self._timeout is None else at + self._timeout)
        steps = answering(arrival, stages)
        try:
            return await self._drive(steps, None, run)
        except anyio.get_cancelled_exc_class():
            await self._withdraw(steps, run)
            raise

    async def _drive(self, steps: Steps[Completion], event: Event | None, run: _Run) -> Completion:
        try:
            command = next(steps) if event is None else steps.send(event)
            while True:
                command = steps.send(await self._perform(command, run))
        except StopIteration as end:
            completion: Completion = end.value
            return completion

    async def _withdraw(self, steps: Steps[Completion], run: _Run) -> None:
        with anyio.move_on_after(GRACE, shield=True), suppress(Withdrawn, SamplingError):
            await self._drive(steps, Cancelled(at=anyio.current_time()), run)

    async def _perform(self, command: Command, run: _Run) -> Event:
        match command:
            case Call():
                return await self._call(command, run)
            case Record(entry=entry):
                await self._record(entry)
                return Done(at=anyio.current_time())

    async def _call(self, call: Call, run: _Run) -> Event:
        event: Event | None = None
        with anyio.CancelScope(deadline=run.deadline) as scope:
            try:
                async with self._queue.place(run.context.server):
                    with asking(run.context):
                        completion = await self._complete(call)
                event = Completed(at=anyio.current_time(), completion=completion)
            except SamplingError as error:
                event = Failed(at=anyio.current_time(), error=error)
        # A model may turn the cancellation into an error of its own: the reason is still the time.
        if event is None or (scope.cancel_called and isinstance(event, Failed)):
            timed_out = SampleTimedOut(f"No answer within {self._timeout:g} seconds.")
            event = Failed(at=anyio.current_time(), error=timed_out)
        return event

    async def _complete(self, call: Call) -> Completion:
        try:
            completion = await self._find_model(call.model).complete(call.request)
            if not isinstance(completion, Completion):
                raise TypeError(f"complete() returned {type(completion).__name__}, not a Completion")
            return completion
        except SamplingError:
            raise
        except UpcallError as error:
            _log.error("Model %s is not set up: %s %s", call.model, error, error.detail)
            raise ModelError("The model is not set up on the answering side.", detail=str(error)) from error
        except anyio.get_cancelled_exc_class() as error:
            if _wanted():
                raise
            raise self._foreign(call, error) from error
        except Exception as error:
            raise self._foreign(call, error) from error

    def _foreign(self, call: Call, error: BaseException) -> ModelError:
        # The text may hold a key or a path: it stays on this side.
        _log.error("Model %s failed", call.model, exc_info=error)
        return ModelError("The model failed.", detail=f"{type(error).__name__}: {error}")

    async def _record(self, entry: Entry) -> None:
        for observer in self._observers:
            with anyio.move_on_after(GRACE, shield=True) as scope:
                try:
                    pending = observer(entry)
                    if inspect.isawaitable(pending):
                        await pending
                except anyio.get_cancelled_exc_class():
                    if _wanted():
                        raise
                    _log.exception("An observer of sampling records was cancelled from inside")
                except Exception:
                    _log.exception("An observer of sampling records failed")
            if scope.cancelled_caught:
                _log.error("An observer of sampling records took longer than %g seconds", GRACE)


class _Run:
    """What performing commands needs to know of the request they belong to."""

    __slots__ = ("context", "deadline")

    def __init__(self, context: SamplingContext, deadline: float) -> None:
        self.context = context
        self.deadline = deadline


def _wanted() -> bool:
    """Whether somebody cancelled this task, as opposed to a stray ``CancelledError`` out of something it awaited.

    A stray one, let through, would end the request without any answer to the server.
    """
    try:
        task = asyncio.current_task()
    except RuntimeError:  # not on asyncio: cancellation is never stray elsewhere
        return True
    return task is None or task.cancelling() > 0
