"""One request of a client over HTTP, and the requests upstream that it takes to answer it.

While a POST waits for samples it is *held*: the server has answered, and its answer stays here. A held one whose
response is waiting becomes events after a while, with comments as signs of life, where the client takes events.

Invariants: the status and headers are those of the upstream response that the client's answer came with. An event that
does not change goes on as the bytes it came in, before the next is looked for; one that is taken leaves its id behind,
so that a client that comes back does not get it again. Nobody reads upstream faster than the client takes it. When the
client is gone, nothing upstream is left open.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from typing import Final

from msgspec import UNSET

from upcall.errors import ServerUnavailable
from upcall.gateway.frames import peek
from upcall.gateway.http.client.reply import Reply
from upcall.gateway.http.client.upstream import Upstream
from upcall.gateway.http.front.app import Request, problem
from upcall.gateway.http.headers import is_modern, status_for
from upcall.gateway.http.proxy.connections import Connection
from upcall.gateway.http.proxy.forwarding import VERSION, response_headers, upstream_headers
from upcall.gateway.http.proxy.response import Response
from upcall.gateway.http.responding import Header, Receive, Send
from upcall.gateway.http.sse import Event, EventTooLarge, Parser, comment, with_ids, written
from upcall.gateway.http.streams import requests_in

__all__ = ["Exchange"]

BEAT = 15.0
"""Seconds of silence after which a held response says that it is alive."""
_LOOK_SECONDS: Final = 0.05
"""Most requests are answered by then; the others are watched for a client that goes away."""
_RESUMING_SECONDS: Final = 0.1
"""A client that takes up a stream has closed it just now. A server that has not seen that yet gives the new one
nothing: SDKs pass on what comes to one stream alone."""
_EVENTS: Final[list[Header]] = [(b"content-type", b"text/event-stream"), (b"cache-control", b"no-cache, no-transform")]

_log = logging.getLogger("upcall.gateway")


class Exchange:
    """Made for one request, run once. It is the lane of what it carries. ``event_id`` marks the ids of events."""

    def __init__(
        self,
        connection: Connection,
        request: Request,
        receive: Receive,
        send: Send,
        *,
        upstream: Upstream,
        frame_bytes: int,
        on_reply: Callable[[Reply], None] = lambda reply: None,
        event_id: Callable[[bytes], bytes] | None = None,
    ) -> None:
        self.standalone = request.method == "GET" and b"last-event-id" not in request.fields
        """See `Carrier`."""
        self._connection = connection
        self._request = request
        self._receive = receive
        self._response = Response(send)
        self._upstream = upstream
        self._frame_bytes = frame_bytes
        self._on_reply = on_reply
        self._event_id = event_id
        self._headers = upstream_headers(request.headers)
        self._to_server: deque[bytes] = deque()
        self._to_client: deque[bytes] = deque()
        self._changed = asyncio.Event()
        self._left = self._resumable = self._held = False
        self._answers = 0
        self._running: asyncio.Task[None] | None = None
        self._watching: asyncio.Task[None] | None = None

    def upstream_frame(self, frame: bytes) -> None:
        """See `Carrier`."""
        self._to_server.append(frame)
        self._changed.set()

    def push(self, frame: bytes, *, sought: bool) -> bool:
        """See `Carrier`."""
        begun = self._response.begun
        takes = begun or (sought and (_is_response(frame) or (self._held and self._takes_events)))
        if self._response.over or not takes:
            return False
        if begun:
            self._response.later(written(frame))
        else:
            self._to_client.append(frame)
        self._changed.set()
        return True

    def _leave(self) -> None:
        if not self._response.over and not self._left and self._running is not None:
            self._left = True
            self._running.cancel()

    async def run(self) -> None:
        """Answer the request. Returns when the response is over, or the client has gone."""
        self._running = task = asyncio.current_task()
        self._connection.exchanges.add(self)
        self._connection.headers = self._request.headers
        timer = asyncio.get_running_loop().call_later(_LOOK_SECONDS, self._watch)
        try:
            await (self._post() if self._request.method == "POST" else self._get())
            if self._response.begun and not self._response.over and not self._left:
                await self._response.end()
        except asyncio.CancelledError:
            if not self._left or task is None:
                self._left = True
                raise
            task.uncancel()
        except OSError:  # the connection to the client
            self._left = True
        finally:
            timer.cancel()
            self._connection.exchanges.discard(self)
            if self._watching is not None:
                self._watching.cancel()
            # What was cancelled has a traceback that leads here: a circle, which would keep the frames for long.
            self._running = self._watching = None
            if self._left:
                self._connection.client_gone(self, self._unanswered())
            self._response.leave()

    def _watch(self) -> None:
        if self._watching is None:
            self._watching = asyncio.create_task(self._watched())

    async def _watched(self) -> None:
        await self._response.show()
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._leave()

    def _unanswered(self) -> list[str | int | float]:
        """Legacy requests that nobody will hear the answer of, since their stream cannot be resumed."""
        version = self._request.header(VERSION)
        if self._request.method != "POST" or self._resumable or is_modern(version):
            return []
        ids, _ = requests_in(self._request.body)
        return [] if self._answers >= len(ids) else list(ids)

    async def _get(self) -> None:
        if self._request.method == "GET" and not self.standalone:
            await asyncio.sleep(_RESUMING_SECONDS)
        try:
            reply = await self._upstream.request(self._request.method, self._headers, self._request.body or None)
        except ServerUnavailable as error:
            await self._response.whole(502, [], problem(error.code, str(error)))
            return
        async with reply:
            self._on_reply(reply)
            if reply.status == 200 and reply.media_type == "text/event-stream" and reply.is_plain:
                await self._events(reply)
            else:
                await self._passed(reply)

    async def _post(self) -> None:
        response = self._response
        self._connection.from_client(self._request.body, self)
        asked = bool(self._to_server)
        while True:
            if self._to_server:
                await self._ask(self._to_server.popleft())
            elif self._to_client:
                if not response.begun and not _is_response(self._to_client[0]):
                    response.begin(200, _EVENTS)
                frame = self._to_client.popleft()
                if response.begun:
                    await response.write(written(frame))
                else:
                    await response.whole(status_for(frame), [], frame)
            elif response.over or not self._waits:
                break
            else:
                await self._hold()
            if response.over:
                break
        if not response.begun and not response.over:
            if asked:
                await response.whole(502, [], problem(-32603, "The request came to no answer."))
            else:
                await response.whole(202, [], b"")

    @property
    def _waits(self) -> bool:
        """Whether samples may still say something here: those of its own connection, or what its answer asked for."""
        return self._connection.under_way > 0 and (self._held or self._connection.id is None)

    @property
    def _takes_events(self) -> bool:
        return b"text/event-stream" in self._request.fields.get(b"accept", b"")

    async def _ask(self, frame: bytes) -> None:
        try:
            reply = await self._upstream.request("POST", self._headers, frame)
        except ServerUnavailable as error:
            await self._broken(error)
            return
        async with reply:
            self._on_reply(reply)
            kind = reply.media_type
            if kind == "text/event-stream" and reply.status == 200 and reply.is_plain:
                await self._events(reply)
            elif kind == "application/json" and reply.is_plain:
                await self._json(reply)
            elif self._response.begun:
                await self._tell(self._connection.server_gone(f"The server answered with status {reply.status}.", self))
            else:
                await self._passed(reply)
                if reply.status != 202:
                    self._connection.server_gone("The server gave no answer.", self)

    async def _json(self, reply: Reply) -> None:
        try:
            body = await reply.read(self._frame_bytes)
        except ServerUnavailable as error:
            await self._broken(error)
            return
        got: list[bytes] = self._connection.from_server(body, self) if body else [body]
        self._held = not got
        if self._response.begun:
            await self._tell(got)
        elif got:
            self._answers += 1
            if reply.status >= 400:  # its error may name no request
                self._connection.server_gone("The server gave no answer.", self)
            await self._response.whole(reply.status, response_headers(reply.headers), got[-1])

    async def _events(self, reply: Reply) -> None:
        if not self._response.begun:
            await self._begin(reply.status, response_headers(reply.headers))
        parser = Parser(self._frame_bytes)
        reason = "The server closed the stream before its answer."
        try:
            while chunk := await reply.chunk():
                out = b"".join([self._event(event) for event in parser.feed(chunk)])
                if out:
                    await self._response.write(out)
        except ServerUnavailable as error:
            reason = str(error)
        except EventTooLarge:
            self._resumable, reason = False, "The server sent an event that is too long."
        if self._to_server:
            return  # samples were quick: the call is on its way again already, and this stream owes it nothing
        if self._request.method == "POST" and not (self._resumable and self._connection.id is not None):
            await self._tell(self._connection.server_gone(reason, self))

    def _event(self, event: Event) -> bytes:
        """What goes on of it."""
        if event.id is not None:
            self._resumable = True
            if self._event_id is not None:
                event = with_ids(event, self._event_id)
        if not event.data:
            return event.raw
        got = self._connection.from_server(event.data, self)
        for frame in got:
            self._answers += _is_response(frame)
        if len(got) == 1 and got[0] is event.data:
            return event.raw
        if not got:
            taken = event.id is not None or event.retry is not None
            return written(b"", kind=None, id=event.id, retry=event.retry) if taken else b""
        *first, last = got
        return b"".join(written(frame, kind=event.kind) for frame in first) + written(
            last, kind=event.kind, id=event.id, retry=event.retry
        )

    async def _broken(self, error: ServerUnavailable) -> None:
        _log.warning("%s %s", error, error.detail)
        got = self._connection.server_gone(str(error), self)
        if self._response.begun:
            await self._tell(got)
        else:
            await self._response.whole(502, [], got[-1] if got else problem(error.code, str(error)))

    async def _hold(self) -> None:
        """Wait for what the samples give."""
        self._changed.clear()
        self._watch()
        try:
            async with asyncio.timeout(BEAT):
                await self._changed.wait()
        except TimeoutError:
            if not self._response.begun and not self._takes_events:
                return
            if not self._response.begun:
                await self._begin(200, _EVENTS)
            await self._response.write(comment())

    async def _passed(self, reply: Reply) -> None:
        """Pass on what is none of ours, as it comes."""
        headers = response_headers(reply.headers)
        length = reply.header(b"content-length")
        if length is not None and reply.status not in (204, 304):  # these have no body, whatever they say
            headers.append((b"content-length", length.encode("latin-1")))
        await self._begin(reply.status, headers)
        try:
            while chunk := await reply.chunk():
                await self._response.write(chunk)
        except ServerUnavailable:
            self._left = True  # the response stays unfinished, as it is upstream
            await self._response.show()
        else:
            await self._response.end()

    async def _begin(self, status: int, headers: list[Header]) -> None:
        self._response.begin(status, headers)
        if self._request.method == "GET" or self._watching is not None:  # else it goes when the watch begins at latest
            await self._response.show()

    async def _tell(self, got: list[bytes]) -> None:
        if got:
            await self._response.write(b"".join(written(frame) for frame in got))


def _is_response(frame: bytes) -> bool:
    message = peek(frame)
    return message is not None and message.method is UNSET
