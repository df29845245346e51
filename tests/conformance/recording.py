"""`Recorder`: a relay between HTTP clients and one HTTP server, which remembers every exchange, byte for byte."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from math import inf
from time import monotonic
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import httptools

__all__ = ["Exchange", "Recorder"]

_SECONDS = 10


class Message(NamedTuple):
    """A request or a response. Of one that was cut short, there is what had come."""

    line: str
    """Method and target, or the status."""
    headers: list[tuple[str, str]]
    """Names in lower case."""
    body: bytes


class Exchange(NamedTuple):
    """A request and its response."""

    request: Message
    response: Message | None
    left: bool
    """The client was the first to end the connection."""


class Recorder:
    """Relays to the address of ``url`` until it is closed; `url` is where clients find it.

    Args:
        url: Of the server; `towards` sets another.
    """

    def __init__(self, url: str = "") -> None:
        self.target = url
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._pairs: list[tuple[_Heard, _Heard]] = []
        self._ends: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    @property
    def url(self) -> str:
        """The server's, by way of the recorder."""
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}{urlsplit(self.target).path}"

    def close(self) -> list[Exchange]:
        """Take no more connections, wait for the end of those that are open, and give everything that was said."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(_SECONDS)
            assert not thread.is_alive(), "a connection is open that both sides should have closed"
        for end in self._ends:
            end.close()
        found: list[Exchange] = []
        for asked, said in self._pairs:
            responses: list[Message | None] = [*said.messages()]
            requests = asked.messages()
            responses += [None] * (len(requests) - len(responses))
            found += [Exchange(*pair, asked.ended < said.ended) for pair in zip(requests, responses, strict=True)]
        return found

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            place = urlsplit(self.target)
            assert place.hostname is not None
            server = socket.create_connection((place.hostname, place.port or 80))
            asked, said = _Heard(httptools.HttpRequestParser), _Heard(httptools.HttpResponseParser)
            self._pairs.append((asked, said))
            self._ends += [client, server]
            for source, drain, heard in ((client, server, asked), (server, client, said)):
                source.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                thread = threading.Thread(target=_pump, args=(source, drain, heard), daemon=True)
                self._threads.append(thread)
                thread.start()


def _pump(source: socket.socket, drain: socket.socket, heard: _Heard) -> None:
    with suppress(OSError):
        while read := source.recv(1 << 16):
            heard.feed(read)
            drain.sendall(read)
    heard.ended = monotonic()
    for side in (source, drain):
        with suppress(OSError):
            side.shutdown(socket.SHUT_RDWR)


class _Heard:
    """One direction of a connection: what `httptools` calls while it parses."""

    def __init__(self, parser: type[Any]) -> None:
        self._parser = parser(self)
        self._messages: list[Message] = []
        self._open: tuple[str, list[tuple[str, str]], bytearray] | None = None
        self.ended = inf
        """When nothing more came from there."""

    def feed(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def messages(self) -> list[Message]:
        if self._open is not None:
            self.on_message_complete()
        return self._messages

    def on_message_begin(self) -> None:
        self._open = "", [], bytearray()

    def on_url(self, url: bytes) -> None:
        assert self._open is not None
        self._open = f"{self._parser.get_method().decode()} {url.decode()}", *self._open[1:]

    def on_header(self, name: bytes, value: bytes) -> None:
        assert self._open is not None
        self._open[1].append((name.decode("latin-1").lower(), value.decode("latin-1")))

    def on_body(self, body: bytes) -> None:
        assert self._open is not None
        self._open[2].extend(body)

    def on_message_complete(self) -> None:
        assert self._open is not None
        line, headers, body = self._open
        self._messages.append(Message(line or str(self._parser.get_status_code()), headers, bytes(body)))
        self._open = None
