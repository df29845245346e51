"""What the HTTP client sends, byte for byte."""

from __future__ import annotations

import asyncio

import pytest

from tests.gateway.http.client.playing import OK, Peer, always, served
from upcall.errors import ServerUnavailable
from upcall.gateway.http.client.upstream import Upstream

pytestmark = pytest.mark.anyio


async def test_a_request_says_what_it_was_given_and_nothing_else() -> None:
    seen: list[bytes] = []

    async def play(peer: Peer) -> None:
        seen.append(await peer.head() + await peer.reader.readexactly(3))
        await peer.say(OK)

    own = {"Authorization": "Bearer k", "X-Both": "ours"}
    async with served(play, "/a b?q=ü&r=%20", headers=own) as (upstream, _):
        given = [(b"accept", b"x\xe9"), (b"x-both", b"theirs")]
        async with await upstream.request("POST", given, b"abc") as reply:
            await reply.read(10)
        port = upstream.url.split(":")[2].split("/")[0]
    assert seen == [
        b"POST /a%20b?q=%C3%BC&r=%20 HTTP/1.1\r\nauthorization: Bearer k\r\nx-both: ours\r\n"
        b"host: 127.0.0.1:" + port.encode() + b"\r\naccept: x\xe9\r\ncontent-length: 3\r\n\r\nabc"
    ]


async def test_a_long_body_is_written_as_the_server_reads_it_and_an_early_answer_ends_that() -> None:
    body = bytes(range(256)) * (1 << 16)  # 16 MiB

    async def whole(peer: Peer) -> None:
        await peer.head()
        assert await peer.reader.readexactly(len(body)) == body
        await peer.say(OK)
        await peer.gone()

    async with served(whole) as (upstream, _):
        async with await upstream.request("POST", [], body) as reply:
            assert await reply.read(10) == b"hi"

    over = asyncio.Event()

    async def early(peer: Peer) -> None:
        await peer.head()
        await peer.say(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
        await over.wait()  # reads nothing more

    async with served(early) as (upstream, server):
        for count in (1, 2):
            async with await upstream.request("POST", [], body) as reply:
                assert (reply.status, await reply.read(10)) == (413, b"")
            assert server.connections == count
        over.set()


@pytest.mark.parametrize("value", [b"a\r\nx-more: b", b"a\nb", b"a\rb", b"a\0b"])
async def test_no_header_can_hold_another(value: bytes) -> None:
    async with served(always(OK)) as (upstream, server):
        with pytest.raises(ServerUnavailable):
            await upstream.request("GET", [(b"x", value)])
        assert server.connections == 0


@pytest.mark.parametrize("headers", [{"a b": "c"}, {"a:": "b"}, {"": "x"}, {"a": "b\r\nc: d"}])
def test_a_header_of_our_own_that_cannot_be_sent_is_refused_at_once(headers: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="header"):
        Upstream("http://localhost/mcp", headers=headers)


async def test_a_redirect_is_an_answer_like_any_other() -> None:
    answer = b"HTTP/1.1 307 Go\r\nLocation: http://127.0.0.1:9/\r\nContent-Length: 0\r\n\r\n"
    async with served(always(answer)) as (upstream, server):
        async with await upstream.request("POST", [], b"{}") as reply:
            assert (reply.status, reply.header(b"location")) == (307, "http://127.0.0.1:9/")
        assert server.connections == 1
