"""`Bridge`: between a client's pipes and a server behind HTTP.

It is *serving* until the client sends nothing more, takes nothing more, or a signal comes; then it is *leaving*: what
is under way has a moment to be answered, if the client still reads, and the server's session is ended.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING

from upcall.gateway.frames import compact
from upcall.gateway.http.bridge.remote import Remote
from upcall.gateway.http.client.upstream import Upstream
from upcall.gateway.performing import Answers, Frames, Performer
from upcall.gateway.session.actions import ToClient, ToServer
from upcall.gateway.signals import told_to_stop
from upcall.gateway.stdio.channel import Channel
from upcall.gateway.stdio.serving import own_pipes, session_for

if TYPE_CHECKING:
    from upcall.gateway.session.terms import Protocol
    from upcall.gateway.settings import Settings

__all__ = ["Bridge", "serve"]

PATIENCE = 1.8
"""Seconds for what is under way after the client's end; a client gives 2 before it sends a signal."""
MODELS_PATIENCE = 0.8
"""The same for what waits for a model, which costs money meanwhile."""


def serve(
    url: str, headers: Mapping[str, str], name: str, read: Callable[[], Settings], *, protocol: Protocol | None = None
) -> int:
    """Stand between the client that started us and the server at ``url``; gives the exit code to leave with.

    Args:
        url: Of the server's endpoint.
        headers: Sent with every request.
        name: What the policy calls it.
        read: Gives the settings. When they cannot be used, that is logged, no sampling is declared, and everything
            else passes.
        protocol: Which revisions may be spoken, when the settings cannot be used.

    Raises:
        ValueError: ``url`` is none of an HTTP server.
    """
    upstream = Upstream(url, headers=headers)
    reading, writing = own_pipes()
    session, answering = session_for(name, read, protocol=protocol)

    async def run() -> None:
        try:
            await Bridge(upstream, session, answering, reading=reading, writing=writing).run()
        finally:
            await answering.aclose()

    gc.freeze()
    asyncio.run(run())
    return 0


class Bridge:
    """One connection, from start to end.

    Args:
        upstream: The server's endpoint.
        session: Of this connection.
        answering: Answers the samples.
        reading: Descriptor on which the client's frames come; closed at the end.
        writing: Descriptor on which it takes ours; closed at the end.
    """

    def __init__(self, upstream: Upstream, session: Frames, answering: Answers, *, reading: int, writing: int) -> None:
        self._upstream = upstream
        self._performer = Performer(session, answering, self._send)
        self._descriptors = reading, writing
        self._lanes = 0  # each frame of the client has its own, as each has its own POST

    async def run(self) -> None:
        """Serve until the client has gone."""
        ended, leave = asyncio.Event(), asyncio.Event()

        def gone() -> None:
            ended.set()
            leave.set()

        self._remote = Remote(
            self._upstream,
            self._performer.from_server,
            lambda full: self._client.pause() if full else self._client.resume(),
            lost=lambda lane: self._performer.server_gone("The server gave no answer.", lane),
        )
        self._client = Channel(
            *self._descriptors,
            on_frames=self._from_client,
            on_end=ended.set,
            on_broken=gone,
            on_full=lambda full: self._remote.pause() if full else self._remote.resume(),
        )
        try:
            with told_to_stop(gone):
                await ended.wait()
                await self._finish(leave)
        finally:
            self._performer.client_gone()
            await self._performer.aclose()
            await self._remote.aclose()
            self._client.close()

    async def _finish(self, leave: asyncio.Event) -> None:
        began = asyncio.get_running_loop().time()
        deadline = began + PATIENCE
        while not leave.is_set() and (now := asyncio.get_running_loop().time()) < deadline:
            asking = self._performer.under_way
            if not asking and not self._remote.under_way:
                break
            if asking and now >= began + MODELS_PATIENCE:
                break
            await asyncio.sleep(0.02)  # a peer's answer has no event
        with suppress(TimeoutError):
            async with asyncio.timeout_at(deadline):
                await self._client.drained()

    def _from_client(self, frames: list[bytes]) -> None:
        for frame in frames:
            self._lanes += 1
            self._performer.from_client(frame, self._lanes)

    def _send(self, action: ToServer | ToClient) -> None:
        if type(action) is ToServer:
            self._remote.send(action.frame, action.lane)
        else:
            self._client.send(compact(action.frame))
