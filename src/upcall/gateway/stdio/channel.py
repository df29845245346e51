"""`Channel`: frames to and from one peer over a pair of descriptors.

What is queued is written by `flush`; what is sent, when the event loop comes round. A channel is *full*
from `FULL` bytes that the peer has not taken until it is down to `ROOM` again; whoever fills it should stop reading
meanwhile (`on_full`), so that a flood waits in the pipe of who floods.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from upcall.gateway.stdio.lines import LONGEST, Lines, TooLong
from upcall.gateway.stdio.sinks import open_sink
from upcall.gateway.stdio.sources import open_source

__all__ = ["FULL", "ROOM", "Channel"]

FULL = 1 << 20
"""Bytes queued for the peer from which on the channel is full. One frame may be larger, and is queued all the same."""
ROOM = 1 << 18

_log = logging.getLogger("upcall.gateway")


class Channel:
    """Starts to read at once; to be made on a running event loop. Frames are lines without their ends.

    Args:
        reading: Where the peer's frames come from. The channel closes both descriptors.
        writing: Where frames for the peer go.
        on_frames: Told the frames that came together, in order.
        on_end: The peer sends nothing more. A line without an end has been told before, as a frame.
        on_broken: The peer takes nothing more.
        on_full: Told ``True`` when the channel is full, ``False`` when there is room again.
    """

    def __init__(
        self,
        reading: int,
        writing: int,
        *,
        on_frames: Callable[[list[bytes]], None],
        on_end: Callable[[], None],
        on_broken: Callable[[], None],
        on_full: Callable[[bool], None],
    ) -> None:
        self._on_frames, self._on_end, self._on_broken, self._on_full = on_frames, on_end, on_broken, on_full
        self._loop = asyncio.get_running_loop()
        self._lines = Lines()
        self._full = self._scheduled = False
        self._drained: asyncio.Future[None] | None = None
        self._sink = open_sink(writing, self._level, self._broke)
        self._source = open_source(reading, self._piece, self._ended)

    def queue(self, frame: bytes) -> None:
        """Queue a frame for the peer; to be followed by `flush`."""
        self._sink.put(frame)

    def send(self, frame: bytes) -> None:
        """Queue a frame for the peer, and have it written soon."""
        self._sink.put(frame)
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self.flush)

    def flush(self) -> None:
        """Write what was queued, as far as the peer takes it."""
        self._scheduled = False
        self._sink.flush()
        if self._full or self._sink.waiting >= FULL:
            self._level()

    def pause(self) -> None:
        """Read nothing for now."""
        self._source.pause()

    def resume(self) -> None:
        """Read on."""
        self._source.resume()

    def finish(self) -> None:
        """The peer is dead: read what it left, and end."""
        self._source.finish()

    def end(self) -> None:
        """Send nothing more: close the writing side when what is queued has been written."""
        self._sink.end()

    async def drained(self) -> None:
        """Wait until everything that was queued has been written, or the peer takes nothing more."""
        self.flush()
        while self._sink.waiting:
            if self._drained is None:
                self._drained = self._loop.create_future()
            await asyncio.shield(self._drained)

    def close(self) -> None:
        """Close both sides now."""
        self._source.close()
        self._sink.close()

    def _piece(self, piece: bytes) -> None:
        try:
            lines = self._lines.feed(piece)
        except TooLong:
            _log.error("A frame is longer than %d bytes; the connection ends.", LONGEST)
            self._source.close()
            self._on_end()
            return
        if lines:
            self._on_frames(lines)

    def _ended(self) -> None:
        if rest := self._lines.end():
            self._on_frames([rest])
        self._on_end()

    def _level(self) -> None:
        waiting = self._sink.waiting
        if self._full and waiting <= ROOM:
            self._full = False
            self._on_full(False)
        elif not self._full and waiting >= FULL:
            self._full = True
            self._on_full(True)
        if not waiting and self._drained is not None:
            self._drained.set_result(None)
            self._drained = None

    def _broke(self) -> None:
        self._level()
        self._on_broken()
