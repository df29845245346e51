"""`Retrying`: a model that is asked again when it failed for a passing reason, with backoff, within the deadline.

Rules, in the order in which they apply to a failure:

1. Only `RateLimited` and `ModelUnavailable` pass. Everything else would fail again, or may already have been paid for
   in full (`ModelTimedOut`), and is raised at once.
2. After ``attempts`` calls the last failure is raised.
3. The wait is drawn evenly between 0 and a bound that doubles with each failure ("full jitter"), so that many who
   failed together do not come back together. ``Retry-After`` comes on top: nobody comes back earlier than asked.
4. A wait that would not end before the deadline is not begun, nor one beyond ``longest_wait``: the failure is raised
   while there is still time to do something else about it.

The deadline is that of ``timeout`` and of every cancel scope around the call, whichever is first.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable

import anyio

from upcall.errors import ConfigurationError, ModelTimedOut, ModelUnavailable, RateLimited, SamplingError
from upcall.models._attempts import Tries, told
from upcall.models.base import Adjustment, Completion, Model
from upcall.wire import SamplingRequest

__all__ = ["Retrying"]


class Retrying:
    """A `Model` that repeats a request to ``model`` when that failed for a passing reason.

    A repeated request may be paid twice: `Completion.attempts` counts the calls, and so does ``attempts`` of the error
    that is raised in the end. Each call that failed is an adjustment of the field ``model``.

    Args:
        model: The model to ask.
        attempts: How many calls at most, the first included.
        first_wait: Seconds that bound the first wait; each further bound is twice the one before.
        longest_wait: Seconds that no wait exceeds.
        timeout: Seconds for everything, waits included; ``None`` leaves it to the cancel scopes around the call.
        sleep: Waits so many seconds.
        uniform: Draws a number between two, evenly.

    Raises:
        ConfigurationError: ``attempts`` is below 1, or a wait is negative.
    """

    def __init__(
        self,
        model: Model,
        *,
        attempts: int = 3,
        first_wait: float = 1.0,
        longest_wait: float = 60.0,
        timeout: float | None = None,
        sleep: Callable[[float], Awaitable[None]] = anyio.sleep,
        uniform: Callable[[float, float], float] = random.uniform,
    ) -> None:
        if attempts < 1 or first_wait < 0 or longest_wait < 0:
            raise ConfigurationError("Retrying needs at least one attempt, and waits that are not negative.")
        self._model = model
        self._attempts = attempts
        self._first_wait = first_wait
        self._longest_wait = longest_wait
        self._timeout = timeout
        self._sleep = sleep
        self._uniform = uniform

    @property
    def name(self) -> str:
        """The name of the model that is asked."""
        return self._model.name

    def __repr__(self) -> str:
        return f"Retrying({self._model!r}, attempts={self._attempts})"

    async def complete(self, request: SamplingRequest) -> Completion:
        """Complete ``request``, with up to ``attempts`` calls.

        Raises:
            ModelTimedOut: No answer within ``timeout``.
            SamplingError: The last failure of the model, as it was.
        """
        tries = Tries()
        with anyio.move_on_after(self._timeout):
            return await self._complete(request, tries)
        error = ModelTimedOut(f"{self.name} did not answer within {self._timeout:g} seconds.")
        tries.add(error)
        raise tries.failed(error)

    async def aclose(self) -> None:
        """Close the model."""
        await self._model.aclose()

    async def _complete(self, request: SamplingRequest, tries: Tries) -> Completion:
        while True:
            try:
                completion = await self._model.complete(request)
            except SamplingError as error:
                tries.add(error)
                wait = self._wait_after(error, len(tries.told) + 1)
                if wait is None:
                    tries.failed(error)
                    raise
                tries.told.append(
                    Adjustment(
                        field="model", action="repeated", reason=f"{told(error)} Asked again after {wait:.1f} s."
                    )
                )
            else:
                return tries.completed(completion)
            await self._sleep(wait)

    def _wait_after(self, error: SamplingError, failures: int) -> float | None:
        """Seconds until the next call, or ``None`` for no further one."""
        if failures >= self._attempts or not isinstance(error, RateLimited | ModelUnavailable):
            return None
        asked = (error.retry_after or 0.0) if isinstance(error, RateLimited) else 0.0
        bound = min(self._first_wait * 2 ** (failures - 1), self._longest_wait)
        wait = asked + self._uniform(0.0, bound)
        left = anyio.current_effective_deadline() - anyio.current_time()
        return wait if asked <= self._longest_wait and wait < left else None
