"""Peers that do not read, that flood, and frames of a hundred megabytes: the gateway's memory stays bounded."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import aiohttp
import anyio
import pytest

from tests.cli.commands import UPCALL
from tests.cli.test_gateway import gone
from tests.faults.gateway.places import Place, Provider, place, policy, started, ways
from tests.waiting import until

pytestmark = pytest.mark.anyio

MEGABYTE = 1 << 20
FRAME = 100 * MEGABYTE
SPARE = 40 * MEGABYTE
"""What a gateway may hold of a flood, beside what it has anyway: buffers of ours, and of its event loop."""

GIVES_BACK = {"MALLOC_MMAP_THRESHOLD_": str(32 * 1024)}
"""Makes glibc give back what was freed, so that what is left is what the gateway holds. Else it keeps up to a frame of
a hundred megabytes, for later."""


def memory(pid: int, *, peak: bool = False) -> int:
    """Bytes of a process in RAM."""
    key = "VmHWM:" if peak else "VmRSS:"
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith(key))


async def settled(place: Place) -> int:
    """Its memory once it has stopped to grow."""
    before = -1
    with anyio.fail_after(60):
        while (now := memory(place.gateway.pid)) > before + MEGABYTE:
            before = now
            await anyio.sleep(0.5)
    return now


@ways()
async def test_a_flood_that_the_client_does_not_read_waits_at_the_server(form: str, era: str, tmp_path: Path) -> None:
    count, size = 2000, 100_000
    async with Provider() as provider, place(form, policy(tmp_path, provider)) as it:
        client = it.client(era == "modern")
        await client.begin()
        assert "result" in await client.call("echo", text="warm")
        before = memory(it.gateway.pid)
        client.pause()
        call = asyncio.create_task(client.call("flood", text="x", count=count, size=size))
        with anyio.fail_after(60):
            await until(lambda: call.done() or memory(it.gateway.pid) > before + MEGABYTE // 4)
        shared = (form, era) == ("http to stdio", "modern")  # its other clients go on, and it is given up
        assert await settled(it) < before + SPARE + (64 * MEGABYTE if shared else 0)
        if not shared:
            client.resume()
            with anyio.fail_after(60):
                assert "result" in await call
            assert len(client.heard) == count, "what waited was not lost"
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)
        await client.leave()


@ways()
async def test_frames_of_a_hundred_megabytes_pass_both_ways(form: str, era: str, tmp_path: Path) -> None:
    limit = f"[gateway]\nbody_bytes = {2 * FRAME}\n"
    async with Provider() as provider, place(form, policy(tmp_path, provider, more=limit), env=GIVES_BACK) as it:
        client = it.client(era == "modern")
        await client.begin()
        assert "result" in await client.call("echo", text="warm")
        before = memory(it.gateway.pid)
        with anyio.fail_after(60):
            answer = await client.call("echo", text="x" * FRAME)
        assert len(answer["result"]["content"][0]["text"]) == FRAME
        del answer
        assert memory(it.gateway.pid, peak=True) < before + 8 * FRAME
        for _ in range(2):
            with anyio.fail_after(60):
                await client.call("echo", text="y" * FRAME)
        assert memory(it.gateway.pid, peak=True) < before + 9 * FRAME
        kept = await settled(it) - before
        await client.leave()
        assert kept < SPARE, f"{kept >> 20} MB stay after the frames have passed"


@pytest.mark.slow
async def test_a_client_that_floods_a_server_that_does_not_read_is_stopped_and_its_end_is_heard(tmp_path: Path) -> None:
    deaf = (sys.executable, "-c", "import time; time.sleep(600)")
    async with Provider() as provider:
        command = (*UPCALL, "gateway", "--policy", str(policy(tmp_path, provider)), "--", *deaf)
        async with started(*command, log=tmp_path / "log") as gateway:
            it = Place("stdio", gateway, tmp_path / "log")
            await until(it.servers)
            (server,) = it.servers()
            pipe: Any = gateway._transport.get_pipe_transport(0)  # type: ignore[attr-defined]
            out = os.dup(pipe.get_extra_info("pipe").fileno())
            frame = json.dumps({"jsonrpc": "2.0", "method": "notifications/x", "params": {"x": "y" * 1000}}).encode()
            written, quiet = 0, 0
            while quiet < 50:
                try:
                    written += os.write(out, frame + b"\n")
                    quiet = 0
                except BlockingIOError:
                    quiet += 1
                    await anyio.sleep(0.02)
            os.close(out)
            assert MEGABYTE < written < 4 * MEGABYTE
            client = it.client(False)
            await client.leave()
            with anyio.fail_after(6):
                await gateway.wait()
            assert gone(server)


@pytest.mark.slow
async def test_five_hundred_clients_that_do_not_read_cost_little_each(tmp_path: Path) -> None:
    count = 500
    async with Provider() as provider, place("http", policy(tmp_path, provider)) as it:
        assert it.url is not None
        client = it.client(True)
        assert "result" in await client.call("echo", text="warm")
        before = memory(it.gateway.pid)
        writers = []
        params = {"name": "flood", "arguments": {"text": "x", "count": 100, "size": 100_000}}
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}).encode()
        async with aiohttp.ClientSession() as http:
            for _ in range(count):
                response = await http.post(
                    it.url,
                    data=body,
                    headers={"Accept": "application/json, text/event-stream", "Content-Type": "application/json"},
                )
                writers.append(response)
            with suppress(TimeoutError):
                await settled(it)
            assert memory(it.gateway.pid) < before + count * MEGABYTE
        await client.leave()
