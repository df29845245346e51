"""A server behind HTTP as frames: what goes out, and what a client hears when HTTP goes wrong."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest

from tests.gateway.mixed.places import listening
from tests.waiting import until
from upcall.gateway.http.bridge.link import Position
from upcall.gateway.http.bridge.remote import Remote
from upcall.gateway.http.client.upstream import Upstream

pytestmark = pytest.mark.anyio

META = {"io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {}}
EVENTS = [(b"content-type", b"text/event-stream")]


def request(method: str, id: Any = 1, **params: Any) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": id, "method": method, "params": params}).encode()


def note(method: str, **params: Any) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "method": method, "params": params}).encode()


def event(message: Any, id: str = "") -> bytes:
    return (f"id: {id}\n" if id else "").encode() + b"data: " + json.dumps(message).encode() + b"\n\n"


class Call:
    """One HTTP request, to be answered."""

    def __init__(self, scope: Any, body: bytes, receive: Any, send: Any) -> None:
        self.method, self.body, self.receive, self._send = scope["method"], body, receive, send
        self.headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        self.message: Any = json.loads(body) if body else None

    async def start(self, status: int, headers: list[tuple[bytes, bytes]]) -> None:
        await self._send({"type": "http.response.start", "status": status, "headers": headers})

    async def write(self, body: bytes, more: bool = True) -> None:
        await self._send({"type": "http.response.body", "body": body, "more_body": more})

    async def json(self, status: int, message: Any, **headers: str) -> None:
        named = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
        await self.start(status, [(b"content-type", b"application/json"), *named])
        await self.write(json.dumps(message).encode() if message is not None else b"", more=False)

    async def result(self, **headers: str) -> None:
        await self.json(
            200, {"jsonrpc": "2.0", "id": self.message["id"], "result": {"protocolVersion": "2025-11-25"}}, **headers
        )


Answer = Callable[[Call], Awaitable[None]]


class There:
    """A server that does what the test says, and the remote that talks to it."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.got: list[Any] = []
        self.remote: Remote

    async def hears(self, count: int = 1) -> list[Any]:
        await until(lambda: len(self.got) >= count)
        return self.got

    async def begin(self) -> None:
        self.remote.send(request("initialize", "i"))
        await self.hears()
        self.got.clear()


@asynccontextmanager
async def there(answer: Answer, headers: dict[str, str] | None = None) -> AsyncIterator[There]:
    here = There()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        body, more = b"", True
        while more:
            part = await receive()
            body, more = body + part.get("body", b""), part.get("more_body", False)
        call = Call(scope, body, receive, send)
        here.calls.append(call)
        if isinstance(call.message, dict) and call.message.get("method") == "initialize":
            await call.result(mcp_session_id="the-session")
        elif call.method == "DELETE":
            await call.json(204, None)
        else:
            await answer(call)

    async with listening(app) as address:
        here.remote = Remote(
            Upstream(f"{address}/mcp", headers=headers), lambda frame, _: here.got.append(json.loads(frame))
        )
        try:
            yield here
        finally:
            with anyio.fail_after(10):
                await here.remote.aclose()


async def test_a_legacy_session_is_named_in_every_request_and_ended_by_delete() -> None:
    async def answer(call: Call) -> None:
        if call.method == "GET":
            await call.start(200, EVENTS)
            await call.write(event({"jsonrpc": "2.0", "method": "notifications/tools/list_changed"}))
            await call.receive()
        else:
            await (call.result() if call.message and "id" in call.message else call.json(202, None))

    async with there(answer, {"Authorization": "Bearer secret"}) as here:
        await here.begin()
        here.remote.send(note("notifications/initialized"))
        await here.hears()
        assert here.got.pop()["method"] == "notifications/tools/list_changed"
        here.remote.send(request("tools/list", 2))
        assert (await here.hears())[0]["id"] == 2
    assert [call.method for call in here.calls] == ["POST", "POST", "GET", "POST", "DELETE"]
    assert "mcp-session-id" not in here.calls[0].headers
    for call in here.calls[1:]:
        assert call.headers["mcp-session-id"] == "the-session"
        assert call.headers["mcp-protocol-version"] == "2025-11-25"
        assert "mcp-method" not in call.headers
    assert {call.headers["authorization"] for call in here.calls} == {"Bearer secret"}


