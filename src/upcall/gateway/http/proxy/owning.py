"""Session ids that say whose they are, for a gateway that several principals use.

A server gives a session an id, and the gateway's credentials are all that it sees of its clients, so it takes the id
from whoever brings it. A gateway that did not see the session begin (another replica, or one that was started anew)
could not tell either. So towards a client an id is the server's, a dot, and a MAC over the server's name, the principal
and that id. It is taken off, and checked, before anything goes upstream.

Invariants: what a client brings gives the server's id back only if a gateway with one of these keys gave it to this
principal for this server. Nothing is kept: replicas with the same keys are equal.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Sequence
from typing import Any

import msgspec

from upcall.errors import ConfigurationError
from upcall.gateway.http.front.app import Request
from upcall.gateway.http.proxy.forwarding import SESSION
from upcall.gateway.http.responding import Header, Send
from upcall.gateway.sealing import derived, packed

__all__ = ["OwnedIds"]


class OwnedIds:
    """The ids of one server's sessions.

    Args:
        keys: The state keys. The first marks, all are good.
        server: Our name for the server.

    Raises:
        ConfigurationError: There is no key.
    """

    def __init__(self, keys: Sequence[bytes], server: str) -> None:
        if not keys:
            raise ConfigurationError("Marking session ids needs a key.")
        self._keys = [derived(key, b"session id", server) for key in keys]
        self._server = server

    def __repr__(self) -> str:
        return f"OwnedIds({self._server!r})"

    def marked(self, id: str, principal: str) -> str:
        """The server's id as this principal gets it."""
        return f"{id}.{self._mac(self._keys[0], id, principal)}"

    def taken_off(self, marked: str, principal: str) -> str | None:
        """The server's id; ``None`` when this principal was not given it."""
        id, _, mac = marked.rpartition(".")
        given = mac.encode("utf-8", "surrogatepass")
        good = [hmac.compare_digest(self._mac(key, id, principal).encode(), given) for key in self._keys]
        return id if id and any(good) else None

    def inward(self, request: Request) -> Request | None:
        """The request as it may go on; ``None`` when its session is not its principal's.

        Names with ``_`` for ``-`` are left out, for some servers (CGI, WSGI) read both as the same.
        """
        marked = request.header(SESSION)
        id = None if marked is None else self.taken_off(marked, request.principal)
        if marked is not None and id is None:
            return None
        headers = [one for one in request.headers if one[0].replace(b"_", b"-") != SESSION]
        if id is not None:
            headers.append((SESSION, id.encode("latin-1")))
        return msgspec.structs.replace(request, headers=headers, fields=dict(headers))

    def outward(self, send: Send, came: Request, went: Request) -> Send:
        """Marks the server's id in the response to a request. One that came with it goes back as it came."""
        known = went.fields.get(SESSION)

        def theirs(header: Header) -> Header:
            name, value = header
            if name != SESSION or not value:
                return header
            if value == known:
                return name, came.fields[SESSION]
            return name, self.marked(value.decode("latin-1"), came.principal).encode("latin-1")

        async def sending(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [theirs(one) for one in message["headers"]]}
            await send(message)

        return sending

    def _mac(self, key: bytes, id: str, principal: str) -> str:
        mac = hmac.digest(key, packed(self._server, principal, id), hashlib.sha256)
        return base64.urlsafe_b64encode(mac).decode("ascii").rstrip("=")
