"""One HTTP response from a stream: JSON when the answer is all there is to say, else server-sent events.

It is *waiting* until the stream says something; then *JSON*, if that was the single answer, or *events*, which go on
until the stream ends, another response takes it, or the client closes the connection. A response that has nothing to
say for a while becomes events with a comment, so that nobody in between takes it for dead.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any, TypeAlias

from upcall.gateway.http.sse import comment, written
from upcall.gateway.http.streams import Stream

__all__ = ["Header", "Receive", "Send", "Sent", "reply_events", "send_json", "send_status"]

Receive: TypeAlias = Callable[[], Awaitable[Mapping[str, Any]]]
Send: TypeAlias = Callable[[dict[str, Any]], Awaitable[None]]
Header: TypeAlias = tuple[bytes, bytes]

BEAT = 15.0
"""Seconds of silence after which a comment goes."""
_EVENTS: list[Header] = [
    (b"content-type", b"text/event-stream"),
    (b"cache-control", b"no-cache, no-transform"),
    (b"x-accel-buffering", b"no"),
]


class Sent:
    """How a response ended."""

    def __init__(self) -> None:
        self.complete = False
        """Everything that the stream had to say was handed to the connection."""
        self.numbered = False
        """The client has an event id, so it can come back."""


async def send_status(send: Send, status: int, headers: Iterable[Header] = ()) -> None:
    """A response without a body."""
    await send({"type": "http.response.start", "status": status, "headers": [*headers, (b"content-length", b"0")]})
    await send({"type": "http.response.body", "body": b""})


async def send_json(send: Send, status: int, body: bytes, headers: Iterable[Header] = ()) -> None:
    """A response with a JSON body."""
    described = [*headers, (b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": described})
    await send({"type": "http.response.body", "body": body})


async def reply_events(
    stream: Stream,
    receive: Receive,
    send: Send,
    *,
    headers: Iterable[Header] = (),
    json_status: Callable[[bytes], int] | None = None,
    numbered: bool = False,
    primed: bool = False,
    on_progress: Callable[[], None] = lambda: None,
) -> Sent:
    """Send what the stream says until it ends or nobody reads it any more.

    Args:
        stream: Read by this response alone from now on.
        receive: ASGI's; the request's body has been read.
        send: ASGI's.
        headers: To send beside those of the content.
        json_status: Where the answer may come as JSON: its status.
        numbered: Events have ids to come back with.
        primed: Silence begins with an id, too (from 2025-11-25, empty data).
        on_progress: Told when something was sent.
    """
    state = Sent()
    changed = asyncio.Event()
    closed = asyncio.create_task(_closed(receive, changed))
    took = changed.set
    before, stream.reader = stream.reader, took
    if before is not None:
        before()
    started = False

    async def write(body: bytes) -> None:
        nonlocal started
        if not started:
            started = True
            await send({"type": "http.response.start", "status": 200, "headers": [*headers, *_EVENTS]})
        await send({"type": "http.response.body", "body": body, "more_body": True})

    try:
        if json_status is None:
            await write(comment(b"open"))
        while not closed.done() and stream.reader is took:
            event = stream.take()
            if event is None:
                if stream.ended:
                    state.complete = True
                    break
                with suppress(TimeoutError):
                    async with asyncio.timeout(BEAT):
                        await changed.wait()
                if not changed.is_set():
                    if primed and not started:
                        state.numbered = True
                        await write(written(b"", kind=None, id=b"%d-0" % stream.number))
                    else:
                        await write(comment())
                changed.clear()
                continue
            number, frame = event
            if not started and json_status is not None and stream.ended and not stream.unsent:
                state.complete = True
                await send_json(send, json_status(frame), frame, headers)
                return state
            state.numbered = state.numbered or numbered
            await write(written(frame, id=b"%d-%d" % (stream.number, number) if numbered else None))
            on_progress()
        if state.complete and not started:
            await write(comment(b"end"))
        if started and not closed.done():
            await send({"type": "http.response.body", "body": b"", "more_body": False})
    except OSError:  # the connection is gone
        state.complete = False
    finally:
        if stream.reader is took:
            stream.reader = None
        closed.cancel()
    return state


async def _closed(receive: Receive, changed: asyncio.Event) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    changed.set()
