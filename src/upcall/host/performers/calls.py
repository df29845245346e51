"""`Calls`: asks models, a few at a time, each server in its turn, within the time that there is."""

from __future__ import annotations

import logging
from collections.abc import Callable
from time import monotonic

import anyio

from upcall.errors import InvalidRequest, ModelError, SampleTimedOut, SamplingError, UnsupportedContent, UpcallError
from upcall.host.context import asking
from upcall.host.engine import Call, Completed, Event, Failed
from upcall.host.performers.run import Run, cancellation_is_wanted
from upcall.host.queue import FairQueue
from upcall.models import Completion, Model

__all__ = ["Calls"]

_log = logging.getLogger("upcall.host")


class Calls:
    """Performs `Call`.

    Args:
        find_model: From a name to the model; may raise an `UpcallError`.
        timeout: Seconds from arrival to answer, for the error's text.
        max_concurrent: Calls at one time; the rest waits, each server in a line of its own.
    """

    def __init__(self, find_model: Callable[[str], Model], *, timeout: float | None, max_concurrent: int) -> None:
        self._find_model = find_model
        self._timeout = timeout
        self._queue = FairQueue(max_concurrent)

    async def perform(self, call: Call, run: Run) -> Event:
        """Ask the model, and say how it went."""
        event: Event | None = None
        with anyio.CancelScope(deadline=run.deadline) as scope:
            try:
                async with self._queue.place(run.context.server, call.most):
                    with asking(run.context):
                        completion = await self._complete(call, run)
                event = Completed(at=monotonic(), completion=completion)
            except SamplingError as error:
                event = Failed(at=monotonic(), error=error)
        # A model may turn the cancellation into an error of its own: the reason is still the time.
        if event is None or (scope.cancel_called and isinstance(event, Failed)):
            timed_out = SampleTimedOut(f"No answer within {self._timeout:g} seconds.")
            timed_out.attempts = run.attempts
            event = Failed(at=monotonic(), error=timed_out)
        run.attempts = 0
        return event

    async def _complete(self, call: Call, run: Run) -> Completion:
        try:
            model = self._model(call)
            run.attempts = 1
            completion = await model.complete(call.request)
            if not isinstance(completion, Completion):
                raise TypeError(f"complete() returned {type(completion).__name__}, not a Completion")
            return completion
        except SamplingError as error:
            # One that counts nothing made a call, unless the request never left.
            if not error.attempts and not isinstance(error, InvalidRequest | UnsupportedContent):
                error.attempts = run.attempts
            raise
        except UpcallError as error:
            _log.error("Model %s is not set up: %s %s", call.model, error, error.detail)
            raise ModelError("The model is not set up on the answering side.", detail=str(error)) from error
        except anyio.get_cancelled_exc_class() as error:
            if cancellation_is_wanted():
                raise
            raise _foreign(call, error) from error
        except Exception as error:
            raise _foreign(call, error) from error

    def _model(self, call: Call) -> Model:
        if not call.alternates:
            return self._find_model(call.model)
        from upcall.models.alternates import Alternates

        return Alternates([self._find_model(name) for name in (call.model, *call.alternates)])


def _foreign(call: Call, error: BaseException) -> ModelError:
    # The text may hold a key or a path: it stays on this side.
    _log.error("Model %s failed", call.model, exc_info=error)
    failure = ModelError("The model failed.", detail=f"{type(error).__name__}: {error}")
    failure.attempts = 1
    return failure
