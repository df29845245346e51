"""The HTTP client's end, against servers that say exactly these bytes on real sockets."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import gzip
import ssl
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import anyio
import pytest

from tests.gateway.http.certificates import certificate
from tests.waiting import until
from upcall.errors import ServerUnavailable
from upcall.gateway.http.client.address import Address
from upcall.gateway.http.client.connection import HEAD_BYTES
from upcall.gateway.http.client.upstream import Upstream

pytestmark = pytest.mark.anyio

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"


class Peer:
    """One connection, as the server sees it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def head(self) -> bytes:
        return await self.reader.readuntil(b"\r\n\r\n")

    async def say(self, *pieces: bytes) -> None:
        for piece in pieces:
            self.writer.write(piece)
            await self.writer.drain()

    async def gone(self) -> None:
        """Until the other side has closed it."""
        try:
            while await self.reader.read(1 << 16):
                pass
        except ConnectionError:
            pass


Play = Callable[[Peer], Awaitable[None]]


class Server:
    def __init__(self, play: Play) -> None:
        self.play = play
        self.connections = self.open = 0
        self.failed: list[BaseException] = []

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.open += 1
        try:
            await self.play(Peer(reader, writer))
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        except AssertionError as error:
            self.failed.append(error)
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()
            self.open -= 1


@asynccontextmanager
async def served(play: Play, path: str = "/mcp", **more: object) -> AsyncIterator[tuple[Upstream, Server]]:
    server = Server(play)
    listening = await asyncio.start_server(server, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    upstream = Upstream(f"http://127.0.0.1:{port}{path}", **more)  # type: ignore[arg-type]
    try:
        with anyio.fail_after(20):
            yield upstream, server
    finally:
        await upstream.aclose()
        listening.close()
    assert not server.failed


def always(*pieces: bytes, close: bool = False) -> Play:
    """Says this to every request."""

    async def play(peer: Peer) -> None:
        while True:
            await peer.head()
            await peer.say(*pieces)
            if close:
                return

    return play


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

    async def early(peer: Peer) -> None:
        await peer.head()
        await peer.say(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
        await asyncio.Event().wait()  # reads nothing more

    async with served(early) as (upstream, server):
        for count in (1, 2):
            async with await upstream.request("POST", [], body) as reply:
                assert (reply.status, await reply.read(10)) == (413, b"")
            assert server.connections == count


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


async def test_nobody_there_is_an_error_without_the_address() -> None:
    upstream = Upstream("http://user:word@127.0.0.1:9/mcp?key=a-secret", connect_seconds=5)
    with pytest.raises(ServerUnavailable) as caught:
        await upstream.request("GET")
    assert "secret" not in f"{caught.value} {caught.value.detail} {upstream.url}"
    assert "word" not in f"{caught.value} {caught.value.detail} {upstream.url}"


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
    await until(lambda: not server.open)
    listening.close()


@pytest.mark.parametrize(
    ("url", "host", "port", "authority", "target"),
    [
        ("http://h", "h", 80, b"h", b"/"),
        ("https://H:8443/a%2Fb?x=y#z", "h", 8443, b"h:8443", b"/a%2Fb?x=y"),
        ("http://[::1]:8080/mcp", "::1", 8080, b"[::1]:8080", b"/mcp"),
        ("https://bücher.example/ü", "xn--bcher-kva.example", 443, b"xn--bcher-kva.example", b"/%C3%BC"),
    ],
)
def test_an_address_is_read(url: str, host: str, port: int, authority: bytes, target: bytes) -> None:
    found = Address.of(url)
    assert (found.host, found.port, found.authority, found.target) == (host, port, authority, target)


def test_a_user_and_a_password_become_a_header() -> None:
    assert Address.of("http://a%40b:c@h/").authorization == b"Basic YUBiOmM="


@pytest.mark.parametrize("url", ["", "h:80", "ftp://h/", "http://", "http:///mcp", "http://h:99999/", "http://[::1/"])
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="not the address of an HTTP server"):
        Address.of(url)
