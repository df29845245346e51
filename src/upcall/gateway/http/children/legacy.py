"""A legacy session at a server on its pipes: it has a process to itself (2025-11-25, basic/transports, "Session
Management").

It is `Hosted`, and *begun* once the server has accepted ``initialize``.

Invariants: a session sees its own process only. While its client does not take what it asked for, the process is not
read. A request whose stream nobody can take up again is cancelled at the server, but ``initialize`` never.
"""

from __future__ import annotations

from upcall.gateway.frames import joined, peek
from upcall.gateway.http.children.hosted import Hosted
from upcall.gateway.http.responding import Header, Receive, Send, reply_events
from upcall.gateway.http.streams import Stream, Streams, requests_in
from upcall.gateway.performing import Answers, Frames, Performer
from upcall.gateway.session.actions import ToClient, ToServer

__all__ = ["LegacySession"]

FULL = 1 << 20
"""Bytes that a client has not taken, from which on its server is not read."""
ROOM = 1 << 18


class LegacySession(Hosted):
    """A client's ``Mcp-Session-Id``, from its ``initialize`` to its DELETE."""

    def __init__(
        self,
        id: str,
        principal: str,
        session: Frames,
        answering: Answers,
        *,
        idle_seconds: float,
    ) -> None:
        super().__init__(principal, idle_seconds)
        self.id = id
        self._performer = Performer(session, answering, self._send)
        self._streams = Streams()
        self._paused = self._begun = False
        self._headers: list[Header] = [(b"mcp-session-id", id.encode())]

    def from_server(self, frame: bytes) -> None:
        self._performer.from_server(frame)

    def tell_over(self, reason: str) -> None:
        self._performer.server_gone(reason)
        self._streams.end()

    async def release(self) -> None:
        await self._performer.aclose()

    async def post(self, frame: bytes, receive: Receive, send: Send, *, primed: bool) -> bool:
        """Serve a POST with requests. Says ``False``, and does nothing, when one of their ids is in use."""
        ids, tokens = requests_in(frame)
        stream = self._streams.opened(ids, tokens)
        if stream is None:
            return False
        with self:
            self._performer.from_client(frame)
            sent = await reply_events(
                stream,
                receive,
                send,
                headers=self._headers,
                json_status=(lambda _: 200) if peek(frame) is not None else None,
                numbered=True,
                primed=primed,
                on_progress=self._level,
            )
            if not sent.numbered:
                self._give_up(stream)
            self._level()
        return True

    async def get(self, event: str | None, receive: Receive, send: Send) -> bool:
        """Serve a GET: the standalone stream, or what came after an event. ``False`` when that is not kept."""
        stream = self._streams.standalone if event is None else self._streams.resumed(event)
        if stream is None:
            return False
        with self:
            await reply_events(stream, receive, send, headers=self._headers, numbered=True, on_progress=self._level)
            self._level()
        return True

    async def tell(self, frame: bytes) -> None:
        """A notification or a response of the client."""
        with self:
            self._performer.from_client(frame)
            await self.process.room()

    @property
    def begun(self) -> bool:
        """Whether the server has accepted ``initialize``."""
        return self._begun

    def _give_up(self, stream: Stream) -> None:
        # The client has no event id to come back with: nobody will ever see the rest. ``initialize``, without which
        # there is nothing else, must not be cancelled (2025-11-25, basic/utilities/cancellation).
        for id in list(stream.unanswered) if self._begun and not self.is_over else []:
            params = {"requestId": id, "reason": "The client closed the response stream."}
            message = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": params}
            self._performer.from_client(joined(message))
        self._streams.forget(stream)

    def _send(self, action: ToServer | ToClient) -> None:
        if type(action) is ToServer:
            self.process.send(action.frame)
            return
        if not self._begun:
            message = peek(action.frame)
            self._begun = message is not None and bool(message.result)
        self._streams.say(action.frame)
        self._level()

    def _level(self) -> None:
        backlog = self._streams.backlog if self._paused or self._streams.size >= FULL else 0
        if not self._paused and backlog >= FULL:
            self._paused = True
            self.process.pause()
        elif self._paused and backlog <= ROOM:
            self._paused = False
            self.process.resume()