async def test_a_server_without_a_standalone_stream_is_fine() -> None:
    async def answer(call: Call) -> None:
        if call.method == "GET":
            await call.json(405, None)
        else:
            await (call.result() if call.message and "id" in call.message else call.json(202, None))

    async with there(answer) as here:
        await here.begin()
        here.remote.send(note("notifications/initialized"))
        await until(lambda: len(here.calls) == 3)
        here.remote.send(request("ping", 2))
        assert "result" in (await here.hears())[0]


@pytest.mark.parametrize(
    ("status", "said"),
    [(401, "--header-env"), (403, "--header-env"), (307, "redirect"), (202, "will not answer"), (500, "500")],
)
@pytest.mark.parametrize("meta", [{}, {"_meta": META}])
async def test_a_status_becomes_an_error_that_says_what_to_do(status: int, said: str, meta: Any) -> None:
    async def answer(call: Call) -> None:
        await call.json(status, None, location="http://elsewhere/")

    async with there(answer) as here:
        here.remote.send(request("tools/list", "x", **meta))
        (got,) = await here.hears()
        assert got["id"] == "x"
        assert said in got["error"]["message"]
    assert len([call for call in here.calls if call.method == "POST"]) == 1


async def test_the_servers_own_error_passes_whatever_its_status_and_gets_the_id_it_lacks() -> None:
    async def answer(call: Call) -> None:
        await call.json(404, {"jsonrpc": "2.0", "id": None, "error": {"code": -32601, "message": "what?"}})

    async with there(answer) as here:
        here.remote.send(request("unknown", "x", _meta=META))
        assert await here.hears() == [{"jsonrpc": "2.0", "id": "x", "error": {"code": -32601, "message": "what?"}}]


async def test_a_session_that_the_server_has_forgotten_ends_everything_in_it() -> None:
    async def answer(call: Call) -> None:
        if call.method == "POST" and call.message["method"] == "waits":
            await call.receive()
        else:
            await call.json(404, None)

    async with there(answer) as here:
        await here.begin()
        here.remote.send(request("waits", 1))
        await until(lambda: len(here.calls) == 2)
        here.remote.send(request("tools/list", 2))
        got = await here.hears(2)
        assert {one["id"] for one in got} == {1, 2}
        assert all("initialize again" in one["error"]["message"] for one in got)
        await here.begin()


async def test_a_server_that_is_not_there_is_an_error_for_each_request() -> None:
    got: list[Any] = []
    remote = Remote(Upstream("http://127.0.0.1:9/mcp"), lambda frame, _: got.append(json.loads(frame)))
    remote.send(request("initialize", 1))
    remote.send(note("notifications/initialized"))
    remote.send(request("ping", 2))
    await until(lambda: len(got) == 2)
    assert [one["id"] for one in got] == [1, 2]
    assert all("cannot be reached" in one["error"]["message"] for one in got)
    await remote.aclose()


async def test_a_broken_legacy_stream_is_taken_up_where_it_broke() -> None:
    async def answer(call: Call) -> None:
        await call.start(200, EVENTS)
        if call.method == "POST":
            await call.write(b"retry: 10\n" + event({"jsonrpc": "2.0", "method": "notifications/message"}, "1-1"))
            await call.write(b"", more=False)
        elif call.headers.get("last-event-id") == "1-1":
            await call.write(event({"jsonrpc": "2.0", "id": 5, "result": {}}, "1-2"), more=False)

    async with there(answer) as here:
        await here.begin()
        here.remote.send(request("tools/call", 5))
        got = await here.hears(2)
        assert [one.get("id") for one in got] == [None, 5]


@pytest.mark.parametrize("meta", [{}, {"_meta": META}])
async def test_a_stream_that_ends_for_good_is_an_error(meta: Any) -> None:
    async def answer(call: Call) -> None:
        await call.start(200, EVENTS)
        await call.write(event({"jsonrpc": "2.0", "method": "notifications/message"}), more=False)

    async with there(answer) as here:
        here.remote.send(request("tools/call", 5, **meta))
        got = await here.hears(2)
        assert (got[1]["id"], got[1]["error"]["code"]) == (5, -32000)


