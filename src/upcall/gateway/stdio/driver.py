"""`StdioDriver`: between a client's pipes and a child.

It is *serving*; then *stopping*, when the client has gone (its end of our input, or of our output, is closed) or a
signal came: the child's input is closed, it has a while to end, then comes SIGTERM, then SIGKILL, and what it still
says is passed on; and *over* when the child has said its last: every open request of the client gets an error, and what
is queued for the client is written.

Invariants: the child has ended when `run` returns; everything that it wrote before its end has been passed on, unless
the client takes nothing more; the session hears of the client's end, and of the server's, once each; a client that
neither reads nor leaves can hold us up, one that has left cannot.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress

from upcall.gateway.performing import Answers, Frames, Performer
from upcall.gateway.session.actions import ToClient, ToServer
from upcall.gateway.signals import told_to_stop
from upcall.gateway.stdio.channel import Channel
from upcall.gateway.stdio.child import Child

__all__ = ["StdioDriver"]

PATIENCE = 1.8
"""Seconds for the child to end after its input is closed, and again after SIGTERM. The specification's clients give a
server 2 seconds each before they send *us* the next signal; ours has to be through before, or it would be orphaned."""
SIGNALLED = 0.5
"""Seconds to end when a signal was how we heard of it."""
KILLED = 1.3
"""Seconds from SIGTERM to SIGKILL then; together less than 2."""
FAREWELL = 2.0
"""Seconds for a client that sends nothing more to take what is left for it."""


class StdioDriver:
    """One connection, from start to end.

    Args:
        child: The server.
        session: Of this connection.
        answering: Answers the samples.
        reading: Descriptor on which the client's frames come; closed at the end.
        writing: Descriptor on which it takes ours; closed at the end.
    """

    def __init__(self, child: Child, session: Frames, answering: Answers, *, reading: int, writing: int) -> None:
        self._child = child
        self._performer = Performer(session, answering, self._send)
        self._descriptors = reading, writing
        self._feeding = self._client_gone = False
        self._stopping: asyncio.Task[None] | None = None

    async def run(self) -> int:
        """Serve until the child has ended; gives its exit code, 128 + n when signal n ended it."""
        loop = asyncio.get_running_loop()
        self._over = asyncio.Event()
        self._died = asyncio.Event()
        self._leave = asyncio.Event()
        reading, writing = self._child.pipes()
        self._server = Channel(
            reading,
            writing,
            on_frames=self._from_server,
            on_end=self._over.set,
            on_broken=lambda: None,  # it may have more to say; its end comes as the end of its output
            on_full=lambda full: self._client.pause() if full else self._client.resume(),
        )
        self._client = Channel(
            *self._descriptors,
            on_frames=self._from_client,
            on_end=self._client_ended,
            on_broken=self._client_ended,
            on_full=lambda full: self._server.pause() if full else self._server.resume(),
        )

        def died() -> None:
            with suppress(RuntimeError):  # the event loop is closed
                loop.call_soon_threadsafe(self._child_died)

        self._child.watch(died)
        with told_to_stop(self._signalled):
            try:
                await self._over.wait()
                await self._end()
            finally:
                self._child.kill()
                await self._performer.aclose()
                self._client.close()
                self._server.close()
        return self._child.exit_code or 0

    def _from_client(self, frames: list[bytes]) -> None:
        self._feeding = True
        try:
            for frame in frames:
                self._performer.from_client(frame)
        finally:
            self._feeding = False
        self._server.flush()
        self._client.flush()

    def _from_server(self, frames: list[bytes]) -> None:
        self._feeding = True
        try:
            for frame in frames:
                self._performer.from_server(frame)
        finally:
            self._feeding = False
        self._client.flush()
        self._server.flush()

    def _send(self, action: ToServer | ToClient) -> None:
        channel = self._client if type(action) is ToClient else self._server
        if self._feeding:
            channel.queue(action.frame)
        else:
            channel.send(action.frame)

    def _client_ended(self) -> None:
        if not self._client_gone:
            self._client_gone = True
            self._leave.set()
            self._performer.client_gone()
            self._stop(PATIENCE, PATIENCE)

    def _child_died(self) -> None:
        self._died.set()
        if not self._over.is_set():
            self._server.finish()

    def _stop(self, patience: float, after_sigterm: float) -> None:
        if self._stopping is None:
            self._stopping = asyncio.create_task(self._stop_child(patience, after_sigterm), name="upcall stop")

    async def _stop_child(self, patience: float, after_sigterm: float) -> None:
        self._server.end()
        if not await self._dies_within(patience):
            self._child.terminate()
            if not await self._dies_within(after_sigterm):
                self._child.kill()
                await self._died.wait()
        # What it left may be stuck behind a client that reads no more.
        asyncio.get_running_loop().call_later(FAREWELL, self._over.set)

    async def _dies_within(self, seconds: float) -> bool:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._died.wait(), seconds)
        return self._died.is_set()

    async def _end(self) -> None:
        if not self._died.is_set() and self._stopping is None:
            await self._dies_within(SIGNALLED)  # as a rule its output ends because it ends
        code = self._child.exit_code
        self._performer.server_gone("The server ended." if code is None else f"The server ended with exit code {code}.")
        self._stop(PATIENCE, PATIENCE)
        if self._stopping is not None:
            await self._stopping
        await self._say_farewell()

    async def _say_farewell(self) -> None:
        drained = asyncio.create_task(self._client.drained(), name="upcall farewell")
        leave = asyncio.create_task(self._leave.wait())
        try:
            await asyncio.wait((drained, leave), return_when=asyncio.FIRST_COMPLETED)
            await asyncio.wait((drained,), timeout=FAREWELL)
        finally:
            drained.cancel()
            leave.cancel()

    def _signalled(self) -> None:
        self._leave.set()
        if self._stopping is None:
            self._stop(SIGNALLED, KILLED)
        else:
            self._child.terminate()
