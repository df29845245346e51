"""`Process`: a server that HTTP clients talk to through us, with its pipes.

It is *running*; *stopping*, from `stop`: its input is closed, and it has a while before SIGTERM, and again before
SIGKILL; and *over*, when it has ended and everything that it wrote has been told. ``on_end`` is called once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

from upcall.errors import ServerUnavailable
from upcall.gateway.frames import compact
from upcall.gateway.stdio.channel import Channel
from upcall.gateway.stdio.child import Child

__all__ = ["Process"]

PATIENCE = 2.0
"""Seconds to end after the input is closed, and again after SIGTERM (2025-11-25, basic/lifecycle, "Shutdown")."""
_LAST_WORDS = 0.5
"""Seconds between the end of a server's output and its own."""


class Process:
    """Made by `start`."""

    def __init__(self, child: Child, on_frame: Callable[[bytes], None], on_end: Callable[[str], None]) -> None:
        self._child = child
        self._on_frame, self._on_end = on_frame, on_end
        self._died = asyncio.Event()
        self._silent = asyncio.Event()
        self._stopping: asyncio.Task[None] | None = None
        loop = asyncio.get_running_loop()
        self._channel = Channel(
            *child.pipes(),
            on_frames=self._told,
            on_end=self._silent.set,
            on_broken=lambda: None,  # it may have more to say; its end comes as the end of its output
            on_full=lambda full: self._room.clear() if full else self._room.set(),
        )
        self._room = asyncio.Event()
        self._room.set()

        def died() -> None:
            with suppress(RuntimeError):  # the event loop is closed
                loop.call_soon_threadsafe(self._has_died)

        child.watch(died)
        self._watching = asyncio.create_task(self._watch(), name=f"upcall server {child.pid}")

    @classmethod
    async def start(
        cls,
        argv: Sequence[str],
        env: Mapping[str, str] | None,
        *,
        on_frame: Callable[[bytes], None],
        on_end: Callable[[str], None],
    ) -> Process:
        """Start ``argv``. ``on_frame`` is told each line, ``on_end`` why there are no more.

        Raises:
            ServerUnavailable: It cannot be started.
        """
        try:
            child = await asyncio.to_thread(Child, argv, env)
        except OSError as error:
            raise ServerUnavailable("The server cannot be started.", detail=f"{argv[0]}: {error}") from error
        return cls(child, on_frame, on_end)

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._child.pid

    def send(self, frame: bytes) -> None:
        """Queue a frame for the server."""
        self._channel.send(compact(frame))

    async def room(self) -> None:
        """Wait while the server has far too much to read."""
        await self._room.wait()

    def pause(self) -> None:
        """Read nothing for now."""
        self._channel.pause()

    def resume(self) -> None:
        """Read on."""
        self._channel.resume()

    async def stop(self) -> None:
        """End it, and wait until it is over."""
        if self._stopping is None:
            self._stopping = asyncio.create_task(self._stop(), name=f"upcall stop {self.pid}")
        await asyncio.shield(self._stopping)

    async def _stop(self) -> None:
        self._channel.resume()
        self._channel.end()
        if not await self._dies_within(PATIENCE):
            self._child.terminate()
            if not await self._dies_within(PATIENCE):
                self._child.kill()
        await self._watching

    async def _watch(self) -> None:
        await self._silent.wait()
        if not await self._dies_within(_LAST_WORDS) and self._stopping is None:
            self._child.terminate()  # who says nothing any more serves nobody
            if not await self._dies_within(PATIENCE):
                self._child.kill()
        await self._died.wait()
        self._channel.close()
        self._child.kill()  # what it started and left behind
        code = self._child.exit_code
        self._on_end(f"The server ended with exit code {code}.")

    async def _dies_within(self, seconds: float) -> bool:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._died.wait(), seconds)
        return self._died.is_set()

    def _has_died(self) -> None:
        self._died.set()
        if not self._silent.is_set():
            self._channel.resume()
            self._channel.finish()

    def _told(self, frames: list[bytes]) -> None:
        for frame in frames:
            self._on_frame(frame)
