"""Signs of life while a sample is out.

A client may reset its time limit on ``notifications/progress`` (2025-11-25, "Timeouts"), so a server that waits for
a model sends one every few seconds. Values of one request must rise, and the body may report progress of its own:
`Progress` keeps the two apart.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TypeAlias

__all__ = ["OnProgress", "Progress", "heartbeat"]

logger = logging.getLogger(__name__)

OnProgress: TypeAlias = Callable[[float, str], Awaitable[None] | None]
"""Told ``(seconds waited, message)``; a plain function or a coroutine function."""

_STEP = 1e-3
"""How far one heartbeat moves the value, relative to its size: visible to the protocol, not to a progress bar."""


class Progress:
    """The progress of one request as its client saw it last. Values given out never fall."""

    __slots__ = ("_silent", "total", "value")

    def __init__(self) -> None:
        self.value = 0.0
        self.total: float | None = None
        self._silent = True

    def reported(self, value: float, total: float | None) -> float:
        """The body reports ``value``: what to send, which is more than what was sent before."""
        self.total = total
        self.value = value if self._silent or value > self.value else self._next()
        self._silent = False
        return self.value

    def beat(self) -> float:
        """A sign of life between two reports of the body: barely more than the last value."""
        if not self._silent:
            self.value = self._next()
        self._silent = False
        return self.value

    def _next(self) -> float:
        return self.value + _STEP * max(1.0, abs(self.value))


def heartbeat(
    interval: float | None, send: Callable[[str], Awaitable[None]], on_progress: OnProgress | None
) -> AbstractContextManager[None]:
    """Beat every ``interval`` seconds while the block runs; ``None``, 0 and less never beat.

    A beat waits for the one before it: a client that does not read must not gather them here.

    Args:
        interval: Seconds.
        send: Tells the client; takes the message.
        on_progress: Told in any case.
    """
    if interval is None or not interval > 0:  # NaN is no interval either
        return nullcontext()
    return _beating(interval, send, on_progress)


@contextmanager
def _beating(interval: float, send: Callable[[str], Awaitable[None]], on_progress: OnProgress | None) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    started = loop.time()
    beat: asyncio.Task[None] | None = None
    timer: asyncio.TimerHandle

    # A timer, not a task: most samples end before the first beat and should cost nothing.
    def due() -> None:
        nonlocal beat, timer
        if beat is None or beat.done():
            beat = loop.create_task(_beat(loop.time() - started, send, on_progress))
        timer = loop.call_later(interval, due)

    timer = loop.call_later(interval, due)
    try:
        yield
    finally:
        timer.cancel()
        if beat is not None:
            beat.cancel()


async def _beat(waited: float, send: Callable[[str], Awaitable[None]], on_progress: OnProgress | None) -> None:
    message = f"waiting for the model ({waited:.0f} s)"
    try:
        await send(message)
        if on_progress is not None:
            told = on_progress(waited, message)
            if inspect.isawaitable(told):
                await told
    except Exception:
        logger.exception("a progress report failed; the sample goes on")
