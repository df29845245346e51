"""The provider fails, and PostgreSQL goes away, while the gateway answers."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import anyio
import pytest

from tests.cli.test_gateway import gone
from tests.faults.conftest import postgres_database, postgres_url
from tests.faults.gateway.places import Provider, place, policy, watched
from tests.faults.test_postgres import terminate
from tests.waiting import until
from upcall.store import open_store

__all__ = ["postgres_database", "postgres_url"]

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

STDIO_AND_HTTP = ("stdio", "http")


def text_of(answer: dict[str, Any]) -> str:
    return str(answer["result"]["content"][0]["text"])


@pytest.mark.parametrize("era", ["legacy", "modern"])
async def test_a_provider_that_fails_ends_the_sample_and_nothing_else(era: str, tmp_path: Path) -> None:
    async with Provider() as provider, place("stdio", policy(tmp_path, provider)) as it:
        client = it.client(era == "modern")
        await client.begin()
        for text in ("500", "drop"):
            with anyio.fail_after(60):
                answer = await client.call("ask", text=text)
            assert "about" not in str(answer)
        assert "about fine" in text_of(await client.call("ask", text="fine"))
        await client.leave()
        with anyio.fail_after(5):
            assert await it.gateway.wait() == 0
        async with open_store(tmp_path / "upcall.db") as store:
            states, reserved = await watched(store)
        assert (states, reserved) == (["finished"] * 3, 0)


class Line:
    """A way to PostgreSQL that can be cut: connections break, and new ones are refused."""

    def __init__(self, url: str) -> None:
        self._there = urlsplit(url)
        self._tasks: set[asyncio.Task[None]] = set()
        self._port = 0
        self._server: asyncio.Server | None = None

    async def join(self) -> None:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", self._port)
        self._port = self._server.sockets[0].getsockname()[1]

    async def cut(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def url(self) -> str:
        return urlunsplit(self._there._replace(netloc=f"postgres@127.0.0.1:{self._port}"))

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(self._there.hostname, self._there.port or 5432)
        for one in (self._pump(reader, back), self._pump(there, writer)):
            task = asyncio.create_task(one)
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                writer.write(data)
        except OSError:
            pass
        finally:
            writer.close()


@asynccontextmanager
async def line_to(url: str) -> AsyncIterator[Line]:
    line = Line(url)
    await line.join()
    try:
        yield line
    finally:
        await line.cut()


async def test_two_gateways_lose_no_call_when_their_connections_are_ended(tmp_path: Path, postgres_url: str) -> None:
    folders = [tmp_path / name for name in ("one", "two")]
    for folder in folders:
        folder.mkdir()
    async with Provider() as provider:
        async with (
            place("stdio", policy(folders[0], provider, postgres_url)) as one,
            place("http", policy(folders[1], provider, postgres_url)) as two,
        ):
            clients = [one.client(False), two.client(True)]
            for client in clients:
                await client.begin()
            for turn in range(5):
                calls = [asyncio.create_task(c.call("twice", text=f"late {turn} {n}")) for n, c in enumerate(clients)]
                # Both models think now. A commit that is cut off may have been done all the same, and is an error.
                await until(lambda: provider.open == 2)
                assert await anyio.to_thread.run_sync(terminate, postgres_url) >= 2
                provider.release()
                with anyio.fail_after(20):
                    answers = await asyncio.gather(*calls)
                for n, answer in enumerate(answers):
                    assert f"late {turn} {n}: about late {turn} {n} at last" == text_of(answer)
            for client in clients:
                await client.leave()
            with anyio.fail_after(5):
                await one.gateway.wait()
        async with open_store(postgres_url) as store:
            states, reserved = await watched(store)
    assert (states, reserved) == (["finished"] * 20, 0)


@pytest.mark.parametrize("form", STDIO_AND_HTTP)
async def test_a_database_that_cannot_be_reached_stops_sampling_and_nothing_else(
    form: str, tmp_path: Path, postgres_url: str
) -> None:
    async with Provider() as provider, line_to(postgres_url) as line:
        async with place(form, policy(tmp_path, provider, line.url)) as it:
            client = it.client(False)
            await client.begin()
            assert "about a" in text_of(await client.call("ask", text="a"))
            await line.cut()
            with anyio.fail_after(5):
                assert text_of(await client.call("echo", text="plain")) == "plain"
            with anyio.fail_after(30):
                told = text_of(await client.call("ask", text="b"))
            assert "about b" not in told
            assert "127.0.0.1" not in told
            assert len(provider.seen) == 1, "no model is asked without a record"
            await line.join()
            with anyio.fail_after(30):
                while "about c" not in text_of(await client.call("ask", text="c")):  # noqa: ASYNC110 - a database has no events
                    await anyio.sleep(0.1)
            await client.leave()


@pytest.mark.parametrize("form", STDIO_AND_HTTP)
async def test_a_database_that_goes_while_the_model_thinks_delays_neither_the_answer_nor_the_end(
    form: str, tmp_path: Path, postgres_url: str
) -> None:
    async with Provider() as provider, line_to(postgres_url) as line:
        async with place(form, policy(tmp_path, provider, line.url)) as it:
            client = it.client(False)
            await client.begin()
            call = asyncio.create_task(client.call("ask", text="hang"))
            await until(lambda: provider.open)
            await line.cut()
            provider.release()
            with anyio.fail_after(5):
                assert "at last" in text_of(await call)
            servers = it.servers()
            await client.leave()
            if form == "http":
                it.gateway.terminate()
            with anyio.fail_after(10):
                await it.gateway.wait()
            if form == "stdio":
                assert all(gone(pid) for pid in servers)


@pytest.mark.parametrize("way", ["client", "server", "SIGTERM"])
@pytest.mark.parametrize("form", STDIO_AND_HTTP)
async def test_an_end_while_a_person_is_asked_withdraws_the_question(form: str, way: str, tmp_path: Path) -> None:
    async with Provider() as provider, place(form, policy(tmp_path, provider, decision="ask")) as it:
        client = it.client(False)
        await client.begin()
        call = asyncio.create_task(client.call("ask", text="may I?"))
        async with open_store(tmp_path / "upcall.db") as store:
            with anyio.fail_after(20):
                while not await store.pending():  # noqa: ASYNC110 - a store has no events
                    await anyio.sleep(0.02)
            if way == "client":
                await client.leave()
            elif way == "server":
                for pid in it.servers():
                    os.kill(pid, 9)
            else:
                it.gateway.terminate()
            with anyio.fail_after(6 if way == "SIGTERM" else 2):
                while await store.pending():  # noqa: ASYNC110 - as above
                    await anyio.sleep(0.02)
            if way == "server":
                with anyio.fail_after(5):
                    assert "error" in await call
            states, reserved = await watched(store)
            with anyio.fail_after(5):
                while "started" in states or reserved:
                    await anyio.sleep(0.02)
                    states, reserved = await watched(store)
        assert not provider.seen
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)
        await client.leave()
