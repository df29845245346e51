"""How sockets are read: into one buffer, from which each protocol gets its own copy at once.

For each read of a plain protocol asyncio takes room for 256 KiB anew, which costs more than all else that is done for a
small message (some 40 µs here: the allocator asks the kernel for it, and gives it back).
"""

from __future__ import annotations

import asyncio
import threading
from abc import abstractmethod
from typing import Final

__all__ = ["Buffered"]

_BYTES: Final = 1 << 16


class _Room(threading.local):
    """One for each thread, since each has its own event loop. A loop fills it and has it taken in one go."""

    def __init__(self) -> None:
        self.view = memoryview(bytearray(_BYTES))


_room = _Room()


class Buffered(asyncio.BufferedProtocol):
    """A protocol that is given bytes, as `asyncio.Protocol` is."""

    @abstractmethod
    def data_received(self, data: bytes) -> None:
        """Some bytes came."""

    def get_buffer(self, sizehint: int) -> memoryview:
        """See `asyncio.BufferedProtocol`."""
        return _room.view

    def buffer_updated(self, nbytes: int) -> None:
        """See `asyncio.BufferedProtocol`."""
        self.data_received(bytes(_room.view[:nbytes]))
