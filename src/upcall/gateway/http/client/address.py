"""Where an endpoint is: what of its URL goes into a connection, and what into a request. No I/O."""

from __future__ import annotations

import base64
from typing import Final
from urllib.parse import SplitResult, quote, unquote, urlsplit

import msgspec

__all__ = ["Address"]

_PATH: Final = "/%:@!$&'()*+,;=~"
_QUERY: Final = _PATH + "?"
_PORTS: Final = {"http": 80, "https": 443}


class Address(msgspec.Struct, frozen=True):
    """Of one endpoint."""

    secure: bool
    """Whether it is reached over TLS."""
    host: str
    """A name in ASCII, or an address without brackets."""
    port: int
    authority: bytes
    """For ``Host`` (RFC 9110, section 7.2)."""
    target: bytes
    """Path and query (RFC 9112, section 3.2.1)."""
    authorization: bytes | None
    """What the URL's user and password say as a header (RFC 7617)."""
    shown: str
    """The URL without what may be secret: user, password and query."""

    @classmethod
    def of(cls, url: str) -> Address:
        """Read a URL.

        Raises:
            ValueError: It is none of an HTTP server.
        """
        try:
            parts = urlsplit(url)
            found = cls._of(parts)
        except (ValueError, UnicodeError):
            found = None
        if found is None:
            raise ValueError(f"{url!r} is not the address of an HTTP server")
        return found

    @classmethod
    def _of(cls, parts: SplitResult) -> Address | None:
        if parts.scheme not in _PORTS or not parts.hostname:
            return None
        host = parts.hostname
        if not host.isascii():
            host = host.encode("idna").decode("ascii")
        port = parts.port or _PORTS[parts.scheme]
        authority = f"[{host}]" if ":" in host else host
        if port != _PORTS[parts.scheme]:
            authority += f":{port}"
        path = quote(parts.path or "/", safe=_PATH)
        query = quote(parts.query, safe=_QUERY)
        authorization = None
        if parts.username is not None:
            named = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            authorization = b"Basic " + base64.b64encode(named.encode())
        return cls(
            secure=parts.scheme == "https",
            host=host,
            port=port,
            authority=authority.encode("ascii"),
            target=(f"{path}?{query}" if query else path).encode("ascii"),
            authorization=authorization,
            shown=f"{parts.scheme}://{authority}{path}",
        )
