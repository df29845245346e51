"""What HTTP clients share a server process by: a legacy session has one to itself, the modern clients of one principal
have one together.

A `Hosted` is *starting* until its process is ready, *serving*, and *over* when the process has ended, nobody has used
it for a while, or somebody said so. Then every open request is told, and the process is ended.

Invariants: a legacy session sees its own process only. On 2026-07-28 each POST has a gateway session of its own, for
all that lasts longer is in what the client brings; a request whose client has gone is cancelled at the server.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence

from upcall.errors import ServerUnavailable
from upcall.gateway.frames import joined, members, peek
from upcall.gateway.http.headers import ToolHeaders, status_of
from upcall.gateway.http.multiplexing import Multiplexer
from upcall.gateway.http.process import Process
from upcall.gateway.http.responding import Header, Receive, Send, reply_events
from upcall.gateway.http.streams import Stream, Streams, requests_in
from upcall.gateway.performing import Answers, Frames, Performer
from upcall.gateway.session.actions import ToClient, ToServer

__all__ = ["Hosted", "LegacySession", "SharedServer"]

FULL = 1 << 20
"""Bytes that a client has not taken, from which on its server is not read."""
ROOM = 1 << 18
OVERDUE = 64 << 20
"""Bytes that a client of a shared server has not taken, from which on it is given up, for the sake of the others."""

_log = logging.getLogger("upcall.gateway")


class Hosted:
    """A process and its users."""

    process: Process
    """From when it is ready."""

    def __init__(self, principal: str, idle_seconds: float) -> None:
        self.principal = principal
        self._idle_seconds = idle_seconds
        self._users = 0
        self._idle: asyncio.TimerHandle | None = None
        self._ready = asyncio.Event()
        self._failure: ServerUnavailable | None = None
        self._over = asyncio.Event()

    async def run(self, argv: Sequence[str], env: Mapping[str, str] | None) -> None:
        """Start the process, serve until `over`, and end it."""
        try:
            self.process = await Process.start(argv, env, on_frame=self.from_server, on_end=self.over)
        except ServerUnavailable as failure:
            self._failure = failure
            self._over.set()
            return
        finally:
            self._ready.set()
        try:
            await self._over.wait()
            await self.release()
        finally:
            await self.process.stop()

    async def ready(self) -> None:
        """Wait until the process runs.

        Raises:
            ServerUnavailable: It cannot be started, or is over already.
        """
        await self._ready.wait()
        if self._failure is not None:
            raise self._failure
        if self.is_over:
            raise ServerUnavailable("The server ended before it was asked anything.")

    @property
    def is_over(self) -> bool:
        """Whether it serves nobody any more."""
        return self._over.is_set()

    def over(self, reason: str) -> None:
        """It serves nobody any more, for this reason."""
        if not self.is_over:
            self._over.set()
            if self._idle is not None:
                self._idle.cancel()
            self.tell_over(reason)

    def __enter__(self) -> None:
        self._users += 1
        if self._idle is not None:
            self._idle.cancel()

    def __exit__(self, *_: object) -> None:
        self._users -= 1
        if not self._users and not self.is_over:
            self._idle = asyncio.get_running_loop().call_later(self._idle_seconds, self.over, "Nobody used it.")

    def from_server(self, frame: bytes) -> None:
        """The server sent a frame."""
        raise NotImplementedError

    def tell_over(self, reason: str) -> None:
        """Answer everything that is open: it ended for this reason."""
        raise NotImplementedError

    async def release(self) -> None:
        """Stop what still runs for the users."""


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


class SharedServer(Hosted):
    """The process that all requests of one principal on 2026-07-28 go to."""

    def __init__(
        self,
        principal: str,
        connect: Callable[[], tuple[Frames, Answers]],
        tools: ToolHeaders,
        *,
        idle_seconds: float,
    ) -> None:
        super().__init__(principal, idle_seconds)
        self._connect = connect
        self._exchanges: set[_Exchange] = set()
        self._leaving: set[asyncio.Task[None]] = set()
        self.many: Multiplexer[_Exchange] = Multiplexer()
        self.tools = tools

    def from_server(self, frame: bytes) -> None:
        deliveries = self.many.from_server(frame)
        if not deliveries:
            _log.debug("A frame of the server belongs to no request that is open: dropped.")
        for delivery in deliveries:
            exchange = delivery.exchange
            if delivery.frame is None:
                exchange.stream.end()
            else:
                exchange.performer.from_server(delivery.frame)

    def tell_over(self, reason: str) -> None:
        for exchange in list(self._exchanges):
            exchange.performer.server_gone(reason)
            exchange.stream.end()

    async def release(self) -> None:
        for exchange in list(self._exchanges):
            await exchange.performer.aclose()

    async def post(self, frame: bytes, method: str, receive: Receive, send: Send) -> None:
        """Serve a POST with one request."""
        exchange = _Exchange(self, method)
        exchange.performer = Performer(*self._connect(), exchange.send)
        self._exchanges.add(exchange)
        complete = False
        with self:
            try:
                exchange.performer.from_client(frame)
                await self.process.room()
                sent = await reply_events(
                    exchange.stream, receive, send, json_status=_status, on_progress=exchange.sent_some
                )
                complete = sent.complete
                if not complete:
                    exchange.performer.client_gone()
            finally:
                if complete and exchange.performer.apart:
                    task = asyncio.create_task(self._leave(exchange), name="upcall tasks")
                    self._leaving.add(task)
                    task.add_done_callback(self._leaving.discard)
                else:
                    await self._end(exchange, cancel=not complete)

    async def _leave(self, exchange: _Exchange) -> None:
        with self:  # the server is in use while samples of its tasks run
            try:
                await exchange.performer.leave()
            finally:
                await self._end(exchange, cancel=False)

    async def _end(self, exchange: _Exchange, *, cancel: bool) -> None:
        self._exchanges.discard(exchange)
        if cancel:
            for cancelled in self.many.gone(exchange):
                self.process.send(cancelled)
        await exchange.performer.aclose()


class _Exchange:
    """One POST."""

    performer: Performer

    def __init__(self, server: SharedServer, method: str) -> None:
        self._server = server
        self._lists_tools = method == "tools/list"
        self.stream = Stream(0)

    def send(self, action: ToServer | ToClient) -> None:
        if type(action) is ToServer:
            frame = self._server.many.to_server(self, action.frame)
            if frame is not None:
                self._server.process.send(frame)
            return
        message = peek(action.frame)
        if message is None or self.stream.ended:
            return
        self.stream.put(action.frame)
        if not isinstance(message.method, str):
            if self._lists_tools and message.result:
                self._server.tools.learn(message.result)
            self.stream.end()
        elif self.stream.size > OVERDUE:
            _log.warning("A client does not take what it asked for: given up.")
            self.stream.end()

    def sent_some(self) -> None:
        while self.stream.drop(unsent=False):
            pass


def _status(frame: bytes) -> int:
    message = peek(frame)
    found = members(message.error) if message is not None and message.error else None
    try:
        return status_of(int(bytes(found["code"]))) if found and "code" in found else 200
    except ValueError:
        return 200
