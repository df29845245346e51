"""The listener as it is started: several servers, TLS, signals, and what a slow reader costs."""

from __future__ import annotations

import asyncio
import os
import signal
import ssl
import sys
from pathlib import Path
from typing import Any

import aiohttp
import anyio
import pytest

from tests.gateway.http.certificates import certificate
from tests.gateway.http.places import ANSWER, gateway, served, settings_in
from tests.gateway.http.recording import Asked, recorder
from tests.gateway.mixed.places import ROOT, SERVER
from tests.server.peers import MODERN, client_of, text_of
from tests.waiting import until
from upcall.errors import ConfigurationError
from upcall.gateway.http.front.listening import bound
from upcall.gateway.http.serving import Tls, serve_async
from upcall.gateway.settings import Serving, Upstream

pytestmark = pytest.mark.anyio


def serving(*upstreams: Upstream, **more: Any) -> Serving:
    given = {"listen": ("127.0.0.1", 0), "tokens": {}, "allow_hosts": (), "allow_origins": (), "body_bytes": 1 << 20}
    return Serving(**{**given, "upstreams": upstreams, **more})


async def test_servers_of_both_kinds_are_served_each_at_its_path(tmp_path: Path) -> None:
    ready, stop = anyio.Event(), asyncio.Event()
    urls: list[str] = []

    def on_ready(found: list[str]) -> None:
        urls.extend(found)
        ready.set()

    async with served() as url:
        both = serving(
            Upstream(name="far", url=url),
            Upstream(name="near", argv=tuple(SERVER), env={**os.environ, "PYTHONPATH": str(ROOT)}),
        )
        running = asyncio.create_task(serve_async(settings_in(tmp_path), both, on_ready=on_ready, stop=stop))
        with anyio.fail_after(10):
            await ready.wait()
        assert [one.rpartition(":")[2].partition("/")[2] for one in urls] == ["far/mcp", "near/mcp"]
        for one in urls:
            async with client_of(one, MODERN) as client:
                with anyio.fail_after(20):
                    assert ANSWER in text_of(await client.call_tool("ask", {"question": "why"}))
        stop.set()
        with anyio.fail_after(10):
            await running


async def test_tls(tmp_path: Path) -> None:
    file = certificate(tmp_path)
    ready, stop = anyio.Event(), asyncio.Event()
    urls: list[str] = []

    def on_ready(found: list[str]) -> None:
        urls.extend(found)
        ready.set()

    running = asyncio.create_task(
        serve_async(
            settings_in(tmp_path),
            serving(),
            only=Upstream(name="none", url="http://127.0.0.1:9/mcp"),
            tls=Tls(certfile=str(file)),
            on_ready=on_ready,
            stop=stop,
        )
    )
    with anyio.fail_after(10):
        await ready.wait()
    async with aiohttp.ClientSession() as http:
        context = ssl.create_default_context(cafile=str(file))
        async with http.post(urls[0], data=b"{}", ssl=context) as response:
            assert urls[0].startswith("https://")
            assert response.status == 502
    stop.set()
    await running


async def test_a_certificate_that_cannot_be_used_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="certificate"):
        await serve_async(settings_in(tmp_path), serving(), tls=Tls(certfile=str(tmp_path / "none.pem")))


async def test_an_address_in_use_is_said_so(tmp_path: Path) -> None:
    with bound("127.0.0.1", 0) as taken:
        with pytest.raises(ConfigurationError, match="cannot listen"):
            await serve_async(settings_in(tmp_path), serving(listen=taken.getsockname()))


async def test_others_are_not_let_in_without_a_token(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="Anyone"):
        await serve_async(settings_in(tmp_path), serving(listen=("0.0.0.0", 0)))


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
async def test_a_signal_ends_it_well(name: str, tmp_path: Path) -> None:
    code = """
import sys
from pathlib import Path
from tests.gateway.http.places import settings_in
from tests.gateway.http.test_serving import serving
from upcall.gateway.http.serving import serve
from upcall.gateway.settings import Upstream
only = Upstream(name="none", url="http://127.0.0.1:9/mcp")
sys.exit(serve(settings_in(Path(sys.argv[1])), serving(), only=only, on_ready=lambda urls: print(*urls, flush=True)))
"""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, str(tmp_path), cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    with anyio.fail_after(20):
        assert (await process.stdout.readline()).startswith(b"http://127.0.0.1:")
        process.send_signal(signal.Signals[name])
        assert await process.wait() == 0


async def test_nothing_is_read_ahead_of_a_client_that_does_not_read(tmp_path: Path) -> None:
    event = b'data: {"jsonrpc":"2.0","method":"notifications/message","params":{"data":"' + b"x" * 60_000 + b'"}}\n\n'
    sent = [0]

    async def flood(asked: Asked) -> None:
        start = {"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]}
        await asked.send(start)
        for _ in range(2000):
            await asked.send({"type": "http.response.body", "body": event, "more_body": True})
            sent[0] += len(event)
            if asked.gone.is_set():
                return

    async with recorder(flood) as server, gateway(settings_in(tmp_path), server.url) as it:
        host, port = it.listener.address.removeprefix("http://").split(":")
        _, writer = await asyncio.open_connection(host, int(port), limit=1000)
        writer.write(b"POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}")
        await until(lambda: sent[0])
        before = 0
        with anyio.fail_after(20):
            while before != sent[0]:
                before = sent[0]
                await asyncio.sleep(0.3)
        assert before < 40 * len(event) * 10
        writer.transport.abort()
        with anyio.fail_after(10):
            await server.asked[0].gone.wait()
