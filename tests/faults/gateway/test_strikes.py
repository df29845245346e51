"""Client, server and gateway are killed while calls are at every stage, in every form and in both eras."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import anyio
import pytest

from tests.cli.test_gateway import gone
from tests.faults.gateway.places import Http, Pipes, Place, Provider, place, policy, watched, ways
from tests.waiting import until
from upcall.store import open_store

pytestmark = pytest.mark.anyio

STAGES = {
    "in a call": ("hang", "a"),
    "sampling": ("ask", "hang b"),
    "between rounds": ("twice", "late c"),
    "in the retry": ("after", "d"),
}
PROMPT = 1.0
"""Seconds in which the end of a call reaches the model."""


class Scene(NamedTuple):
    """Calls at each stage."""

    place: Place
    client: Pipes | Http
    provider: Provider
    folder: Path
    calls: list[asyncio.Task[dict[str, Any]]]

    async def records_are_whole(self) -> None:
        async with open_store(self.folder / "upcall.db") as store:
            states, reserved = await watched(store)
            with anyio.fail_after(5):
                while "started" in states or reserved:
                    await anyio.sleep(0.02)
                    states, reserved = await watched(store)
        assert states == ["finished"] * len(self.provider.seen)

    async def still_serves(self) -> None:
        """Another client is served as if nothing had been."""
        client = self.place.client(self.client.modern)
        with anyio.fail_after(20):
            await client.begin()
            answer = await client.call("ask", text="after all")
        assert "about after all" in str(answer)
        await client.leave()


@asynccontextmanager
async def at_work(form: str, era: str, folder: Path) -> AsyncIterator[Scene]:
    """A client whose calls have come to each of the stages."""
    async with Provider() as provider, place(form, policy(folder, provider), marks=folder) as it:
        client = it.client(era == "modern")
        with anyio.fail_after(30):
            await client.begin()
        calls = [asyncio.create_task(client.call(tool, text=text)) for tool, text in STAGES.values()]
        await until(lambda: provider.open == 2 and (folder / "hang").exists() and (folder / "after").exists())
        try:
            yield Scene(it, client, provider, folder, calls)
        finally:
            for call in calls:
                call.cancel()
            await asyncio.gather(*calls, return_exceptions=True)
            await client.leave()


@ways(("http", "modern"))
async def test_the_end_of_a_client_reaches_model_and_server(form: str, era: str, tmp_path: Path) -> None:
    async with at_work(form, era, tmp_path) as scene:
        servers = scene.place.servers()
        assert servers
        await scene.client.leave()
        await until(lambda: not scene.provider.open, PROMPT)
        if form.startswith("stdio"):
            with anyio.fail_after(5):
                assert await scene.place.gateway.wait() == 0
            if form == "stdio":
                assert all(gone(pid) for pid in servers)
        else:
            if form == "http" or era == "legacy":
                await until(lambda: (tmp_path / "left").exists() or (tmp_path / "cancelled").exists(), PROMPT)
            await scene.still_serves()
        await scene.records_are_whole()


@ways()
async def test_a_cancelled_call_ends_at_every_stage(form: str, era: str, tmp_path: Path) -> None:
    async with Provider() as provider, place(form, policy(tmp_path, provider), marks=tmp_path) as it:
        client = it.client(era == "modern")
        await client.begin()
        for tool, text in STAGES.values():
            call = asyncio.create_task(client.call(tool, text=text))
            marks = [tmp_path / tool] if tool in ("hang", "after") else []
            await (until(marks[0].exists) if marks else until(lambda: provider.open))
            call.cancel()
            with suppress(asyncio.CancelledError):
                await call
            await until(lambda: not provider.open, PROMPT)
            if tool in ("hang", "after"):
                await until(lambda: (tmp_path / "cancelled").exists() or (tmp_path / "left").exists(), PROMPT)
            for mark in ("cancelled", "left"):
                (tmp_path / mark).unlink(missing_ok=True)
        await Scene(it, client, provider, tmp_path, []).records_are_whole()
        assert "about fine" in str(await client.call("ask", text="fine"))
        await client.leave()


@ways(("stdio", "legacy"))
async def test_a_server_that_is_killed_leaves_an_error_for_each_call(form: str, era: str, tmp_path: Path) -> None:
    async with at_work(form, era, tmp_path) as scene:
        held = era == "modern" and scene.place.server is not None
        for pid in scene.place.servers():
            os.kill(pid, signal.SIGKILL)
        if held:  # nothing of these calls is at the server; its death is met by the next request
            done, _ = await asyncio.wait(scene.calls, timeout=PROMPT)
            assert {scene.calls[0], scene.calls[3]} <= done
            assert scene.provider.open == 2
            scene.provider.release()
        else:
            await until(lambda: not scene.provider.open, PROMPT)
        with anyio.fail_after(5):
            answers = await asyncio.gather(*scene.calls)
        for answer in answers:
            assert "error" in answer, answer
            assert "server" in answer["error"]["message"].lower()
        if form == "stdio":
            with anyio.fail_after(5):
                assert await scene.place.gateway.wait() == 128 + signal.SIGKILL
        elif form == "http to stdio":
            await scene.still_serves()
        await scene.records_are_whole()


@ways()
async def test_sigterm_ends_everything_in_order(form: str, era: str, tmp_path: Path) -> None:
    async with at_work(form, era, tmp_path) as scene:
        servers = scene.place.servers()
        scene.place.gateway.terminate()
        await until(lambda: not scene.provider.open, 6)
        with anyio.fail_after(6):
            await scene.place.gateway.wait()
        if scene.place.server is None:
            assert all(gone(pid) for pid in servers)
        await scene.records_are_whole()


@ways()
async def test_a_gateway_that_is_killed_leaves_its_record_and_nothing_else(form: str, era: str, tmp_path: Path) -> None:
    async with at_work(form, era, tmp_path) as scene:
        servers = scene.place.servers()
        scene.place.gateway.kill()
        await until(lambda: not scene.provider.open, PROMPT)
        answers = await asyncio.wait_for(asyncio.gather(*scene.calls, return_exceptions=True), 5)
        assert all(isinstance(answer, Exception) for answer in answers), answers
        if scene.place.server is None:
            await until(lambda: all(gone(pid) for pid in servers), 5)
        else:
            assert not any(gone(pid) for pid in servers)
        async with open_store(tmp_path / "upcall.db") as store:
            states, _ = await watched(store)
        assert len(states) == len(scene.provider.seen)
        assert states.count("started") == 2
