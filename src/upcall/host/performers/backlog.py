"""`Backlog`: writes that are not to be lost, and that nobody waits for longer than a first try takes.

A write is *being tried*, *waiting* for its next try, *done*, or *lost*, which is logged. Whoever brought it goes on
after its first try, and may be cancelled at any time: the write goes on without them, in the background, until it is
done, the time is up, or the backlog is closed, which has all that waits tried once more at once.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TypeAlias

from upcall.errors import StoreError

__all__ = ["Backlog", "Write"]

Write: TypeAlias = Callable[[], Awaitable[object]]
"""Harmless to repeat."""

PAUSES = (0.1, 0.5, 2.0, 5.0, 10.0, 30.0, 60.0, 60.0, 60.0, 60.0)
"""Seconds between tries."""

MOST = 10_000
"""Writes that may wait at one time. What comes on top is tried once."""

_log = logging.getLogger("upcall.host")


class Backlog:
    """Does writes, again and again where need be."""

    def __init__(self) -> None:
        self._waiting: dict[asyncio.Task[None], asyncio.Event] = {}

    async def do(self, what: str, write: Write) -> None:
        """Return when ``write`` is done, or has failed for the first time.

        Args:
            what: What is lost if it is never done, for the log.
            write: The write.
        """
        tried, hurry = asyncio.Event(), asyncio.Event()
        if len(self._waiting) >= MOST:
            hurry.set()
        task = asyncio.create_task(_persist(what, write, tried, hurry))
        self._waiting[task] = hurry
        task.add_done_callback(self._forget)
        await tried.wait()

    async def aclose(self, grace: float) -> None:
        """Have what waits tried once more, for ``grace`` seconds at most."""
        loop = asyncio.get_running_loop()
        mine = {task: hurry for task, hurry in self._waiting.items() if task.get_loop() is loop}
        for hurry in mine.values():
            hurry.set()
        if mine:
            _, late = await asyncio.wait(mine, timeout=grace)
            for task in late:
                task.cancel()

    def _forget(self, task: asyncio.Task[None]) -> None:
        self._waiting.pop(task, None)


async def _persist(what: str, write: Write, tried: asyncio.Event, hurry: asyncio.Event) -> None:
    try:
        for pause in (*PAUSES, None):
            last = pause is None or hurry.is_set()
            try:
                await write()
                return
            except StoreError as error:
                _log.error("%s could not be written%s: %s %s", what, "" if last else " yet", error, error.detail)
            tried.set()
            if last:
                break
            await _sleep(pause, hurry)
        _log.critical("%s is lost", what)
    except Exception:
        _log.critical("%s is lost", what, exc_info=True)
    except asyncio.CancelledError:
        _log.critical("%s may be lost: it ended before it was written", what)
        raise
    finally:
        tried.set()


async def _sleep(pause: float | None, hurry: asyncio.Event) -> None:
    try:
        async with asyncio.timeout(pause):
            await hurry.wait()
    except TimeoutError:
        pass
