"""A client that costs little: frames over pipes, or over HTTP connections that stay open, in one thread.

A `Wire` waits for whatever is ready and hands on frames as they come; nothing here waits for anything itself.
"""

from __future__ import annotations

import os
import selectors
import socket
from collections.abc import Callable, Sequence

from benchmarks.processes import ProcessFailed

__all__ = ["Http", "OnFailure", "OnFrame", "Pipes", "Wire"]

OnFrame = Callable[[bytes], None]
OnFailure = Callable[[Exception], None]
_PIECE = 1 << 16
_NO_STREAM = 405


class Wire:
    """What is ready to be read."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()

    def watch(self, fd: int, ready: Callable[[], None], on_failure: OnFailure) -> None:
        """Call ``ready`` whenever there is something to read, and tell whose it is when that fails."""
        self._selector.register(fd, selectors.EVENT_READ, (ready, on_failure))

    def forget(self, fd: int) -> None:
        """Watch it no more."""
        self._selector.unregister(fd)

    def turn(self, seconds: float) -> None:
        """Wait for something, of whomever, and read it.

        Raises:
            ProcessFailed: Nothing came for that long.
        """
        found = self._selector.select(seconds)
        if not found:
            raise ProcessFailed(f"it gave no answer for {seconds:g} s")
        self._read(found)

    def catch_up(self) -> None:
        """Read what came in the meantime: mostly the ends of connections that were idle for long."""
        while found := self._selector.select(0):
            self._read(found)

    @staticmethod
    def _read(found: Sequence[tuple[selectors.SelectorKey, int]]) -> None:
        for key, _ in found:
            ready, on_failure = key.data
            try:
                ready()
            except (ProcessFailed, OSError) as error:
                on_failure(error)


class Pipes:
    """One peer on pipes."""

    def __init__(self, wire: Wire, reading: int, writing: int, on_frame: OnFrame, on_failure: OnFailure) -> None:
        self._wire, self._reading, self._writing, self._on_frame = wire, reading, writing, on_frame
        self._rest = b""
        wire.watch(reading, self._ready, on_failure)

    def send(self, frame: bytes, about: bytes = b"") -> None:
        """Send a line; ``about`` is for HTTP."""
        os.write(self._writing, frame + b"\n")

    def close(self) -> None:
        """Read no more. The pipes are the process's."""
        self._wire.forget(self._reading)

    def _ready(self) -> None:
        piece = os.read(self._reading, _PIECE)
        if not piece:
            self.close()
            raise ProcessFailed("it ended")
        *lines, self._rest = (self._rest + piece).split(b"\n")
        for line in lines:
            self._on_frame(line)


class Http:
    """One endpoint, and as many connections to it as there are requests at once."""

    def __init__(
        self, wire: Wire, port: int, path: str, on_frame: OnFrame, on_failure: OnFailure, always: bytes = b""
    ) -> None:
        self.wire, self._port, self._on_frame, self.on_failure = wire, port, on_frame, on_failure
        self._start = f"{path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n".encode() + (
            b"Content-Type: application/json\r\nAccept: application/json, text/event-stream\r\n"
        )
        self._free: list[_Connection] = []
        self._all: list[_Connection] = []
        self.always = always
        """Header lines of every request."""
        self.session = b""
        """The header line that names the session, once the server has said it."""

    def send(self, frame: bytes, about: bytes = b"", on_frame: OnFrame | None = None) -> None:
        """POST a frame, with the header lines ``about``.

        Args:
            frame: The body.
            about: Header lines.
            on_frame: Told the frames of this response; else whoever is told all.
        """
        connection = self._free.pop() if self._free else self._opened()
        connection.begin(
            b"POST %b%b%b%bContent-Length: %d\r\n\r\n%b"
            % (self._start, self.always, self.session, about, len(frame), frame),
            on_frame or self._on_frame,
        )

    def listen(self, seconds: float) -> None:
        """Open the standalone stream of a legacy session, where the server has one."""
        connection = self._opened()
        connection.listens = True
        connection.begin(b"GET %b%b%b\r\n" % (self._start, self.always, self.session), self._on_frame)
        while not connection.begun:
            self.wire.turn(seconds)

    def close(self) -> None:
        """Close all connections."""
        for connection in self._all:
            connection.close()

    def _opened(self) -> _Connection:
        connection = _Connection(self, self._port, self._free)
        self._all.append(connection)
        return connection


class _Connection:
    """One request at a time. A body has a length, or comes in chunks; it is JSON, or events."""

    def __init__(self, endpoint: Http, port: int, free: list[_Connection]) -> None:
        self._endpoint, self._free = endpoint, free
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        endpoint.wire.watch(self._socket.fileno(), self._ready, endpoint.on_failure)
        self._got = bytearray()
        self._in_head = True
        self.listens = False
        """Whether the other side may end it without an answer."""

    def begin(self, request: bytes, on_frame: OnFrame) -> None:
        """Send a request; `_ready` does the rest."""
        self._on_frame = on_frame
        self._body = bytearray()
        self.begun = False
        self._socket.sendall(request)

    def close(self) -> None:
        """Close it."""
        if self._socket.fileno() >= 0:
            self._endpoint.wire.forget(self._socket.fileno())
            self._socket.close()

    def _ready(self) -> None:
        piece = self._socket.recv(_PIECE)
        if not piece:
            self.close()
            if self in self._free:  # nobody needs it just now
                self._free.remove(self)
                return
            if self.listens and self.begun:
                return
            raise ProcessFailed("it closed the connection")
        self._got += piece
        if self._in_head and not self._head():
            return
        if not (self._chunks() if self._chunked else self._whole()):
            return
        self._in_head = True
        if self._body and self._status < 300:
            self._on_frame(bytes(self._body))
        self._free.append(self)
        if self._status >= 300 and self._status != _NO_STREAM:
            raise ProcessFailed(f"it answered with status {self._status}: {bytes(self._body[:200])!r}")

    def _head(self) -> bool:
        end = self._got.find(b"\r\n\r\n")
        if end < 0:
            return False
        head = bytes(self._got[:end])
        del self._got[: end + 4]
        lower = head.lower()
        self._in_head, self.begun, self._status = False, True, int(head[9:12])
        self._chunked, self._events = b"transfer-encoding: chunked" in lower, b"text/event-stream" in lower
        _, _, length = lower.partition(b"content-length: ")
        self._length = int(length.split(b"\r\n", 1)[0]) if length else 0
        at = lower.find(b"mcp-session-id: ")
        if at >= 0 and not self._endpoint.session:
            self._endpoint.session = head[at:].split(b"\r\n", 1)[0] + b"\r\n"
        return True

    def _whole(self) -> bool:
        if len(self._got) < self._length:
            return False
        self._body += self._got[: self._length]
        del self._got[: self._length]
        return True

    def _chunks(self) -> bool:
        while (end := self._got.find(b"\r\n")) >= 0:
            size = int(self._got[:end], 16)
            if len(self._got) < end + size + 4:
                return False
            self._body += self._got[end + 2 : end + 2 + size]
            del self._got[: end + size + 4]
            if self._events:
                self._tell()
            if not size:
                return True
        return False

    def _tell(self) -> None:
        *events, rest = bytes(self._body).replace(b"\r\n", b"\n").split(b"\n\n")
        self._body = bytearray(rest)
        for event in events:
            data = b"".join(line[5:].strip() for line in event.split(b"\n") if line.startswith(b"data:"))
            if data:
                self._on_frame(data)
