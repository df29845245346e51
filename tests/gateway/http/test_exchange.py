"""One exchange with a client whose connection the test is: what is written when, and what is passed on unread."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest

from tests.gateway.http.places import settings_in
from tests.gateway.http.recording import Asked, recorder, reply
from upcall.gateway.answering import Answering
from upcall.gateway.http.client.upstream import Upstream
from upcall.gateway.http.front.app import Request
from upcall.gateway.http.proxy.connections import Connection
from upcall.gateway.http.proxy.exchange import Exchange
from upcall.gateway.http.serving import connect_for

pytestmark = pytest.mark.anyio

CALL = b'{"jsonrpc":"2.0","id":1,"method":"tools/list"}'
NOTE = b'{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}'
EVENTS = b'data: {"jsonrpc":"2.0","method":"notifications/x"}\n\ndata: {"jsonrpc":"2.0","id":1,"result":{}}\n\n'


class Client:
    """The ASGI side: takes what is sent when the test lets it, and nothing after the end, as uvicorn does."""

    def __init__(self) -> None:
        self.got: list[bytes] = []
        self.headers: dict[bytes, bytes] = {}
        self.writing, self.may = asyncio.Event(), asyncio.Event()
        self.over = False

    async def receive(self) -> Any:
        await asyncio.sleep(60)

    async def send(self, message: dict[str, Any]) -> None:
        if self.over:
            raise RuntimeError("Unexpected ASGI message, after response already completed.")
        if message["type"] == "http.response.start":
            self.headers = dict(message["headers"])
            return
        self.got.append(message["body"])
        self.over = not message.get("more_body", False)
        self.writing.set()
        await self.may.wait()


@asynccontextmanager
async def exchange(url: str, folder: Path, client: Client) -> AsyncIterator[Exchange]:
    upstream = Upstream(url)
    connection = Connection(connect_for(Answering(settings_in(folder)), "it"), upstream, "")
    accept = (b"accept", b"application/json, text/event-stream")
    request = Request("POST", [accept], dict([accept]), "", CALL)
    try:
        yield Exchange(connection, request, client.receive, client.send, upstream=upstream, frame_bytes=1 << 20)
    finally:
        await connection.aclose()
        await upstream.aclose()


async def test_what_is_said_while_the_client_reads_slowly_comes_before_the_end(tmp_path: Path) -> None:
    client = Client()

    async def events(asked: Asked) -> None:
        await reply(asked, EVENTS, kind="text/event-stream")

    async with recorder(events) as server, exchange(server.url, tmp_path, client) as it:
        running = asyncio.create_task(it.run())
        with anyio.fail_after(10):
            await client.writing.wait()
            assert it.push(NOTE, sought=False)
            await anyio.wait_all_tasks_blocked()  # the answer's end is here, and what was pushed waits
            client.may.set()
            await running
    assert (client.over, NOTE in b"".join(client.got)) == (True, True)


async def test_events_that_are_packed_pass_as_they_are(tmp_path: Path) -> None:
    client = Client()
    client.may.set()
    packed = gzip.compress(EVENTS)

    async def events(asked: Asked) -> None:
        await reply(asked, packed, kind="text/event-stream", content_encoding="gzip")

    async with recorder(events) as server, exchange(server.url, tmp_path, client) as it:
        with anyio.fail_after(10):
            await it.run()
    assert b"".join(client.got) == packed
    assert client.headers[b"content-encoding"] == b"gzip"
