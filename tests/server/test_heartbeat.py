"""Signs of life: when they come, to whom, and that their values rise."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

import anyio
import pytest
from mcp.server.mcpserver import Context

from tests.server.peers import client_of, server_with, text_of, user
from upcall.host import Host
from upcall.server import Sampling, sample
from upcall.server._heartbeat import Progress, heartbeat
from upcall.testing import ScriptedModel

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("no_orphans")]


class Seen:
    """A client's progress callback that can be waited for."""

    def __init__(self, wanted: int) -> None:
        self.values: list[float] = []
        self.messages: list[str | None] = []
        self.wanted = wanted
        self.enough = asyncio.Event()

    async def __call__(self, progress: float, total: float | None, message: str | None) -> None:
        self.values.append(progress)
        self.messages.append(message)
        if len(self.values) >= self.wanted:
            self.enough.set()

    def rises(self) -> bool:
        return all(a < b for a, b in itertools.pairwise(self.values))


async def test_progress_reaches_a_client_that_waits_for_its_own_model() -> None:
    seen = Seen(3)

    async def until_enough(messages: Any) -> str:
        await seen.enough.wait()
        return "done"

    async def body() -> str:
        return str(await sample("?", progress_interval=0.01))

    async with client_of(server_with(Sampling(), body), "legacy", until_enough) as client:
        with anyio.fail_after(10):
            assert text_of(await client.call_tool("body", {}, progress_callback=seen)) == "done"
    assert seen.rises()
    assert all("waiting for the model" in str(message) for message in seen.messages)


async def test_an_unchanged_body_keeps_its_call_alive_too() -> None:
    seen = Seen(2)

    async def until_enough(messages: Any) -> str:
        await seen.enough.wait()
        return "done"

    async def body(ctx: Context) -> str:
        await ctx.session.create_message(messages=[user("?")], max_tokens=9)
        return "done"

    async with client_of(server_with(Sampling(progress_interval=0.01), body), "legacy", until_enough) as client:
        with anyio.fail_after(10):
            await client.call_tool("body", {}, progress_callback=seen)
    assert seen.rises()


async def test_nobody_is_told_who_gave_no_token_but_the_author_is(era: str) -> None:
    told: list[tuple[float, str]] = []
    enough = asyncio.Event()
    sent: list[str] = []

    def on_progress(waited: float, message: str) -> None:
        told.append((waited, message))
        if len(told) >= 2:
            enough.set()

    async def until_enough(messages: Any) -> str:
        await enough.wait()
        return "done"

    async def body() -> str:
        return str(await sample("?", progress_interval=0.01, on_progress=on_progress))

    async def watch(message: Any) -> None:
        sent.append(type(message).__name__)

    async with client_of(server_with(Sampling(), body), era, until_enough, message_handler=watch) as client:
        with anyio.fail_after(10):
            await client.call_tool("body", {})
    assert told[0][0] < told[1][0]
    assert sent == []


async def test_the_bodys_own_reports_and_the_signs_of_life_rise_together() -> None:
    seen = Seen(1)
    beats = asyncio.Event()
    count = 0

    def on_progress(waited: float, message: str) -> None:
        nonlocal count
        count += 1
        if count % 2 == 0:
            beats.set()

    async def until_beats(messages: Any) -> str:
        await beats.wait()
        beats.clear()
        return "done"

    async def body(ctx: Context) -> str:
        for step in (0.1, 0.2, 0.2, 0.9):
            await ctx.report_progress(step, 1.0)
            await sample("?", progress_interval=0.01, on_progress=on_progress)
        return "done"

    async with client_of(server_with(Sampling(), body), "legacy", until_beats) as client:
        with anyio.fail_after(10):
            await client.call_tool("body", {}, progress_callback=seen)
    assert seen.rises()
    assert {0.1, 0.2, 0.9} <= set(seen.values), "a body's report goes out as it is wherever it rises"
    assert len(seen.values) > 6


async def test_what_a_body_reports_after_a_round_reaches_the_request_that_is_open_then(era: str) -> None:
    seen = Seen(3)

    async def body(ctx: Context) -> str:
        for step in range(3):
            await ctx.report_progress(step + 1, 3, f"step {step}")
            await sample("?")
        return "done"

    async with client_of(server_with(Sampling(), body), era, Host(ScriptedModel.echo())) as client:
        await client.call_tool("body", {}, progress_callback=seen)
    assert seen.values == [1, 2, 3]
    assert seen.messages == ["step 0", "step 1", "step 2"]


@pytest.mark.filterwarnings("ignore:The logging capability is deprecated")
async def test_log_messages_reach_the_open_request(era: str) -> None:
    logged: list[Any] = []

    async def log(params: Any) -> None:
        logged.append(params.data)

    async def body(ctx: Context) -> str:
        for step in range(2):
            await sample("?")
            await ctx.info(f"after {step}")
        return "done"

    options = {"logging_callback": log, "log_level": "info"}
    async with client_of(server_with(Sampling(), body), era, Host(ScriptedModel.echo()), **options) as client:
        await client.call_tool("body", {})
    assert logged == ["after 0", "after 1"]


async def test_a_progress_callback_that_fails_does_not_fail_the_sample(caplog: pytest.LogCaptureFixture) -> None:
    failed = asyncio.Event()

    def on_progress(waited: float, message: str) -> None:
        failed.set()
        raise RuntimeError("broken bar")

    async def until_failed(messages: Any) -> str:
        await failed.wait()
        return "done"

    async def body() -> str:
        return str(await sample("?", progress_interval=0.01, on_progress=on_progress))

    async with client_of(server_with(Sampling(), body), "legacy", until_failed) as client:
        with anyio.fail_after(10):
            assert text_of(await client.call_tool("body", {})) == "done"
    assert "the sample goes on" in caplog.text


async def test_a_heartbeat_ends_with_its_block() -> None:
    beats = 0
    twice = asyncio.Event()

    async def send(message: str) -> None:
        nonlocal beats
        beats += 1
        if beats == 2:
            twice.set()

    async def told(waited: float, message: str) -> None:
        await anyio.lowlevel.checkpoint()

    with anyio.fail_after(5), heartbeat(0.005, send, told):
        await twice.wait()
    at_the_end = beats
    for _ in range(20):
        await anyio.lowlevel.checkpoint()
    assert beats == at_the_end


async def test_a_client_that_does_not_read_gathers_no_beats() -> None:
    sent = 0

    async def send(message: str) -> None:
        nonlocal sent
        sent += 1
        await asyncio.Event().wait()

    later = asyncio.Event()
    asyncio.get_running_loop().call_later(0.05, later.set)
    with heartbeat(0.001, send, None):
        await later.wait()
    assert sent == 1


@pytest.mark.parametrize("never", [None, 0, -1, float("nan")])
async def test_without_an_interval_there_is_no_timer(never: float | None) -> None:
    async def send(message: str) -> None:
        raise AssertionError("nobody asked for this")

    with heartbeat(never, send, None):
        await anyio.lowlevel.checkpoint()


async def test_progress_never_falls_and_keeps_the_last_total() -> None:
    progress = Progress()
    sent = [
        progress.beat(),
        progress.beat(),
        progress.reported(1, 10),
        progress.beat(),
        progress.reported(1, 10),
        progress.reported(5, 10),
        progress.beat(),
        progress.reported(0, None),
        progress.reported(1e9, None),
        progress.beat(),
    ]
    assert all(a < b for a, b in itertools.pairwise(sent))
    assert sent[5] == 5
    assert progress.total is None
