"""Who may use a listener: the name it was reached by, the page that asks, and the bearer token. No I/O.

A browser on this machine reaches whatever listens here, and a page can point a name of its own at 127.0.0.1 (DNS
rebinding). So a request has to come to a name that is ours, and a page has to be of an origin that is allowed
(2025-11-25 and 2026-07-28, basic/transports, "Security Warning"). An address of digits cannot be rebound, and a name
that nobody listed is good enough only where a token is asked for, since no page knows that.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import re
from collections.abc import Iterable, Mapping
from typing import Final
from urllib.parse import urlsplit

import msgspec

from upcall.errors import ConfigurationError
from upcall.gateway.http.responding import Header

__all__ = ["Guard", "Refusal", "is_loopback"]

HEADER_BYTES: Final = 64 * 1024
_HOST: Final = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^:\[\]/@?#\s]+)(?::\d{1,5})?")


class Refusal(msgspec.Struct, frozen=True):
    """Why a request goes no further."""

    status: int
    message: str
    headers: tuple[Header, ...] = ()


class Guard:
    """Looks at the headers of each request.

    Args:
        host: What the listener is bound to.
        tokens: Client's name → its bearer token. When empty, none is asked for.
        allow_hosts: Names that the listener is reached by, beside the loopback's; with or without a port.
        allow_origins: Origins of pages that may ask, such as ``https://app.example``.
        allow_anonymous: Whether a listener that others can reach may go without tokens.

    Raises:
        ConfigurationError: Others than this machine could use it, and nobody has said that they may.
    """

    def __init__(
        self,
        host: str,
        *,
        tokens: Mapping[str, str] | None = None,
        allow_hosts: Iterable[str] = (),
        allow_origins: Iterable[str] = (),
        allow_anonymous: bool = False,
    ) -> None:
        self._loopback = is_loopback(host)
        if not tokens and not self._loopback and not allow_anonymous:
            raise ConfigurationError(
                f"Anyone who reaches {host} could use the gateway.",
                hint="Ask for a token (--token-env, or [gateway] token_env), or listen on 127.0.0.1.",
            )
        self._tokens = [(_digest(token.encode()), principal) for principal, token in (tokens or {}).items()]
        self._hosts = {name.lower() for name in allow_hosts}
        self._listed = bool(self._hosts)
        self._origins = {origin.lower().rstrip("/") for origin in allow_origins}
        if not _wildcard(host):
            self._hosts.add(host.lower())
        self._known: set[bytes] = set()  # hosts that were let in before

    def refusal(self, headers: Mapping[bytes, bytes]) -> Refusal | None:
        """Whether the request may come in at all; to be asked before `principal`.

        Args:
            headers: Names in lower case.
        """
        host = headers.get(b"host", b"")
        if host not in self._known:
            if not self._host_is_ours(host.decode("latin-1")):
                return Refusal(421, "The gateway is not reached by this name; --allow-host lets it in.")
            if len(self._known) < 100:
                self._known.add(host)
        origin = headers.get(b"origin")
        if origin is not None and not self.origin_allowed(origin.decode("latin-1")):
            return Refusal(403, "Pages of this origin may not use the gateway; --allow-origin lets them in.")
        return None

    def principal(self, headers: Mapping[bytes, bytes]) -> str | Refusal:
        """Who asks: the name that goes with the token; empty where no token is asked for."""
        if not self._tokens:
            return ""
        scheme, _, token = headers.get(b"authorization", b"").partition(b" ")
        given = _digest(token.strip())
        found: str | None = None
        for expected, principal in self._tokens:  # all of them, so that time tells nothing
            if hmac.compare_digest(expected, given):
                found = principal
        if found is None or scheme.lower() != b"bearer":
            error = b', error="invalid_token"' if token else b""
            return Refusal(
                401, "The gateway asks for a bearer token.", ((b"www-authenticate", b'Bearer realm="upcall"' + error),)
            )
        return found

    def origin_allowed(self, origin: str) -> bool:
        """Whether pages of this origin may ask: those that are listed, and on loopback those of loopback."""
        if origin.lower().rstrip("/") in self._origins:
            return True
        if not self._loopback:
            return False
        try:
            name = urlsplit(origin).hostname
        except ValueError:
            return False
        return name is not None and is_loopback(name)

    def _host_is_ours(self, host: str) -> bool:
        found = _HOST.fullmatch(host)
        if found is None:
            return False
        name = found[1].lower().rstrip(".")
        if host.lower() in self._hosts or name in self._hosts or name.strip("[]") in self._hosts or is_loopback(name):
            return True
        return _is_address(name) or (bool(self._tokens) and not self._listed)


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach ``host``."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True


def _wildcard(host: str) -> bool:
    return host in ("", "*", "0.0.0.0", "::", "[::]")  # noqa: S104 - compared, not bound


def _digest(token: bytes) -> bytes:
    return hashlib.sha256(token).digest()
