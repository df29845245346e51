"""How a server is started or reached to be examined, and what it leaves behind: last words, exit code, HTTP status."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Protocol

from upcall.gateway.examining._targets import Target
from upcall.gateway.stdio.channel import Channel
from upcall.gateway.stdio.child import Child
from upcall.gateway.stdio.sources import open_source

if TYPE_CHECKING:
    from upcall.gateway.http.client.reply import Reply
    from upcall.gateway.http.responding import Header

__all__ = ["HttpLink", "Link", "linked"]

_PATIENCE = 1.0
"""Seconds for a process to end after its input is closed, and again after SIGTERM."""
_LAST_WORDS = 4096
"""Bytes of standard error that are kept."""
_SETTLED = 0.3
"""Seconds for what a process that ended has written last."""


class Link(Protocol):
    """A way to a server."""

    def send(self, frame: bytes) -> None: ...
    async def aclose(self) -> None: ...
    @property
    def last_words(self) -> list[str]: ...
    @property
    def exit_code(self) -> int | None: ...
    @property
    def statuses(self) -> Iterable[int]: ...


@asynccontextmanager
async def linked(
    target: Target, env: Mapping[str, str], received: Callable[[bytes], None], ended: Callable[[], None]
) -> AsyncIterator[Link]:
    """A running server; ended when the block is over.

    Args:
        target: Which one.
        env: The environment of its client.
        received: Told each frame.
        ended: The server has ended by itself.

    Raises:
        OSError: The program cannot be started.
        ValueError: The address is none of an HTTP server.
    """
    link: Link = HttpLink(target, received) if target.url else _Process(target, env, received, ended)
    try:
        yield link
    finally:
        await link.aclose()


class _Process:
    statuses: Iterable[int] = ()

    def __init__(
        self, target: Target, env: Mapping[str, str], received: Callable[[bytes], None], ended: Callable[[], None]
    ) -> None:
        private = target.behind.private if target.behind is not None else ()
        whole = {name: value for name, value in {**env, **target.env}.items() if name not in private}
        if target.cwd is not None and not target.cwd.is_dir():
            raise NotADirectoryError(0, "Its directory does not exist.", str(target.cwd))
        reading, writing = os.pipe()
        try:
            self._child = Child(target.argv, whole, cwd=target.cwd, stderr=writing)
        except BaseException:
            os.close(reading)
            raise
        finally:
            os.close(writing)
        self._words = b""
        self._died = asyncio.Event()
        self._silent = asyncio.Event()
        self._stderr = open_source(reading, self._overheard, self._silent.set)
        self._ended = ended
        self._closing = self._silenced = False

        def all_received(frames: list[bytes]) -> None:
            for frame in frames:
                received(frame)

        self._channel = Channel(
            *self._child.pipes(),
            on_frames=all_received,
            on_end=self._over,
            on_broken=lambda: None,
            on_full=lambda full: None,
        )
        loop = asyncio.get_running_loop()

        def died() -> None:
            with suppress(RuntimeError):  # the event loop is closed
                loop.call_soon_threadsafe(self._child_died)

        self._child.watch(died)

    @property
    def last_words(self) -> list[str]:
        return [line for line in self._words.decode(errors="replace").splitlines() if line.strip()]

    @property
    def exit_code(self) -> int | None:
        return self._child.exit_code

    def send(self, frame: bytes) -> None:
        self._channel.send(frame)

    async def aclose(self) -> None:
        self._closing = True
        try:
            self._channel.end()
            for stop in (None, self._child.terminate, self._child.kill):
                if stop is not None:
                    stop()
                if await _within(self._died, _PATIENCE):
                    break
            await _within(self._silent, _SETTLED)
        finally:
            self._child.kill()
            self._channel.close()
            self._stderr.close()

    def _child_died(self) -> None:
        self._died.set()
        if not self._closing and not self._silenced:
            self._channel.finish()  # a grandchild may hold the pipe open

    def _over(self) -> None:
        self._silenced = True
        if not self._closing:
            self._ended()

    def _overheard(self, piece: bytes) -> None:
        self._words = (self._words + piece)[-_LAST_WORDS:]


class HttpLink:
    """A server behind HTTP."""

    last_words: list[str] = []
    exit_code: int | None = None

    def __init__(self, target: Target, received: Callable[[bytes], None]) -> None:
        from upcall.gateway.http.bridge.remote import Remote
        from upcall.gateway.http.client.upstream import Upstream

        statuses: list[int] = []

        class Noting(Upstream):
            async def request(self, method: str, headers: Iterable[Header] = (), body: bytes | None = None) -> Reply:
                reply = await super().request(method, headers, body)
                statuses.append(reply.status)
                return reply

        self.statuses: Iterable[int] = statuses
        self._remote = Remote(Noting(target.url, headers=target.headers), lambda frame, _: received(frame))

    def send(self, frame: bytes) -> None:
        self._remote.send(frame)

    async def aclose(self) -> None:
        await self._remote.aclose()


async def _within(event: asyncio.Event, seconds: float) -> bool:
    with suppress(TimeoutError):
        await asyncio.wait_for(event.wait(), seconds)
    return event.is_set()