async def test_a_cancellation_closes_the_stream_on_2026_07_28_and_is_not_sent() -> None:
    closed = asyncio.Event()

    async def answer(call: Call) -> None:
        await call.start(200, EVENTS)
        await call.write(b": open\n\n")
        assert (await call.receive())["type"] == "http.disconnect"
        closed.set()

    async with there(answer) as here:
        here.remote.send(request("tools/call", 5, _meta=META, name="add"))
        await until(lambda: here.calls)
        here.remote.send(note("notifications/cancelled", requestId="5"))
        here.remote.send(note("notifications/cancelled", requestId=5))
        with anyio.fail_after(5):
            await closed.wait()
        await until(lambda: not here.remote.under_way)
        assert here.got == []
        assert len(here.calls) == 1
        assert here.calls[0].headers["mcp-method"] == "tools/call"
        assert here.calls[0].headers["mcp-name"] == "add"


async def test_a_cancellation_is_sent_before_2026_07_28() -> None:
    async def answer(call: Call) -> None:
        if call.message and call.message["method"] == "notifications/cancelled":
            await call.json(202, None)
        else:
            await call.receive()

    async with there(answer) as here:
        await here.begin()
        here.remote.send(request("tools/call", 5))
        await until(lambda: len(here.calls) == 2)
        here.remote.send(note("notifications/cancelled", requestId=5))
        await until(lambda: len(here.calls) == 3)
        assert here.calls[2].message["method"] == "notifications/cancelled"


async def test_a_marked_argument_that_nobody_told_us_of_is_learned_when_the_server_misses_it() -> None:
    tool = {"name": "add", "inputSchema": {"properties": {"b": {"type": "integer", "x-mcp-header": "B"}}}}

    async def answer(call: Call) -> None:
        if call.message["method"] == "tools/list":
            await call.json(200, {"jsonrpc": "2.0", "id": call.message["id"], "result": {"tools": [tool]}})
        elif call.headers.get("mcp-param-b") != "2":
            await call.json(400, {"jsonrpc": "2.0", "id": 1, "error": {"code": -32020, "message": "mismatch"}})
        else:
            await call.result()

    async with there(answer) as here:
        for _ in range(2):
            here.remote.send(request("tools/call", 1, _meta=META, name="add", arguments={"b": 2}))
            assert "result" in (await here.hears()).pop()
        assert [call.message["method"] for call in here.calls] == [
            "tools/call",
            "tools/list",
            "tools/call",
            "tools/call",
        ]


async def test_nothing_overtakes_an_initialize() -> None:
    async def answer(call: Call) -> None:
        await (call.result() if "id" in call.message else call.json(202, None))

    async with there(answer) as here:
        for frame in (request("initialize", 1), note("notifications/x"), request("ping", 2)):
            here.remote.send(frame)
        await here.hears(2)
        posts = [call for call in here.calls if call.method == "POST"]
        assert [call.message["method"] for call in posts] == ["initialize", "notifications/x", "ping"]
        assert [call.headers.get("mcp-session-id") for call in posts] == [None, "the-session", "the-session"]


async def test_a_batch_gets_its_answers_or_an_error_for_each_request() -> None:
    async def answer(call: Call) -> None:
        replies = [{"jsonrpc": "2.0", "id": one["id"], "result": {}} for one in call.message if one["id"] != 3]
        await call.json(200, replies)

    async with there(answer) as here:
        here.remote.send(b"[" + b",".join(request("ping", id) for id in (1, 2, 3)) + b"]")
        got = await here.hears(2)
        assert [one["id"] for one in got[0]] == [1, 2]
        assert (got[1]["id"], got[1]["error"]["code"]) == (3, -32000)


@pytest.mark.parametrize(
    ("retry", "seconds"),
    [(b"2500", 2.5), (b"0", 0.1), (b"0" * 5000, 30), (b"9" * 5000, 30), (b"-1", 1), (b"x", 1), (b"", 1)],
)
def test_a_server_can_ask_for_neither_a_storm_nor_an_eternity(retry: bytes, seconds: float) -> None:
    position = Position()
    position.saw(b"1", retry)
    assert (position.last, position.retry) == (b"1", seconds)


def test_an_event_id_that_no_header_could_carry_is_none() -> None:
    position = Position()
    for id in (b"\xc3\xa9", b"a\0b"):
        position.saw(id, None)
    assert position.last == "é".encode()
