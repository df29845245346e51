"""Which connection an HTTP client's request goes out on, and what becomes of it."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import ssl
import weakref
from contextlib import suppress
from pathlib import Path

import pytest

from tests.gateway.http.certificates import certificate
from tests.gateway.http.client.playing import OK, Peer, Server, always, served
from tests.waiting import until
from upcall.errors import ServerUnavailable
from upcall.gateway.http.client.upstream import Upstream

pytestmark = pytest.mark.anyio


async def test_one_connection_serves_one_request_after_the_other() -> None:
    async with served(always(OK)) as (upstream, server):
        for _ in range(5):
            async with await upstream.request("GET") as reply:
                assert (reply.status, await reply.read(10)) == (200, b"hi")
        assert server.connections == 1


async def test_requests_at_once_never_get_one_anothers_answers() -> None:
    async def echo(peer: Peer) -> None:
        while head := await peer.head():
            await asyncio.sleep(0)
            value = next(line for line in head.split(b"\r\n") if line.startswith(b"x-n: "))[5:]
            await peer.say(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(value), value))

    async with served(echo) as (upstream, server):

        async def ask(lane: int) -> None:
            for turn in range(40):
                wanted = b"%d-%d" % (lane, turn)
                async with await upstream.request("GET", [(b"x-n", wanted)]) as reply:
                    assert await reply.read(100) == wanted

        await asyncio.gather(*(ask(lane) for lane in range(30)))
        assert server.connections <= 30


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\n\r\nuntil the end",
        b"HTTP/1.0 200 OK\r\nContent-Length: 13\r\n\r\nuntil the end",
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 13\r\n\r\nuntil the end",
    ],
)
async def test_a_connection_that_is_to_be_closed_is_not_used_again(answer: bytes) -> None:
    async with served(always(answer, close=True)) as (upstream, server):
        for count in (1, 2):
            async with await upstream.request("GET") as reply:
                assert await reply.read(100) == b"until the end"
            assert server.connections == count


async def test_what_is_said_without_a_question_is_not_the_next_answer() -> None:
    async def play(peer: Peer) -> None:
        await peer.head()
        await peer.say(OK + b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged")
        await peer.gone()

    async with served(play) as (upstream, server):
        for _ in range(3):
            async with await upstream.request("GET") as reply:
                assert await reply.read(10) == b"hi"
        assert server.connections == 3


async def test_what_is_said_later_without_a_question_is_not_the_next_answer_either() -> None:
    said = asyncio.Event()
    read = asyncio.Event()

    async def play(peer: Peer) -> None:
        await peer.head()
        await peer.say(OK)
        await read.wait()
        await peer.say(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged")
        await peer.gone()
        said.set()

    async with served(play) as (upstream, server):
        for count in (1, 2):
            async with await upstream.request("GET") as reply:
                assert await reply.read(10) == b"hi"
            read.set()
            await said.wait()
            assert server.connections == count


async def test_a_kept_connection_that_was_closed_meanwhile_costs_a_get_nothing_and_a_post_is_not_sent_twice() -> None:
    asked: list[bytes] = []

    async def play(peer: Peer) -> None:
        asked.append((await peer.head())[:4])
        await peer.say(OK)
        asked.append((await peer.head())[:4])  # and hangs up without an answer

    async with served(play) as (upstream, server):
        for method in ("GET", "GET", "GET"):
            async with await upstream.request(method) as reply:
                await reply.read(10)
        assert (asked, server.connections) == ([b"GET "] * 5, 3)
        with pytest.raises(ServerUnavailable):
            await upstream.request("POST", [], b"{}")
        assert asked[5:] == [b"POST"]


async def test_a_connection_is_not_kept_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("upcall.gateway.http.client.upstream.KEEP_SECONDS", 0.05)
    gone = asyncio.Event()

    async def play(peer: Peer) -> None:
        await peer.head()
        await peer.say(OK)
        await peer.gone()
        gone.set()

    async with served(play) as (upstream, _):
        async with await upstream.request("GET") as reply:
            await reply.read(10)
        await gone.wait()


async def test_giving_up_while_the_server_thinks_closes_the_connection() -> None:
    asked, gone = asyncio.Event(), asyncio.Event()

    async def play(peer: Peer) -> None:
        await peer.head()
        asked.set()
        await peer.gone()
        gone.set()

    async with served(play) as (upstream, _):
        task = asyncio.create_task(upstream.request("GET"))
        await asked.wait()
        task.cancel()
        await gone.wait()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_giving_up_at_any_moment_of_connecting_loses_no_socket() -> None:
    async with served(always(OK)) as (upstream, _):
        for steps in range(40):
            task = asyncio.create_task(upstream.request("GET"))
            for _ in range(steps):
                await asyncio.sleep(0)
            task.cancel()
            with suppress(asyncio.CancelledError):
                async with await task:
                    pass
    gc.collect()  # says so of each that nobody has closed


async def test_a_reply_that_is_left_early_takes_its_connection_with_it() -> None:
    gone = asyncio.Event()

    async def play(peer: Peer) -> None:
        await peer.head()
        await peer.say(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n")
        await peer.gone()
        gone.set()

    async with served(play) as (upstream, _):
        async with await upstream.request("GET") as reply:
            assert await reply.chunk() == b"hi"
        await gone.wait()
        with pytest.raises(ServerUnavailable):
            await reply.chunk()


async def test_a_connection_holds_nothing_of_the_request_that_it_was_made_for() -> None:
    class Thing:
        pass

    about: contextvars.ContextVar[Thing] = contextvars.ContextVar("about")

    async with served(always(OK)) as (upstream, server):

        async def ask() -> weakref.ref[Thing]:
            thing = Thing()
            about.set(thing)
            async with await upstream.request("GET") as reply:
                await reply.read(10)
            return weakref.ref(thing)

        held = await asyncio.create_task(ask())
        await asyncio.sleep(0)  # what wakes us holds the task
        gc.collect()
        assert held() is None
        async with await upstream.request("GET") as reply:  # it is still open
            await reply.read(10)
        assert server.connections == 1


async def test_connecting_has_a_deadline() -> None:
    async def play(peer: Peer) -> None:  # TCP answers, TLS never does
        await peer.gone()

    async with served(play) as (upstream, _):
        slow = Upstream(upstream.url.replace("http:", "https:"), connect_seconds=0.2)
        with pytest.raises(ServerUnavailable):
            await slow.request("GET")
        assert not slow._open


async def test_tls_is_spoken_with_those_whose_certificate_is_good(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = certificate(tmp_path)
    theirs = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    theirs.load_cert_chain(file)

    async def play(peer: Peer) -> None:
        while await peer.head():
            await peer.reader.readexactly(300_000)
            await peer.say(OK)

    server = Server(play)
    listening = await asyncio.start_server(server, "127.0.0.1", 0, ssl=theirs)
    url = f"https://127.0.0.1:{listening.sockets[0].getsockname()[1]}/mcp"
    stranger = Upstream(url)
    with pytest.raises(ServerUnavailable) as caught:
        await stranger.request("GET")
    assert "certificate" in str(caught.value.detail).lower()
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    friend = Upstream(url)
    for _ in range(2):
        async with await friend.request("POST", [], b"x" * 300_000) as reply:
            assert await reply.read(10) == b"hi"
    assert server.connections == 1
    await friend.aclose()
    await until(lambda: not getattr(listening, "_active_count", 0))  # the stranger's, too
    listening.close()
