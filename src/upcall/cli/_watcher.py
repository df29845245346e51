"""What is told of a conversation with a server, as it happens, and to whom.

::

    connecting ─▶ connected ─▶ calling ─▶ ( asked ─▶ answered | progressed | logged | overheard )* ─▶ returned | refused
"""

from __future__ import annotations

from typing import Any

import msgspec

from upcall.host import Entry

__all__ = ["Peer", "Sample", "Watcher"]


class Peer(msgspec.Struct, frozen=True, kw_only=True):
    """The server at the other end. ``name`` and ``version`` are what it says about itself."""

    name: str
    version: str
    transport: str
    """``stdio`` or ``http``."""
    protocol: str
    era: str


class Sample(msgspec.Struct, kw_only=True):
    """One sampling request: as it came, and once it has ended, its record."""

    number: int
    params: dict[str, Any]
    """The request's JSON."""
    entry: Entry | None = None

    @property
    def ended(self) -> Entry:
        """The record of a request that has ended."""
        if self.entry is None:
            raise RuntimeError(f"Sampling request {self.number} is still open.")
        return self.entry


class Watcher:
    """Is told what happens; this one keeps it to itself. JSON values are as they are on the wire."""

    def connecting(self, server: str) -> None:
        """The server is being started or reached; ``server`` is what we call it."""

    def connected(self, peer: Peer) -> None:
        """The handshake is done."""

    def listed(self, tools: list[dict[str, Any]]) -> None:
        """The server was asked for its tools, to show them."""

    def calling(self, tool: str, arguments: dict[str, Any]) -> None:
        """A tool is about to be called."""

    def asked(self, sample: Sample) -> None:
        """The server samples."""

    def answered(self, sample: Sample) -> None:
        """A sampling request has ended, one way or another."""

    def progressed(self, progress: float, total: float | None, message: str | None) -> None:
        """The server reports progress."""

    def logged(self, level: str, logger: str | None, data: Any) -> None:
        """The server sent a log message."""

    def overheard(self, line: str) -> None:
        """The server's process wrote a line on its standard error."""

    def returned(self, result: dict[str, Any]) -> None:
        """The tool's result."""

    def refused(self, code: int, message: str) -> None:
        """The server answered the call with an error of the protocol."""
