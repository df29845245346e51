"""What the HTTP client takes for an answer, from servers that say exactly these bytes."""

from __future__ import annotations

import asyncio
import gzip

import pytest

from tests.gateway.http.client.playing import OK, Peer, always, served
from upcall.errors import ServerUnavailable
from upcall.gateway.http.client.connection import HEAD_BYTES
from upcall.gateway.http.client.upstream import Upstream

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("pieces", "body"),
    [
        ([b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"2\r\nhi\r\n3\r\n yo\r\n0\r\n\r\n"], b"hi yo"),
        ([b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nX-Trailer: t\r\n\r\n"], b"hi"),
        ([b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n", OK], b"hi"),
        ([bytes([one]) for one in OK], b"hi"),
        ([b"HTTP/1.1 200\r\ncontent-length:2\r\nX-Empty:\r\n\r\nhi"], b"hi"),
        ([b"HTTP/1.1 204 No Content\r\n\r\n"], b""),
        ([b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n"], b""),
    ],
)
async def test_a_body_ends_where_http_says_and_the_connection_goes_on(pieces: list[bytes], body: bytes) -> None:
    async with served(always(*pieces)) as (upstream, server):
        for _ in range(3):
            async with await upstream.request("GET") as reply:
                assert await reply.read(100) == body
                assert b"link" not in dict(reply.headers)
        assert server.connections == 1


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhi",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\nzz\r\n",
    ],
)
async def test_a_body_that_breaks_off_is_given_as_far_as_it_came_and_then_the_break(answer: bytes) -> None:
    async with served(always(answer, close=True)) as (upstream, _):
        async with await upstream.request("GET") as reply:
            assert await reply.chunk() == b"hi"
            with pytest.raises(ServerUnavailable, match="broke off"):
                await reply.chunk()


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nhi",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\nhi",
        b"HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\nhi",
        b"HTTP/1.1 200 OK\r\nX Y: z\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nraw",
        b"HTTP/1.1 099 Low\r\n\r\n",
        b"HTTP/1.1 600 High\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * HEAD_BYTES,
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * HEAD_BYTES * 4,
        b"HTTP/1.1 100 Continue\r\nX: y\r\n\r\n" * HEAD_BYTES,
        b"HTTP/1.1 200 OK\r\n",
    ],
)
async def test_what_is_no_answer_in_http_is_an_error_and_ends_the_connection(answer: bytes) -> None:
    closed = asyncio.Event()

    async def play(peer: Peer) -> None:
        await peer.head()
        try:
            await peer.say(answer)
            if answer.endswith(b"OK\r\n"):
                peer.writer.close()
            await peer.gone()
        finally:
            closed.set()

    async with served(play) as (upstream, _):
        with pytest.raises(ServerUnavailable, match="did not answer in HTTP"):
            await upstream.request("POST", [], b"{}")
        await closed.wait()


async def test_trailers_without_an_end_are_not_kept() -> None:
    async def play(peer: Peer) -> None:
        await peer.head()
        await peer.say(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nX: ")
        while True:
            await peer.say(b"y" * 4096)

    async with served(play) as (upstream, _):
        async with await upstream.request("GET") as reply:
            with pytest.raises(ServerUnavailable, match="broke off"):
                await reply.read(10)


async def test_a_body_that_nobody_takes_is_not_read() -> None:
    sent = 0
    stuck = asyncio.Event()

    async def play(peer: Peer) -> None:
        nonlocal sent
        await peer.head()
        await peer.say(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (64 << 20))
        peer.writer.transport.set_write_buffer_limits(high=1 << 16)
        while sent < 64 << 20:
            peer.writer.write(b"x" * (1 << 16))
            sent += 1 << 16
            try:
                async with asyncio.timeout(None if stuck.is_set() else 0.5):
                    await peer.writer.drain()
            except TimeoutError:
                stuck.set()
                await peer.writer.drain()

    async with served(play) as (upstream, _):
        async with await upstream.request("GET") as reply:
            await stuck.wait()
            before = sent
            assert before < 32 << 20
            assert len(await reply.read(64 << 20)) == 64 << 20


async def test_a_body_is_not_unpacked() -> None:
    packed = gzip.compress(b"hi")
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(packed)
    async with served(always(head + packed)) as (upstream, _):
        async with await upstream.request("GET") as reply:
            assert (reply.is_plain, await reply.read(100)) == (False, packed)


async def test_an_answer_that_is_too_long_is_an_error() -> None:
    async with served(always(OK)) as (upstream, _):
        async with await upstream.request("GET") as reply:
            with pytest.raises(ServerUnavailable, match="too long"):
                await reply.read(1)


async def test_nobody_there_is_an_error_without_the_address() -> None:
    upstream = Upstream("http://user:word@127.0.0.1:9/mcp?key=a-secret", connect_seconds=5)
    with pytest.raises(ServerUnavailable) as caught:
        await upstream.request("GET")
    assert "secret" not in f"{caught.value} {caught.value.detail} {upstream.url}"
    assert "word" not in f"{caught.value} {caught.value.detail} {upstream.url}"
