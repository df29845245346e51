"""The standalone stream of a legacy session: what a server says that belongs to no request (2025-11-25, transports)."""

from __future__ import annotations

import asyncio

from upcall.errors import ServerUnavailable
from upcall.gateway.http.bridge.link import RETRY_MOST, Link, Position

__all__ = ["listen"]

_NONE = (400, 401, 403, 404, 405, 501)
"""Statuses of a server that has none."""


async def listen(link: Link) -> None:
    """Hand over what comes on it, as long as the session lives and the server offers the stream."""
    session, position, failures = link.session, Position(), 0
    wait = position.retry
    while link.session == session:
        try:
            async with await link.upstream.request("GET", link.headers(position.last or b"")) as reply:
                if reply.status in _NONE or reply.media_type != "text/event-stream":
                    return
                failures = 0
                await link.each(reply, lambda frame: link.received(frame, None), position)
            wait = position.retry
        except ServerUnavailable:
            failures += 1
            wait = min(position.retry * 2 ** min(failures, 10), RETRY_MOST)
        await asyncio.sleep(wait)
