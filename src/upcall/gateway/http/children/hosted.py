"""A server process and who uses it: what the two kinds of users, one legacy session and all modern clients of one
principal, have in common.

A `Hosted` is *starting* until its process is ready, *serving*, and *over* when the process has ended, nobody has used
it for a while, or somebody said so. Then every open request is told, and the process is ended.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence

from upcall.errors import ServerUnavailable
from upcall.gateway.http.children.process import Process

__all__ = ["Hosted"]


class Hosted(ABC):
    """A process and its users."""

    process: Process
    """From when it is ready."""

    def __init__(self, principal: str, idle_seconds: float) -> None:
        self.principal = principal
        self._idle_seconds = idle_seconds
        self._users = 0
        self._idle: asyncio.TimerHandle | None = None
        self._ready = asyncio.Event()
        self._failure: ServerUnavailable | None = None
        self._over = asyncio.Event()

    async def run(self, argv: Sequence[str], env: Mapping[str, str] | None) -> None:
        """Start the process, serve until `over`, and end it."""
        try:
            self.process = await Process.start(argv, env, on_frame=self.from_server, on_end=self.over)
        except ServerUnavailable as failure:
            self._failure = failure
            self._over.set()
            return
        finally:
            self._ready.set()
        try:
            await self._over.wait()
            await self.release()
        finally:
            await self.process.stop()

    async def ready(self) -> None:
        """Wait until the process runs.

        Raises:
            ServerUnavailable: It cannot be started, or is over already.
        """
        await self._ready.wait()
        if self._failure is not None:
            raise self._failure
        if self.is_over:
            raise ServerUnavailable("The server ended before it was asked anything.")

    @property
    def is_over(self) -> bool:
        """Whether it serves nobody any more."""
        return self._over.is_set()

    def over(self, reason: str) -> None:
        """It serves nobody any more, for this reason."""
        if not self.is_over:
            self._over.set()
            if self._idle is not None:
                self._idle.cancel()
            self.tell_over(reason)

    def __enter__(self) -> None:
        self._users += 1
        if self._idle is not None:
            self._idle.cancel()

    def __exit__(self, *_: object) -> None:
        self._users -= 1
        if not self._users and not self.is_over:
            self._idle = asyncio.get_running_loop().call_later(self._idle_seconds, self.over, "Nobody used it.")

    @abstractmethod
    def from_server(self, frame: bytes) -> None:
        """The server sent a frame."""

    @abstractmethod
    def tell_over(self, reason: str) -> None:
        """Answer everything that is open: it ended for this reason."""

    @abstractmethod
    async def release(self) -> None:
        """Stop what still runs for the users."""
