"""Writing lines to a file descriptor on an event loop.

A sink is *open*, *closing* (it writes what is left and closes), or *closed*. `put` queues, `flush` writes as much as
goes without waiting; the rest goes when there is room. `waiting` is the number of bytes queued; ``on_level`` is told
when that has changed because the reader took some. When the reader has gone (EPIPE, or without a word while nothing is
written: whoever is paused for its sake would not hear of it otherwise), what is queued is dropped, ``on_broken`` is
called once, and everything after is dropped, too.

`PolledSink` is for pipes, sockets and the like; `ThreadSink` for the rest (see `sources`).
"""

from __future__ import annotations

import asyncio
import os
import queue
import socket
import stat
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from itertools import islice
from typing import Protocol

__all__ = ["PolledSink", "Sink", "ThreadSink", "open_sink"]

_JOINED = 1 << 16
"""Bytes up to which lines are joined before they are written; longer ones are not copied again."""
_VECTOR = 512
"""Buffers in one ``writev`` (IOV_MAX is at least 1024 where it is known)."""


class Sink(Protocol):
    """Where lines go."""

    @property
    def waiting(self) -> int: ...
    def put(self, line: bytes) -> None: ...
    def flush(self) -> None: ...
    def end(self) -> None: ...
    def close(self) -> None: ...


def open_sink(fd: int, on_level: Callable[[], None], on_broken: Callable[[], None]) -> Sink:
    """Start to write to ``fd``, which the sink closes."""
    mode = os.fstat(fd).st_mode
    # A terminal's description is shared with other programs, which expect it to block.
    if hasattr(os, "writev") and (stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)):
        return PolledSink(fd, on_level, on_broken)
    return ThreadSink(fd, on_level, on_broken)


class PolledSink:
    """Writes when the event loop says that there is room."""

    def __init__(self, fd: int, on_level: Callable[[], None], on_broken: Callable[[], None]) -> None:
        self._fd, self._on_level, self._on_broken = fd, on_level, on_broken
        self._loop = asyncio.get_running_loop()
        self._lines: list[bytes] = []
        self._buffers: deque[bytes | memoryview] = deque()
        self._waiting = 0
        self._blocked = self._ending = self._closed = False
        self._is_socket = stat.S_ISSOCK(os.fstat(fd).st_mode)
        os.set_blocking(fd, False)
        self._loop.add_reader(fd, self._readable)

    @property
    def waiting(self) -> int:
        """Bytes that are not written yet."""
        return self._waiting

    def put(self, line: bytes) -> None:
        """Queue a line, without its end."""
        if not (self._closed or self._ending):
            self._lines.append(line)
            self._waiting += len(line) + 1

    def flush(self) -> None:
        """Write what goes at once."""
        if self._lines:
            self._queue_lines()
            if not self._blocked:
                self._write()

    def end(self) -> None:
        """Write what is left, then close."""
        self._ending = True
        self.flush()
        if not self._waiting:
            self.close()

    def close(self) -> None:
        """Close now. What is left is dropped."""
        if not self._closed:
            self._closed = True
            if self._blocked:
                self._loop.remove_writer(self._fd)
            self._loop.remove_reader(self._fd)
            self._lines.clear()
            self._buffers.clear()
            self._waiting = 0
            os.close(self._fd)

    def _queue_lines(self) -> None:
        if len(self._lines) == 1 and len(self._lines[0]) > _JOINED:
            self._buffers += (self._lines[0], b"\n")
        elif self._waiting <= _JOINED:
            self._buffers.append(b"\n".join((*self._lines, b"")))
        else:
            for line in self._lines:
                self._buffers += (line, b"\n")
        self._lines.clear()

    def _write(self) -> None:
        buffers = self._buffers
        try:
            while buffers:
                if len(buffers) == 1:
                    written = os.write(self._fd, buffers[0])
                else:
                    written = os.writev(self._fd, list(islice(buffers, _VECTOR)))
                self._waiting -= written
                while buffers and written >= len(buffers[0]):
                    written -= len(buffers.popleft())
                if written:
                    buffers[0] = memoryview(buffers[0])[written:]
        except (BlockingIOError, InterruptedError):
            if not self._blocked:
                self._blocked = True
                self._loop.add_writer(self._fd, self._writable)
        except OSError:
            self._broke()
        else:
            if self._blocked:
                self._blocked = False
                self._loop.remove_writer(self._fd)
            if self._ending:
                self.close()

    def _writable(self) -> None:
        self._write()
        self._on_level()

    def _readable(self) -> None:
        """The other end is closed; or it is a socket on which the peer sends, too, and others read."""
        if self._is_socket and self._has_data():
            self._loop.remove_reader(self._fd)
        else:
            self._broke()

    def _has_data(self) -> bool:
        with socket.socket(fileno=os.dup(self._fd)) as connection:
            try:
                return connection.recv(1, socket.MSG_PEEK) != b""
            except OSError as error:
                return isinstance(error, BlockingIOError)

    def _broke(self) -> None:
        self.close()
        self._loop.call_soon(self._on_broken)


class ThreadSink:
    """Writes in a thread, which may wait."""

    def __init__(self, fd: int, on_level: Callable[[], None], on_broken: Callable[[], None]) -> None:
        self._fd, self._on_level, self._on_broken = fd, on_level, on_broken
        self._loop = asyncio.get_running_loop()
        self._queue: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._waiting = 0
        self._ending = self._closed = False
        threading.Thread(target=self._run, name=f"upcall writer {fd}", daemon=True).start()

    @property
    def waiting(self) -> int:
        """Bytes that are not written yet."""
        return self._waiting

    def put(self, line: bytes) -> None:
        """Queue a line, without its end."""
        if not (self._closed or self._ending):
            self._waiting += len(line) + 1
            self._queue.put(line + b"\n")

    def flush(self) -> None:
        """Nothing: the thread writes as soon as it can."""

    def end(self) -> None:
        """Write what is left, then close."""
        if not self._ending:
            self._ending = True
            self._queue.put(None)

    def close(self) -> None:
        """Close, without waiting for what is left."""
        self._closed = True
        self._waiting = 0
        self.end()

    def _run(self) -> None:
        while (line := self._queue.get()) is not None and not self._closed:
            left = memoryview(line)
            try:
                while left:
                    left = left[os.write(self._fd, left) :]
            except OSError:
                self._tell(self._broke)
                break
            self._tell(self._wrote, len(line))
        os.close(self._fd)

    def _tell(self, call: Callable[..., None], *arguments: int) -> None:
        with suppress(RuntimeError):  # the event loop is closed
            self._loop.call_soon_threadsafe(call, *arguments)

    def _wrote(self, count: int) -> None:
        if not self._closed:
            self._waiting -= count
            self._on_level()

    def _broke(self) -> None:
        if not self._closed:
            self._closed = self._ending = True
            self._waiting = 0
            self._on_broken()
