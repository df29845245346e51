"""The server process that the modern clients of one principal have together (2026-07-28).

It is `Hosted`; each POST is an *exchange* in it, open until its answer or its client's end.

Invariants: each POST has a gateway session of its own, for all that lasts longer is in what the client brings; a
request whose client has gone is cancelled at the server. A client that does not take what it asked for is given up
before it holds up the others.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from upcall.gateway.frames import peek
from upcall.gateway.http.children.hosted import Hosted
from upcall.gateway.http.children.multiplexing import Multiplexer
from upcall.gateway.http.headers import ToolHeaders, status_for
from upcall.gateway.http.responding import Receive, Send, reply_events
from upcall.gateway.http.streams import Stream
from upcall.gateway.performing import Answers, Frames, Performer
from upcall.gateway.session.actions import ToClient, ToServer

__all__ = ["SharedServer"]

OVERDUE = 64 << 20
"""Bytes that a client has not taken, from which on it is given up, for the sake of the others."""

_log = logging.getLogger("upcall.gateway")


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
                    exchange.stream, receive, send, json_status=status_for, on_progress=exchange.sent_some
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
        exchange.forget()


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

    def forget(self) -> None:
        """It is over. It and its performer know each other, and may stay for long; what they said need not."""
        self.stream.end()
        self.sent_some()
        while self.stream.drop(unsent=True):
            pass
