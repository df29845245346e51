"""Writes that are not to be lost."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager

import anyio
import pytest
from anyio.lowlevel import checkpoint

from upcall.errors import StoreError
from upcall.host.performers import backlog as backlog_module
from upcall.host.performers.backlog import Backlog

pytestmark = pytest.mark.anyio


class _Writer:
    """Fails so many times, and then succeeds."""

    def __init__(self, failures: int = 0, error: Exception | None = None) -> None:
        self.failures = failures
        self.error = error or StoreError("The disk is full.", detail="/dev/sda1")
        self.tries = 0
        self.done = anyio.Event()

    async def write(self) -> None:
        self.tries += 1
        await checkpoint()
        if self.tries <= self.failures:
            raise self.error
        self.done.set()


@contextmanager
def _pauses(monkeypatch: pytest.MonkeyPatch, *pauses: float) -> Iterator[None]:
    monkeypatch.setattr(backlog_module, "PAUSES", pauses)
    with anyio.fail_after(10):
        yield


async def test_a_write_that_succeeds_is_done_when_it_returns() -> None:
    writer = _Writer()
    await Backlog().do("The record", writer.write)
    assert (writer.tries, writer.done.is_set()) == (1, True)


async def test_a_write_that_fails_is_waited_for_once_and_goes_on_by_itself(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    writer = _Writer(failures=2)
    with _pauses(monkeypatch, 0.001, 0.001, 0.001):
        await Backlog().do("The record", writer.write)
        assert not writer.done.is_set()
        await writer.done.wait()
    assert writer.tries == 3
    assert "The record could not be written yet: The disk is full. /dev/sda1" in caplog.text


async def test_a_write_that_never_succeeds_is_lost_and_that_is_logged(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    writer = _Writer(failures=99)
    with _pauses(monkeypatch, 0.001, 0.001):
        backlog = Backlog()
        await backlog.do("The record", writer.write)
        while "lost" not in caplog.text:
            await checkpoint()
    assert writer.tries == 3


async def test_a_fault_that_is_not_the_stores_is_logged_and_not_repeated(caplog: pytest.LogCaptureFixture) -> None:
    writer = _Writer(failures=1, error=ZeroDivisionError("?"))
    await Backlog().do("The record", writer.write)
    await checkpoint()
    assert writer.tries == 1
    assert "The record is lost" in caplog.text


async def test_whoever_brought_a_write_may_leave_and_it_is_done() -> None:
    backlog, go, done = Backlog(), anyio.Event(), anyio.Event()

    async def write() -> None:
        await go.wait()
        done.set()

    with anyio.fail_after(5):
        with anyio.move_on_after(0):
            await backlog.do("The record", write)
        task = asyncio.create_task(backlog.do("The record", write))
        await checkpoint()
        task.cancel()
        await asyncio.wait([task])
        go.set()
        await done.wait()


async def test_closing_has_what_waits_tried_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    writer = _Writer(failures=1)
    with _pauses(monkeypatch, 3600.0, 3600.0):
        backlog = Backlog()
        await backlog.do("The record", writer.write)
        await backlog.aclose(grace=5.0)
    assert writer.done.is_set()


async def test_closing_gives_up_after_one_more_try(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    writer = _Writer(failures=99)
    with _pauses(monkeypatch, 3600.0, 3600.0):
        backlog = Backlog()
        await backlog.do("The record", writer.write)
        await backlog.aclose(grace=5.0)
    assert writer.tries == 2
    assert "The record is lost" in caplog.text


async def test_closing_does_not_wait_for_ever(caplog: pytest.LogCaptureFixture) -> None:
    backlog = Backlog()
    task = asyncio.create_task(backlog.do("The record", anyio.sleep_forever))
    with anyio.fail_after(5):
        await checkpoint()
        await backlog.aclose(grace=0.01)
        await task
    assert "may be lost" in caplog.text


def test_what_is_left_when_the_loop_ends_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        await Backlog().do("The record", _Writer(failures=99).write)

    with caplog.at_level(logging.CRITICAL, "upcall.host"):
        asyncio.run(main())
    assert "The record may be lost" in caplog.text


async def test_what_waits_is_bounded(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(backlog_module, "MOST", 2)
    with _pauses(monkeypatch, 3600.0):
        backlog = Backlog()
        writers = [_Writer(failures=1) for _ in range(3)]
        for number, writer in enumerate(writers):
            await backlog.do(f"Record {number}", writer.write)
        await checkpoint()
        assert "Record 2 is lost" in caplog.text
        await backlog.aclose(grace=5.0)
    assert [writer.done.is_set() for writer in writers] == [True, True, False]
