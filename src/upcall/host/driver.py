"""The driver: performs the engine's commands on an event loop and tells it how they went.

A request is *running*, and ends as answered, failed or *withdrawn*. While it is running, cancelling the task stops
the command that is under way. Withdrawn means that the engine has been told and is putting things in order: that is
shielded, but no command of it lasts longer than `GRACE`, and then the cancellation goes on. (asyncio's own
``Task.cancel()`` knows no shield: a second one cuts short what is awaited then, an observer for instance. What is to be
written is written all the same, in the background.)

Invariants: the engine's generator is always driven to its end, so that every request has its record; what leaves
is a `SamplingError`, a cancellation, or an answer, never a foreign exception; no observer can change an answer.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from time import monotonic

import anyio

from upcall.errors import SamplingError
from upcall.host.context import SamplingContext
from upcall.host.engine import (
    Admit,
    Arrival,
    Ask,
    Begin,
    Call,
    Cancelled,
    Command,
    Done,
    Event,
    Failed,
    Keep,
    Recall,
    Record,
    Release,
    Reserve,
    Settle,
    Stage,
    Steps,
    Withdrawn,
    answering,
)
from upcall.host.performers import Calls, Decider, Ledger, Observer, Observers, People, Run
from upcall.models import Completion, Model
from upcall.wire import SamplingCapability

__all__ = ["GRACE", "Driver", "Observer"]

GRACE = 5.0
"""Seconds that observers, or a withdrawn request's clean-up, may take before they are left behind."""

_log = logging.getLogger("upcall.host")


class Driver:
    """Runs requests through the engine, many at once.

    Args:
        find_model: From a name in a `Call` to the model; may raise an `UpcallError`.
        observers: Are handed every record, in order.
        timeout: Seconds from arrival to answer, ``None`` for no limit.
        max_concurrent: Model calls at one time; the rest waits, each server in a line of its own.
        ledger: Keeps records and budgets; without one, stages that need it refuse every request.
        decider: Is asked in place of a person; without one, the same holds.
    """

    def __init__(
        self,
        find_model: Callable[[str], Model],
        *,
        observers: Sequence[Observer] = (),
        timeout: float | None = None,
        max_concurrent: int = 8,
        ledger: Ledger | None = None,
        decider: Decider | None = None,
    ) -> None:
        self._timeout = timeout
        self._calls = Calls(find_model, timeout=timeout, max_concurrent=max_concurrent)
        self._observers = Observers(observers)
        self._ledger = ledger
        self._people = None if decider is None else People(decider, timeout=timeout)

    async def answer(
        self,
        params: object,
        context: SamplingContext,
        *,
        declared: SamplingCapability,
        stages: Sequence[Stage],
        keep: Keep | None = None,
    ) -> Completion:
        """Answer one request.

        Args:
            params: The request, or its parsed JSON.
            context: Where it comes from.
            declared: What this side declared there.
            stages: From the door to the model.
            keep: What of it may be kept; ``None`` for everything.

        Raises:
            SamplingError: Why there is no answer.
        """
        at = monotonic()
        arrival = Arrival(params=params, context=context, declared=declared, started_at=datetime.now(UTC), at=at)
        run = Run(context, deadline=math.inf if self._timeout is None else anyio.current_time() + self._timeout)
        steps = answering(arrival, stages, keep)
        try:
            return await self._drive(steps, None, run)
        except anyio.get_cancelled_exc_class():
            await self._withdraw(steps, run)
            raise

    async def aclose(self) -> None:
        """Write what is still to be written."""
        if self._ledger is not None:
            await self._ledger.aclose(GRACE)

    async def _drive(self, steps: Steps[Completion], event: Event | None, run: Run) -> Completion:
        try:
            command = next(steps) if event is None else steps.send(event)
            while True:
                command = steps.send(await self._perform(command, run))
        except StopIteration as end:
            completion: Completion = end.value
            return completion

    async def _withdraw(self, steps: Steps[Completion], run: Run) -> None:
        """Tell the engine, and perform what it wants done about it, one command or all of them at a time."""
        with suppress(Withdrawn, SamplingError):
            while True:
                event = Cancelled(at=monotonic(), attempts=run.attempts)
                run.attempts = 0
                with suppress(anyio.get_cancelled_exc_class()), anyio.move_on_after(GRACE, shield=True):
                    await self._drive(steps, event, run)
                    return

    async def _perform(self, command: Command, run: Run) -> Event:
        try:
            match command:
                case Call():
                    return await self._calls.perform(command, run)
                case Record():
                    await self._record(command)
                    return Done(at=monotonic())
                case Ask() | Recall() if self._people is not None:
                    return await self._people.perform(command, run)
                case Admit() | Begin() | Reserve() | Settle() | Release() if self._ledger is not None:
                    return await self._ledger.perform(command)
            detail = f"Nobody performs {type(command).__name__}."
        except Exception as bug:
            _log.exception("Performing %s failed", type(command).__name__)
            detail = f"{type(bug).__name__}: {bug}"
        closed = SamplingError("The host could not process the request.", detail=detail)
        return Failed(at=monotonic(), error=closed)

    async def _record(self, command: Record) -> None:
        try:
            if self._ledger is not None:
                await self._ledger.record(command.entry, command.record)
        finally:
            await self._observers.tell(command.entry, GRACE)
