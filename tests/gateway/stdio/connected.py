"""A driver between a child and pipes of the test's own."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import anyio
import anyio.to_thread

from tests.waiting import until
from upcall.gateway.performing import Answers
from upcall.gateway.sealing import Sealer
from upcall.gateway.session.actions import Outcome, Sample
from upcall.gateway.session.session import Session
from upcall.gateway.session.terms import Terms
from upcall.gateway.stdio.child import Child
from upcall.gateway.stdio.driver import StdioDriver

__all__ = ["Connected", "Nobody", "child_of", "connected", "session"]


class Nobody:
    """Answers nothing, as no test here samples."""

    async def answer(self, sample: Sample, elicit: object) -> Outcome:
        raise AssertionError(sample)


def session() -> Session:
    return Session(lambda: Terms(server="it"), Sealer([os.urandom(32)], server="it"))


def child_of(code: str) -> Child:
    """A child that runs this Python code."""
    return Child([sys.executable, "-c", code])


class Connected:
    """The client's ends."""

    def __init__(self, driver: StdioDriver, child: Child, reading: int, writing: int) -> None:
        self.driver, self.child = driver, child
        self.reading, self.writing = reading, writing
        self.code: int | None = None
        self.over = anyio.Event()
        self._rest = b""

    async def send(self, *frames: bytes) -> None:
        data = b"".join(frame + b"\n" for frame in frames)
        await anyio.to_thread.run_sync(self._write, data)

    def _write(self, data: bytes) -> None:
        left = memoryview(data)
        while left:
            left = left[os.write(self.writing, left) :]

    async def line(self) -> bytes:
        """The next frame; empty at the end."""
        while b"\n" not in self._rest:
            piece = await anyio.to_thread.run_sync(os.read, self.reading, 1 << 20, abandon_on_cancel=True)
            if not piece:
                return b""
            self._rest += piece
        line, _, self._rest = self._rest.partition(b"\n")
        return line

    async def rest(self) -> bytes:
        """All until the end."""

        def read() -> bytes:
            with os.fdopen(os.dup(self.reading), "rb") as file:
                return file.read()

        return self._rest + await anyio.to_thread.run_sync(read, abandon_on_cancel=True)

    def hang_up(self) -> None:
        """Close the client's writing end."""
        if self.writing >= 0:
            os.close(self.writing)
            self.writing = -1

    def look_away(self) -> None:
        """Close the client's reading end."""
        if self.reading >= 0:
            os.close(self.reading)
            self.reading = -1

    async def ended(self, seconds: float = 10) -> int:
        """The driver's exit code."""
        with anyio.fail_after(seconds):
            await self.over.wait()
        assert self.code is not None
        return self.code


@asynccontextmanager
async def connected(child: Child, answering: Answers | None = None) -> AsyncIterator[Connected]:
    theirs_in, ours_out = os.pipe()
    ours_in, theirs_out = os.pipe()
    driver = StdioDriver(child, session(), answering or Nobody(), reading=theirs_in, writing=theirs_out)
    client = Connected(driver, child, ours_in, ours_out)

    async def run() -> None:
        client.code = await driver.run()
        client.over.set()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(run)
        try:
            await until(lambda: hasattr(driver, "_client"))
            yield client
        finally:
            client.hang_up()
            client.look_away()
            child.kill()
            with suppress(TimeoutError):
                await client.ended()
