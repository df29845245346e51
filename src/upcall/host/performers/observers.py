"""`Observers`: whoever is handed the records. None of them can change an answer."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeAlias

import anyio

from upcall.host.performers.run import cancellation_is_wanted
from upcall.host.records import Entry

__all__ = ["Observer", "Observers"]

Observer: TypeAlias = Callable[[Entry], Awaitable[None] | None]
"""Is handed every record. What it raises is logged and otherwise without effect."""

_log = logging.getLogger("upcall.host")


class Observers:
    """Called one after the other, each with its own time."""

    def __init__(self, observers: Sequence[Observer]) -> None:
        self._observers = tuple(observers)

    async def tell(self, entry: Entry, grace: float) -> None:
        """Hand ``entry`` to each of them, which may take ``grace`` seconds."""
        for observer in self._observers:
            with anyio.move_on_after(grace, shield=True) as scope:
                try:
                    pending = observer(entry)
                    if inspect.isawaitable(pending):
                        await pending
                except anyio.get_cancelled_exc_class():
                    if cancellation_is_wanted():
                        raise
                    _log.exception("An observer of sampling records was cancelled from inside")
                except Exception:
                    _log.exception("An observer of sampling records failed")
            if scope.cancelled_caught:
                _log.error("An observer of sampling records took longer than %g seconds", grace)
