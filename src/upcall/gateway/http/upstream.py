"""The HTTP client's end of the gateway: requests to one MCP server, answered as they stream in.

An `Upstream` is *open* until `aclose`. Invariants: it follows no redirect, keeps no cookies, takes nothing from the
environment (no proxy, no ``.netrc``), and neither decodes nor buffers a body that nobody reads. A `Reply` holds its
connection until its body was read to the end (the connection goes back to the pool) or it is closed (it does not).
There is no limit to how long a server may think: only connecting has a deadline.
"""

from __future__ import annotations

import io
import logging
from collections.abc import AsyncIterator, Iterable, Mapping
from types import TracebackType
from typing import Final, Self

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from upcall.errors import ServerUnavailable

__all__ = ["Reply", "Upstream", "media_type"]

CONNECT_SECONDS: Final = 10.0
KEEP_SECONDS: Final = 2.0
"""How long an idle connection is kept: well below the 5 s of uvicorn and Node, which count from earlier on when this
process is behind. A request must not meet the connection's end, for a POST cannot be sent again."""
_LONG: Final = 1 << 18
"""Bytes of a body that would hold up everybody else, and be copied as a whole, if it were written at once."""
_AUTOMATIC: Final = ("Accept", "Accept-Encoding", "Content-Type", "User-Agent")

_log = logging.getLogger("upcall.gateway")


class Reply:
    """What the server answers: status and headers at once, the body as it comes. An async context manager."""

    __slots__ = ("_response", "headers", "status")

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response
        self.status: int = response.status
        self.headers: list[tuple[bytes, bytes]] = [(name.lower(), value) for name, value in response.raw_headers]
        """Names in lower case, in order."""

    def header(self, name: str) -> str | None:
        """The first value of a header."""
        return self._response.headers.get(name)

    @property
    def media_type(self) -> str:
        """Of the body, lower case, without parameters; empty when the server does not say."""
        return media_type(self.header("Content-Type"))

    @property
    def is_plain(self) -> bool:
        """Whether the body can be read as it is: not compressed."""
        return self.header("Content-Encoding") in (None, "", "identity")

    async def read(self, limit: int) -> bytes:
        """The whole body.

        Raises:
            ServerUnavailable: It is longer than ``limit`` bytes, or the connection broke.
        """
        length = self._response.content_length
        if length is not None and length <= limit:
            try:
                return await self._response.read()
            except (aiohttp.ClientError, OSError, TimeoutError) as error:
                raise _unavailable("The server broke off its answer.", error) from error
        parts: list[bytes] = []
        size = 0
        async for chunk in self.chunks():
            size += len(chunk)
            if size > limit:
                self.close()
                raise ServerUnavailable("The server's answer is too long.", detail=f"more than {limit} bytes")
            parts.append(chunk)
        return b"".join(parts)

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body as it comes, in pieces of any size. While nobody asks for the next one, little is read ahead.

        Raises:
            ServerUnavailable: The connection broke.
        """
        content = self._response.content
        try:
            while chunk := await content.readany():
                yield chunk
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise _unavailable("The server broke off its answer.", error) from error

    def close(self) -> None:
        """Be done with it. A body that was not read to its end takes the connection with it."""
        self._response.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Upstream:
    """One MCP server's endpoint.

    Args:
        url: Of the endpoint, ``http`` or ``https``.
        headers: Sent with every request, such as credentials. They stand in for any that a request brings itself.
        connect_seconds: For connecting, in seconds.

    Raises:
        ValueError: ``url`` is none of an HTTP server.
    """

    def __init__(
        self, url: str, *, headers: Mapping[str, str] | None = None, connect_seconds: float = CONNECT_SECONDS
    ) -> None:
        self._url = URL(url)
        if self._url.scheme not in ("http", "https") or not self._url.host:
            raise ValueError(f"{url!r} is not the address of an HTTP server")
        self._own = CIMultiDict(headers or {})
        self._connect_seconds = connect_seconds
        self._session: aiohttp.ClientSession | None = None

    @property
    def url(self) -> str:
        """Of the endpoint, without what it may carry of a user and a password."""
        return str(self._url.with_user(None).with_query(None))

    async def request(self, method: str, headers: Iterable[tuple[str, str]] = (), body: bytes | None = None) -> Reply:
        """Send one request, and wait for status and headers of its answer.

        Raises:
            ServerUnavailable: The server cannot be reached, or did not answer in HTTP.
        """
        merged = CIMultiDict(headers)
        merged.update(self._own)
        try:
            response = await self._open().request(
                method,
                self._url,
                headers=merged,
                data=body if body is None or len(body) < _LONG else io.BytesIO(body),  # written in pieces
                allow_redirects=False,
                skip_auto_headers=_AUTOMATIC,
            )
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            raise _unavailable("The server cannot be reached.", error) from error
        if not 200 <= response.status < 600:  # 1xx would turn the client's connection into something else
            response.close()
            raise ServerUnavailable("The server did not answer in HTTP.", detail=f"HTTP status {response.status}")
        return Reply(response)

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEP_SECONDS),
                timeout=aiohttp.ClientTimeout(
                    total=None, connect=None, sock_connect=self._connect_seconds, sock_read=None
                ),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                trust_env=False,
                max_line_size=64 * 1024,
                max_field_size=64 * 1024,
            )
        return self._session

    async def aclose(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None


def media_type(content_type: str | None) -> str:
    """``text/event-stream`` of ``Text/Event-Stream; charset=utf-8``."""
    return content_type.partition(";")[0].strip().lower() if content_type else ""


def _unavailable(message: str, error: Exception) -> ServerUnavailable:
    # The text of an error response has the whole address in it, with the secrets that may be there.
    text = error.message if isinstance(error, aiohttp.ClientResponseError) else error
    return ServerUnavailable(message, detail=f"{type(error).__name__}: {text}")
