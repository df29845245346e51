"""A real store whose methods can be made to fail, hang, or stop at, by name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

from upcall.errors import StoreError
from upcall.store import Store

Trouble = Callable[[], Awaitable[None]]


async def full_disk() -> None:
    """What a store raises then."""
    raise StoreError("The disk that holds the record is full.", hint="Free some space.", detail="/secret/path")


class Faulty:
    """Hands everything on to ``store``, after the trouble that was set for the method."""

    def __init__(self, store: Store, **troubles: Trouble) -> None:
        self._store = store
        self.troubles = dict(troubles)
        self.calls: Counter[str] = Counter()

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._store, name)
        if name.startswith("_") or name in ("aclose", "open", "shared"):
            return method

        async def perform(*arguments: Any, **named: Any) -> Any:
            self.calls[name] += 1
            if name in self.troubles:
                await self.troubles[name]()
            return await method(*arguments, **named)

        return perform
