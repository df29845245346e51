"""Ids that say whose they are and what they stand for: of sessions, and of events, at a gateway that is not alone.

A server gives a session an id, and the gateway's credentials are all that it sees of its clients, so it takes the id
from whoever brings it. A gateway that did not see the session begin (another replica, or one that was started anew)
could not tell either whose it is, nor what its client can do. So towards a client the id of a session is the server's,
a dot, what ``initialize`` settled (`Handshake`), a dot, and a MAC over the server's name, the principal and both.

A server may also keep the events of all its sessions in one place, and replay them to whoever brings an id of them. So
where several principals come, the id of an event is the server's, a dot, and a MAC over the same and the session's id.

Both are taken off, and checked, before anything goes upstream. Invariants: what a client brings gives the server's id
back only if a gateway with one of these keys gave it to this principal for this server, and of an event in this
session. Nothing is kept: replicas with the same keys are equal.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from upcall.errors import ConfigurationError
from upcall.gateway.http.front.app import Request
from upcall.gateway.http.front.guards import Refusal
from upcall.gateway.http.proxy.forwarding import SESSION
from upcall.gateway.http.responding import Header, Send
from upcall.gateway.sealing import derived, packed
from upcall.gateway.session.handshake import Handshake, read, written

__all__ = ["LAST_EVENT", "Inward", "OwnedIds"]

LAST_EVENT: Final = b"last-event-id"
_MAC_BYTES: Final = 16
"""Half of HMAC-SHA256, which is enough (RFC 2104, section 5) and keeps ids short."""
_BLANK: Final = b" \t"
"""What no header can keep at either end of an id."""
_FOREIGN: Final = Refusal(404, "Session not found.")
_UNKNOWN_EVENT: Final = Refusal(400, "Unknown Last-Event-ID.")


class Inward(NamedTuple):
    """A request as it may go on, and what is known of its session."""

    request: Request
    handshake: Handshake | None


class OwnedIds:
    """The ids of one server.

    Args:
        keys: The state keys. The first marks, all are good.
        server: Our name for the server.
        events: Whether ids of events are marked, too.

    Raises:
        ConfigurationError: There is no key.
    """

    def __init__(self, keys: Sequence[bytes], server: str, *, events: bool = True) -> None:
        if not keys:
            raise ConfigurationError("Marking session ids needs a key.")
        self._sessions = [derived(key, b"session id", server) for key in keys]
        self._events = [derived(key, b"event id", server) for key in keys] if events else []
        self._server = server

    def __repr__(self) -> str:
        return f"OwnedIds({self._server!r})"

    def marked(self, id: str, principal: str, handshake: Handshake | None = None) -> str:
        """The server's id of a session as this principal gets it."""
        said = written(handshake)
        return f"{id}.{said}.{_mac(self._sessions[0], self._server, principal, id, said)}"

    def taken_off(self, marked: str, principal: str) -> tuple[str, Handshake | None] | None:
        """The server's id and what it says of its session; ``None`` when this principal was not given it."""
        id, said, mac = ["", "", *marked.rsplit(".", 2)][-3:]
        good = _is_one_of(mac, [_mac(key, self._server, principal, id, said) for key in self._sessions])
        return (id, read(said)) if id and good else None

    def event_marked(self, id: bytes, principal: str, session: str | None) -> bytes:
        """The server's id of an event, of this session of its, as this principal gets it."""
        return b"%b.%b" % (id, self._event_mac(self._events[0], id, principal, session).encode())

    def event_taken_off(self, marked: bytes, principal: str, session: str | None) -> bytes | None:
        """The server's id; ``None`` when this principal was not given it in this session."""
        id, dot, mac = marked.rpartition(b".")
        good = [self._event_mac(key, id, principal, session) for key in self._events]
        return id if dot and _is_one_of(mac.decode("latin-1"), good) else None

    def inward(self, request: Request) -> Inward | Refusal:
        """The request as it may go on; or why it may not: its session is not its principal's, or an event not its
        session's. A session that is not found is begun anew, which an unknown event is no reason for.

        Names with ``_`` for ``-`` are left out, for some servers (CGI, WSGI) read both as the same.
        """
        marked, event = request.header(SESSION), request.fields.get(LAST_EVENT)
        found = None if marked is None else self.taken_off(marked, request.principal)
        if marked is not None and found is None:
            return _FOREIGN
        mine = {SESSION} if not self._events else {SESSION, LAST_EVENT}
        headers = [one for one in request.headers if one[0].replace(b"_", b"-") not in mine]
        id, handshake = (None, None) if found is None else found
        if id is not None:
            headers.append((SESSION, id.encode("latin-1")))
        if event and self._events:
            event = self.event_taken_off(event, request.principal, id)
            if event is None:
                return _UNKNOWN_EVENT
            headers.append((LAST_EVENT, event))
        return Inward(msgspec.structs.replace(request, headers=headers, fields=dict(headers)), handshake)

    def outward(self, send: Send, came: Request, went: Request, handshake: Callable[[], Handshake | None]) -> Send:
        """Marks the server's id in the response to a request. One that came with it goes back as it came.

        Where the head of a response goes before the server has chosen a version, the mark has the one that the client
        wished for; a client whose version may be lower says it with each request, but for the first two revisions.
        """
        known = went.fields.get(SESSION)

        def theirs(header: Header) -> Header:
            name, value = header
            if name != SESSION or not value:
                return header
            if value == known:
                return name, came.fields[SESSION]
            return name, self.marked(value.decode("latin-1"), came.principal, handshake()).encode("latin-1")

        async def sending(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [theirs(one) for one in message["headers"]]}
            await send(message)

        return sending

    def event_ids(self, principal: str, session: Callable[[], str | None]) -> Callable[[bytes], bytes] | None:
        """Marks ids of events for this principal; ``None`` when they stay as they are."""
        return (lambda id: self.event_marked(id, principal, session())) if self._events else None

    def _event_mac(self, key: bytes, id: bytes, principal: str, session: str | None) -> str:
        of = ("", "") if session is None else ("session", session)
        return _mac(key, self._server, principal, *of, id.strip(_BLANK).decode("latin-1"))


def _mac(key: bytes, *parts: str) -> str:
    mac = hmac.digest(key, packed(*parts), hashlib.sha256)[:_MAC_BYTES]
    return base64.urlsafe_b64encode(mac).decode("ascii").rstrip("=")


def _is_one_of(given: str, good: Sequence[str]) -> bool:
    same = [hmac.compare_digest(given.encode("utf-8", "surrogatepass"), one.encode()) for one in good]
    return any(same)
