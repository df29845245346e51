"""What is known of a server's tasks, beyond one poll (tasks extension, SEP-2663).

A sampling of a task is *unknown* until a result of the server shows it, then *asked*, then *answered*, each by its key,
which the server uses once in the life of a task. A task is *open*, then *refused* or *closed*: nothing of it is asked
any more.

Invariants: a task is its principal's alone; the same id of somebody else is another task. What was asked is not asked
again, whichever connection of this process polls, unless its asking was stopped before there was an answer. What nobody
has looked at for an hour is forgotten, and so is what was looked at longest ago when there is too much. Where other
processes serve the same tasks, each sampling has a name (`Once`) that is the same in all of them.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

import msgspec
from msgspec import Raw

from upcall.gateway import frames
from upcall.gateway.sealing import packed
from upcall.gateway.session._sealed import digest_of
from upcall.gateway.session.actions import Once, Over

__all__ = ["Asked", "Task", "Tasks"]

_LIFETIME: Final = 3600.0
_MOST: Final = 4096


class Asked(msgspec.Struct, eq=False):
    """One sampling of a task."""

    answer: Raw | None = None
    """The ``CreateMessageResult``."""
    sent: float = 0.0
    """When the server was told last, in seconds since the epoch."""


class Task(msgspec.Struct, eq=False):
    """One task."""

    id: str
    label: str
    """As `Sample.call`."""
    method: str
    name: str
    arguments: bytes | None
    """Of the client's request that became a task, where this process has seen it."""
    asked: dict[str, Asked] = {}
    round: int = 0
    """Results so far that showed something new to ask."""
    seen: bytes = b"{}"
    """What the client saw of it last and still goes for what it gets instead of a result: its times."""
    refused: bytes | None = None
    """What the client gets instead of a result of the server."""
    closed: bool = False
    """The client has cancelled it."""
    at: float = 0.0


class Tasks:
    """Those of one server. Sessions of the same server share it.

    Args:
        server: Our name for the server.
        now: The time, in seconds since the epoch.
        shared: Whether other processes serve the same tasks to the same clients.
    """

    def __init__(self, server: str = "", now: Callable[[], float] = time.time, *, shared: bool = False) -> None:
        self._server = server
        self._now = now
        self._shared = shared
        self._tasks: OrderedDict[tuple[str, str], Task] = OrderedDict()

    def __len__(self) -> int:
        return len(self._tasks)

    def get(self, principal: str, id: str) -> Task | None:
        """The task, if it is known."""
        found = self._tasks.get((principal, id))
        if found is not None:
            found.at = self._now()
            self._tasks.move_to_end((principal, id))
        return found

    def known(
        self,
        principal: str,
        id: str,
        *,
        label: str = "",
        method: str = "tasks/get",
        name: str = "",
        arguments: bytes | None = None,
    ) -> Task:
        """The task, known from now on. Without a label of the call that became it, it gets one that is the same in all
        processes."""
        found = self.get(principal, id)
        if found is None:
            found = Task(id, label or self._label(principal, id), method, name or id, arguments, at=self._now())
            self._tasks[principal, id] = found
            self._sweep()
        return found

    def forget(self, principal: str, id: str) -> None:
        """It has come to its end."""
        self._tasks.pop((principal, id), None)

    def once(self, principal: str, id: str, key: str, params: Raw) -> Once | None:
        """What other processes know a sampling of the task by; ``None`` where there are none."""
        if not self._shared:
            return None
        content = digest_of(frames.members(params) or {"": params})
        return Once(self._digest(principal, id), self._digest(principal, id, key, content.hex()))

    def over(self, principal: str, id: str) -> list[Over]:
        """What other processes are to be told when the task has come to its end."""
        return [Over(self._digest(principal, id))] if self._shared else []

    def _label(self, principal: str, id: str) -> str:
        return self._digest(principal, id)[:24]

    def _digest(self, *parts: str) -> str:
        import hashlib  # only servers with tasks pay for loading it

        return hashlib.sha256(packed(self._server, *parts)).hexdigest()

    def _sweep(self) -> None:
        oldest = self._now() - _LIFETIME
        while self._tasks:
            key, first = next(iter(self._tasks.items()))
            if first.at >= oldest and len(self._tasks) <= _MOST:
                break
            del self._tasks[key]
