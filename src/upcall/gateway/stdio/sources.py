"""Reading from a file descriptor on an event loop.

A source is *reading*, *paused*, or *ended*. While it is paused nothing is read, so a peer that writes blocks when the
pipe is full. `finish` means that the writer is dead: what lies in the pipe is read, and then it ends, even if somebody
else still holds the other end open. It ends once, and calls nobody after that.

`PolledSource` is for what the event loop can wait for: pipes, sockets, terminals. `ThreadSource` is for the rest:
regular files, and everything on Windows.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

__all__ = ["PolledSource", "Source", "ThreadSource", "open_source"]

_PIECE = 1 << 16
"""Bytes read at once: what a pipe holds. A larger buffer would be mapped and unmapped for each read."""
_AHEAD = 16
"""Pieces that a thread may read before the event loop has taken them."""
_LAST_WORDS = 0.5
"""Seconds that a thread may read on after the writer's death."""


class Source(Protocol):
    """Where bytes come from."""

    def pause(self) -> None: ...
    def resume(self) -> None: ...
    def finish(self) -> None: ...
    def close(self) -> None: ...


def open_source(fd: int, on_piece: Callable[[bytes], None], on_end: Callable[[], None]) -> Source:
    """Start to read ``fd``, which is closed by `Source.close`. ``on_end`` is not called after `Source.close`."""
    try:
        return PolledSource(fd, on_piece, on_end)
    except (PermissionError, NotImplementedError):  # epoll takes no regular files; Windows' loop no descriptors
        return ThreadSource(fd, on_piece, on_end)


class PolledSource:
    """Reads when the event loop says that there is something.

    Raises:
        PermissionError: This kind of file cannot be waited for.
        NotImplementedError: Nor can any, on this event loop.
    """

    def __init__(self, fd: int, on_piece: Callable[[bytes], None], on_end: Callable[[], None]) -> None:
        self._fd, self._on_piece, self._on_end = fd, on_piece, on_end
        self._loop = asyncio.get_running_loop()
        self._paused = self._ended = self._finishing = False
        self._loop.add_reader(fd, self._ready)

    def pause(self) -> None:
        if not (self._paused or self._ended):
            self._paused = True
            self._loop.remove_reader(self._fd)

    def resume(self) -> None:
        if self._paused and not self._ended:
            self._paused = False
            self._loop.add_reader(self._fd, self._ready)
            if self._finishing:
                self._loop.call_soon(self._drain)

    def finish(self) -> None:
        self._finishing = True
        os.set_blocking(self._fd, False)
        self._drain()

    def close(self) -> None:
        if not self._ended:
            self._ended = True
            self._loop.remove_reader(self._fd)
            os.close(self._fd)

    def _ready(self) -> None:
        try:
            piece = os.read(self._fd, _PIECE)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:  # a reset connection, a terminal that is gone: there is nothing more
            piece = b""
        if piece:
            self._on_piece(piece)
        else:
            self.close()
            self._on_end()

    def _drain(self) -> None:
        while not (self._paused or self._ended):
            try:
                piece = os.read(self._fd, _PIECE)
            except OSError:
                piece = b""
            if not piece:
                self.close()
                self._on_end()
                return
            self._on_piece(piece)


class ThreadSource:
    """Reads in a thread, a few pieces ahead of the event loop."""

    def __init__(self, fd: int, on_piece: Callable[[bytes], None], on_end: Callable[[], None]) -> None:
        self._fd, self._on_piece, self._on_end = fd, on_piece, on_end
        self._loop = asyncio.get_running_loop()
        self._may_read = threading.Event()
        self._may_read.set()
        self._ahead = threading.Semaphore(_AHEAD)
        self._paused = self._ended = False
        self._held: list[bytes] = []
        threading.Thread(target=self._read, name=f"upcall reader {fd}", daemon=True).start()

    def pause(self) -> None:
        self._paused = True
        self._may_read.clear()

    def resume(self) -> None:
        if self._paused:
            self._paused = False
            self._may_read.set()
            self._loop.call_soon(self._take_held)

    def finish(self) -> None:
        self._loop.call_later(_LAST_WORDS, self._over)

    def close(self) -> None:
        self._ended = True  # the descriptor stays: closing it under a thread that reads would free its number
        self._may_read.set()
        self._ahead.release()

    def _read(self) -> None:
        piece = b" "
        while piece and not self._ended:
            self._may_read.wait()
            self._ahead.acquire()
            try:
                piece = os.read(self._fd, _PIECE)
            except OSError:
                piece = b""
            with suppress(RuntimeError):  # the event loop is closed
                self._loop.call_soon_threadsafe(self._came, piece)

    def _came(self, piece: bytes) -> None:
        self._held.append(piece)
        self._take_held()

    def _take_held(self) -> None:
        while self._held and not (self._paused or self._ended):
            piece = self._held.pop(0)
            self._ahead.release()
            if piece:
                self._on_piece(piece)
            else:
                self._over()

    def _over(self) -> None:
        if self._paused and not self._ended:
            self._held.append(b"")
        elif not self._ended:
            self.close()
            self._on_end()
