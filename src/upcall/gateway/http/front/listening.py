"""The listener: sockets, TLS, and uvicorn with what it lacks for us.

A `Listener` *serves* from the moment `run` says so until `stop`; then it *drains*: it takes no connection any more,
streams that would never end are ended at once, and requests have a few seconds; then everything is *over*.

Invariants: small answers leave at once (without ``TCP_NODELAY`` each waits up to 40 ms for the last one's receipt).
A head that does not end costs no more memory than a head may have.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import msgspec
import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from upcall.errors import ConfigurationError
from upcall.gateway.http.front.app import App
from upcall.gateway.http.front.guards import HEADER_BYTES
from upcall.gateway.http.reading import Buffered

__all__ = ["Listener", "Tls", "bound"]

GRACE_SECONDS: Final = 5
_KEEP_SECONDS: Final = 65
"""Longer than the pools of clients and balancers keep a connection, so that it is they who close it."""
_HEAD_SECONDS: Final = 30.0
_BODY_SECONDS: Final = 60.0
"""Without another byte of a body, after which the client is given up."""
_TIMED_OUT: Final = b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
_CORK_BYTES: Final = 64 * 1024


class Tls(msgspec.Struct, frozen=True, kw_only=True):
    """How to speak TLS."""

    certfile: str
    keyfile: str | None = None
    """Where it is not in ``certfile``."""
    password: str | None = None
    """Of the key."""
    ca_certs: str | None = None
    """Clients have to show a certificate of one of these."""

    def __repr__(self) -> str:
        return f"Tls({self.certfile!r})"


def bound(host: str, port: int) -> socket.socket:
    """A socket that listens there; port 0 takes a free one.

    Raises:
        ConfigurationError: The address is none of this machine, or is in use.
    """
    try:
        found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, _, _, _, address = found[0]
        # Named, for asyncio turns Nagle's algorithm off only where it sees that this is TCP.
        listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    except OSError as error:
        raise ConfigurationError(f"The gateway cannot listen on {host}:{port}.", detail=str(error)) from error
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(2048)
    except OSError as error:
        listener.close()
        raise ConfigurationError(
            f"The gateway cannot listen on {host}:{port}.", hint=f"{error.strerror}.", detail=str(error)
        ) from error
    listener.setblocking(False)
    return listener


class Listener:
    """Serves one application on one socket.

    Args:
        app: The application.
        listener: From `bound`.
        tls: Plain HTTP when ``None``.

    Raises:
        ConfigurationError: The certificate cannot be used.
    """

    def __init__(self, app: App, listener: socket.socket, *, tls: Tls | None = None) -> None:
        self._app = app
        self._socket = listener
        config = uvicorn.Config(
            app,
            http=_Protocol,
            ws="none",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            log_level="error",
            access_log=False,
            proxy_headers=False,
            server_header=False,
            date_header=False,
            timeout_keep_alive=_KEEP_SECONDS,
            timeout_graceful_shutdown=GRACE_SECONDS,
            ssl_certfile=tls.certfile if tls else None,
            ssl_keyfile=tls.keyfile if tls else None,
            ssl_keyfile_password=tls.password if tls else None,
            ssl_ca_certs=tls.ca_certs if tls else None,
            ssl_cert_reqs=ssl.CERT_REQUIRED if tls and tls.ca_certs else ssl.CERT_NONE,
        )
        try:
            config.load()
        except (OSError, ValueError) as error:
            raise ConfigurationError("The certificate or its key cannot be used.", detail=str(error)) from error
        self._server = _Server(config)
        self._secure = tls is not None

    @property
    def address(self) -> str:
        """``http://HOST:PORT``."""
        host, port = self._socket.getsockname()[:2]
        name = f"[{host}]" if ":" in host else host
        return f"{'https' if self._secure else 'http'}://{name}:{port}"

    async def run(self, on_ready: Callable[[], None] = lambda: None) -> None:
        """Serve until `stop`; then see everything to its end."""
        serving = asyncio.create_task(self._server.serve(sockets=[self._socket]))
        try:
            while not self._server.started and not serving.done():  # noqa: ASYNC110 - uvicorn has no event for it
                await asyncio.sleep(0.001)
            if not serving.done():
                on_ready()
                await self._server.stopping.wait()
                self._app.stop_listening()
                ending = asyncio.get_running_loop().call_later(GRACE_SECONDS - 1, self._app.leave)
                await serving
                ending.cancel()
        finally:
            self.stop()
            self._app.leave()
            await serving
            await self._app.aclose()

    def stop(self) -> None:
        """Drain, then end `run`."""
        self._server.should_exit = True
        self._server.stopping.set()


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.stopping = asyncio.Event()

    async def main_loop(self) -> None:
        """Nothing has to be done ten times a second: there are no dates to write and no callbacks."""
        await self.stopping.wait()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are the caller's."""
        yield


class _Corked:
    """A transport that sends at once what is written in one turn of the event loop: a head, a body and an end."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._parts: list[bytes] = []
        self._size = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        if not self._parts:
            self._loop.call_soon(self.flush)
        self._parts.append(data)
        self._size += len(data)
        if self._size > _CORK_BYTES:
            self.flush()

    def close(self) -> None:
        self.flush()
        self._transport.close()

    def flush(self) -> None:
        if self._parts:
            parts, self._parts, self._size = self._parts, [], 0
            self._transport.write(parts[0] if len(parts) == 1 else b"".join(parts))


class _Protocol(HttpToolsProtocol, Buffered):
    """Counts what of a head has come, and waits only so long for its end and for each piece of a body."""

    _head = 0
    _in_head = True
    _overdue: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.transport: Any = _Corked(transport, self.loop)
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._on_time()
        super().connection_lost(exc)
        self._unset_keepalive_if_required()  # uvicorn leaves it where the client broke off, and all of this with it

    def data_received(self, data: bytes) -> None:
        if self._in_head:
            self._head += len(data)
        super().data_received(data)
        if self._in_head and self._head:
            if self._head > HEADER_BYTES and not self.transport.is_closing():
                self.send_400_response("The head of the request is too long.")
            self._expect_head()  # of a later request on the same connection
        elif not self._in_head:
            self._on_time()
            self._overdue = self.loop.call_later(_BODY_SECONDS, self._give_up)

    def on_header(self, name: bytes, value: bytes) -> None:
        # llhttp leaves the whitespace after a value, which is no part of it (RFC 9110, 5.5).
        super().on_header(name, value.rstrip(b" \t"))

    def on_headers_complete(self) -> None:
        self._in_head, self._head = False, 0
        self._on_time()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._in_head = True
        self._on_time()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        self.transport.flush()  # nothing follows that it could go with
        super().on_response_complete()

    def _expect_head(self) -> None:
        if self._overdue is None:
            self._overdue = self.loop.call_later(_HEAD_SECONDS, self._give_up)

    def _on_time(self) -> None:
        if self._overdue is not None:
            self._overdue.cancel()
            self._overdue = None

    def _give_up(self) -> None:
        if not self.transport.is_closing():
            if not self._in_head and not self.cycle.response_started:
                self.transport.write(_TIMED_OUT)
            self.transport.close()
