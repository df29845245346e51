"""`Renewals`: what a running request has set aside stays set aside, however long it runs.

A reservation lapses by itself, so that a process which was killed gives back what it held. It is *held* here from the
moment it is made until it is settled or released; meanwhile it is renewed whenever a third of its time is over. A
renewal that fails is tried again at the next beat, and the store counts what was used even when a reservation has
lapsed.

A timer stands for each of them; only one that is due has a task.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from upcall.errors import StoreError

if TYPE_CHECKING:
    from upcall.store import Reservation, Store

__all__ = ["Renewals"]

_BEATS = 3
"""So many in the time of a reservation: two may fail before it lapses."""

_log = logging.getLogger("upcall.host")


class Renewals:
    """Renews reservations.

    Args:
        store: Where they are.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def hold(self, reservation: Reservation, ttl: float) -> None:
        """Renew it for ``ttl`` seconds, again and again, until `let_go`."""
        loop = asyncio.get_running_loop()
        self._timers[reservation.id] = loop.call_later(ttl / _BEATS, self._due, reservation, ttl)

    def let_go(self, reservation: Reservation) -> None:
        """It is about to be settled or released."""
        timer = self._timers.pop(reservation.id, None)
        if timer is not None:
            timer.cancel()

    def close(self) -> None:
        """Renew nothing any more."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()

    def _due(self, reservation: Reservation, ttl: float) -> None:
        task = asyncio.get_running_loop().create_task(self._renew(reservation, ttl))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _renew(self, reservation: Reservation, ttl: float) -> None:
        timer = self._timers.get(reservation.id)
        gone = False
        try:
            gone = await self._store.renew(reservation, ttl) is None
        except StoreError as error:
            _log.error("The reservation of a budget could not be renewed yet: %s %s", error, error.detail)
        if self._timers.get(reservation.id) is not timer or timer is None:
            return  # let go meanwhile
        if gone:
            del self._timers[reservation.id]
        else:
            self.hold(reservation, ttl)
