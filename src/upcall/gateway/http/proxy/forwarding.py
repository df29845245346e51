"""Which headers go on, and which do not. No I/O.

Not sent upstream: what is for one hop only (RFC 9110, section 7.6.1), what says who or where the client is, and what it
authenticates itself with, for that was meant for the gateway. What the gateway sends of its own (credentials, such as
``Authorization``) is the `Upstream`'s. Not sent to the client: cookies, which would never come back, what lets pages
read a response, which the guard decides here, and ``WWW-Authenticate``, which asks for credentials that are not the
client's to give.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from upcall.gateway.http.responding import Header

__all__ = ["SESSION", "VERSION", "answering_headers", "response_headers", "upstream_headers"]

SESSION: Final = b"mcp-session-id"
VERSION: Final = b"mcp-protocol-version"
_HOP: Final = frozenset(
    b"connection keep-alive proxy-connection proxy-authenticate proxy-authorization te trailer "
    b"transfer-encoding upgrade".split()
)
_CLIENTS_OWN: Final = _HOP | frozenset(
    b"host content-length expect accept-encoding authorization cookie forwarded via x-real-ip origin referer".split()
)
_SERVERS_OWN: Final = _HOP | frozenset(
    b"content-length set-cookie set-cookie2 www-authenticate alt-svc strict-transport-security".split()
)
_CONTROL: Final = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
"""What no value may hold (RFC 9110, section 5.5), though some servers' do."""
_KEPT: Final = frozenset((b"user-agent", SESSION, VERSION))


def upstream_headers(headers: Iterable[Header]) -> list[Header]:
    """Headers of a request as they go on. ``Accept-Encoding`` becomes ``identity``: what is read here is not packed."""
    found = list(headers)
    named = _nominated(found)
    kept = [
        (name, value)
        for name, value in found
        if name not in _CLIENTS_OWN
        and name not in named
        and not name.startswith((b"x-forwarded-", b"sec-", b"access-control-"))
    ]
    kept.append((b"accept-encoding", b"identity"))
    return kept


def answering_headers(headers: Iterable[Header], version: str | None) -> list[Header]:
    """Headers of a POST that the gateway sends by itself, in the session of a request with ``headers``."""
    kept = {name: value for name, value in headers if name in _KEPT}
    if version is not None:
        kept.setdefault(VERSION, version.encode("latin-1", "replace"))
    return [
        *kept.items(),
        (b"content-type", b"application/json"),
        (b"accept", b"application/json, text/event-stream"),
        (b"accept-encoding", b"identity"),
    ]


def response_headers(headers: Iterable[Header]) -> list[Header]:
    """Headers of a response as they go on; its length is not among them."""
    found = list(headers)
    named = _nominated(found)
    return [
        (name, value)
        for name, value in found
        if name not in _SERVERS_OWN
        and name not in named
        and not name.startswith(b"access-control-")
        and not _CONTROL.search(value)
    ]


def _nominated(headers: Iterable[Header]) -> set[bytes]:
    """What ``Connection`` names as for this hop only."""
    return {part.strip().lower() for name, value in headers if name == b"connection" for part in value.split(b",")}
