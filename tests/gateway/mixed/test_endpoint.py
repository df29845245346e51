"""The hosted endpoint's HTTP, request by request: statuses, sessions, streams."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import anyio
import pytest

from tests.gateway.mixed.places import hosted
from tests.waiting import until
from upcall.gateway.http.children.hosting import Hosting

pytestmark = pytest.mark.anyio

# Answers each request with its params; reports first when asked to; says what it was told besides, on request.
ECHO = """
import json, os, sys, time
told = []
def say(message): print(json.dumps({"jsonrpc": "2.0", **message}), flush=True)
for line in sys.stdin:
    message = json.loads(line)
    if "id" not in message or "method" not in message:
        told.append(message)
        continue
    params = message.get("params") or {}
    if message["method"] == "initialize":
        if params.get("bad"):
            say({"id": message["id"], "error": {"code": -32602, "message": "bad"}})
        else:
            say({"id": message["id"], "result": {"protocolVersion": "2025-11-25"}})
    elif message["method"] == "told":
        say({"id": message["id"], "result": {"told": told, "pid": os.getpid()}})
    elif message["method"] == "silent":
        say({"method": "notifications/message", "params": {"data": "begun"}}) if params.get("log") else None
    elif message["method"] == "later":
        say({"method": "notifications/message", "params": {"data": 1}})
        time.sleep(0.3)
        say({"method": "notifications/message", "params": {"data": 2}})
        say({"id": message["id"], "result": {}})
    elif message["method"] == "change":
        say({"method": "notifications/tools/list_changed"})
        say({"id": message["id"], "result": {}})
    elif message["method"] == "unknown":
        say({"id": message["id"], "error": {"code": -32601, "message": "no such method"}})
    elif message["method"] == "big":
        for _ in range(params["count"]):
            say({"method": "notifications/message", "params": {"data": "x" * 100000}})
        say({"id": message["id"], "result": {}})
    elif message["method"] == "exit":
        sys.exit(7)
    else:
        say({"id": message["id"], "result": params})
"""
# Answers nothing, and writes down what it hears.
HEARS = """
import sys
with open(sys.argv[1], "a", 1) as file:
    for line in sys.stdin:
        file.write(line)
    file.write("end")
"""
BOTH = {"Accept": "application/json, text/event-stream", "Content-Type": "application/json"}
META = {"io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {}}


def request(method: str, id: Any = 1, **params: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": id, "method": method, "params": params}


class Web:
    """A client that says exactly what a test says."""

    def __init__(self, url: str, http: aiohttp.ClientSession, hosting: Hosting) -> None:
        self.url, self.http, self.hosting = url, http, hosting

    async def post(self, message: Any, **headers: str) -> tuple[int, Any]:
        data = message if isinstance(message, bytes) else json.dumps(message).encode()
        named = {**BOTH, **{name.replace("_", "-"): value for name, value in headers.items()}}
        async with self.http.post(self.url, data=data, headers=named) as response:
            body = await response.read()
            if response.content_type == "text/event-stream":
                return response.status, events(body)
            return response.status, json.loads(body) if body else None

    async def begin(self, **headers: str) -> str:
        named = {**BOTH, **headers}
        async with self.http.post(self.url, json=request("initialize"), headers=named) as response:
            assert response.status == 200, await response.text()
            return response.headers["Mcp-Session-Id"]

    async def modern(self, method: str, id: Any = 1, **params: Any) -> tuple[int, Any]:
        message = request(method, id, _meta=META, **params)
        return await self.post(message, MCP_Protocol_Version="2026-07-28", Mcp_Method=method)


def events(body: bytes) -> list[tuple[str, Any]]:
    found = []
    for block in body.decode().split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if line and not line.startswith(":"))
        if "data" in fields:
            found.append((fields.get("id", ""), json.loads(fields["data"])))
    return found


@asynccontextmanager
async def web(folder: Path, **options: Any) -> AsyncIterator[Web]:
    argv = options.pop("argv", [sys.executable, "-c", ECHO])
    async with hosted(folder, argv=argv, **options) as (url, hosting), aiohttp.ClientSession() as http:
        yield Web(url, http, hosting)


async def test_a_session_is_named_by_initialize_and_ended_by_delete(tmp_path: Path) -> None:
    async with web(tmp_path) as client:
        session = await client.begin()
        assert len(session) >= 32
        assert await client.post(request("echo", x=1), Mcp_Session_Id=session) == (
            200,
            {"jsonrpc": "2.0", "id": 1, "result": {"x": 1}},
        )
        note = {"jsonrpc": "2.0", "method": "notifications/initialized"}
        assert await client.post(note, Mcp_Session_Id=session) == (202, None)
        _, got = await client.post(request("told"), Mcp_Session_Id=session)
        assert got["result"]["told"] == [note]
        async with client.http.delete(client.url, headers={"Mcp-Session-Id": session}) as response:
            assert response.status == 204
        assert (await client.post(request("echo"), Mcp_Session_Id=session))[0] == 404
        await until(lambda: not Path(f"/proc/{got['result']['pid']}").exists())


async def test_what_is_no_request_of_a_session_is_refused(tmp_path: Path) -> None:
    async with web(tmp_path) as client:
        session = await client.begin()
        assert (await client.post(request("echo")))[0] == 400
        assert (await client.post(request("echo"), Mcp_Session_Id="other"))[0] == 404
        assert (await client.post(b"{", Mcp_Session_Id=session))[0] == 400
        assert (await client.post(b"[]", Mcp_Session_Id=session))[0] == 400
        assert (await client.post(b'{"id":{},"method":"x"}', Mcp_Session_Id=session))[0] == 400
        assert (await client.post(request("echo"), Mcp_Session_Id=session, MCP_Protocol_Version="1999-01-01"))[0] == 400
        assert (await client.post(request("echo"), Mcp_Session_Id=session, Accept="application/json"))[0] == 406
        assert (await client.post(request("echo"), Mcp_Session_Id=session, Content_Type="text/plain"))[0] == 415
        async with client.http.put(client.url, data=b"") as response:
            assert response.status == 405


async def test_a_server_that_will_not_be_initialized_leaves_no_session(tmp_path: Path) -> None:
    async with web(tmp_path) as client:
        async with client.http.post(client.url, json=request("initialize", bad=True), headers=BOTH) as response:
            assert (await response.json())["error"]["message"] == "bad"
            session = response.headers["Mcp-Session-Id"]
        assert (await client.post(request("echo"), Mcp_Session_Id=session))[0] == 404


async def test_a_session_belongs_to_the_principal_that_began_it(tmp_path: Path) -> None:
    async with web(tmp_path, tokens={"ann": "token-of-ann-1234", "bob": "token-of-bob-1234"}) as client:
        ann, bob = {"Authorization": "Bearer token-of-ann-1234"}, {"Authorization": "Bearer token-of-bob-1234"}
        session = await client.begin(**ann)
        assert (await client.post(request("echo"), Mcp_Session_Id=session, **bob))[0] == 404
        assert (await client.post(request("echo"), Mcp_Session_Id=session, **ann))[0] == 200
        headers = {"MCP_Protocol_Version": "2026-07-28", "Mcp_Method": "told"}
        pids = [
            (await client.post(request("told", _meta=META), **headers, **who))[1]["result"]["pid"]
            for who in (ann, bob, ann)
        ]
        assert pids[0] == pids[2] != pids[1]


async def test_what_comes_before_the_answer_makes_it_a_stream_that_can_be_resumed(tmp_path: Path) -> None:
    async with web(tmp_path) as client:
        session = await client.begin()
        status, got = await client.post(request("later"), Mcp_Session_Id=session)
        assert status == 200
        assert [message.get("params", {}).get("data") for _, message in got] == [1, 2, None]
        first = got[0][0]
        headers = {"Accept": "text/event-stream", "Mcp-Session-Id": session, "Last-Event-ID": first}
        async with client.http.get(client.url, headers=headers) as response:
            assert events(await response.read()) == got[1:]
        headers["Last-Event-ID"] = "77-1"
        async with client.http.get(client.url, headers=headers) as response:
            assert response.status == 400


async def test_a_client_that_breaks_off_comes_back_for_the_answer(tmp_path: Path) -> None:
    async with web(tmp_path) as client:
        session = await client.begin()
        headers = {**BOTH, "Mcp-Session-Id": session}
        async with client.http.post(client.url, json=request("later"), headers=headers) as response:
            ((event, _),) = events(await response.content.readuntil(b"\n\n"))
        headers = {"Accept": "text/event-stream", "Mcp-Session-Id": session, "Last-Event-ID": event}
        async with client.http.get(client.url, headers=headers) as response:
            got = events(await response.read())
        assert [message.get("params", {}).get("data", "answer") for _, message in got] == [2, "answer"]
        _, told = await client.post(request("told"), Mcp_Session_Id=session)
        assert told["result"]["told"] == []


async def test_a_client_that_breaks_off_before_any_event_cancels(tmp_path: Path) -> None:
    async with web(tmp_path) as client:
        session = await client.begin()
        with anyio.move_on_after(0.2):  # and the connection closes
            await client.post(request("silent", id="s"), Mcp_Session_Id=session)
        told: list[Any] = []
        with anyio.fail_after(10):
            while not told:
                told = (await client.post(request("told"), Mcp_Session_Id=session))[1]["result"]["told"]
        assert told[0]["method"] == "notifications/cancelled"
        assert told[0]["params"]["requestId"] == "s"


async def test_a_client_that_breaks_off_initialize_cancels_nothing(tmp_path: Path) -> None:
    heard = tmp_path / "heard"
    async with web(tmp_path, argv=[sys.executable, "-c", HEARS, str(heard)]) as client:
        posting = asyncio.create_task(client.post(request("initialize")))
        await until(lambda: heard.exists() and heard.read_text())
        posting.cancel()  # and the connection closes
        await until(lambda: heard.read_text().endswith("end"))
    (line, _) = heard.read_text().splitlines()
    assert json.loads(line)["method"] == "initialize"


async def test_there_is_no_initialize_on_the_modern_era(tmp_path: Path) -> None:
    async with web(tmp_path) as client:
        status, body = await client.modern("initialize", id="i")
        assert (status, body["id"], body["error"]["code"]) == (404, "i", -32601)


async def test_the_standalone_stream_carries_what_belongs_to_no_request(tmp_path: Path) -> None:
    async with web(tmp_path) as client:
        session = await client.begin()
        headers = {"Accept": "text/event-stream", "Mcp-Session-Id": session}
        async with client.http.get(client.url, headers=headers) as response:
            assert await response.content.readuntil(b"\n\n") == b": open\n\n"
            assert (await client.post(request("change"), Mcp_Session_Id=session))[1]["result"] == {}
            ((_, got),) = events(await response.content.readuntil(b"\n\n"))
            assert got["method"] == "notifications/tools/list_changed"


async def test_an_id_that_waits_for_its_answer_cannot_be_used_again(tmp_path: Path) -> None:
    async with web(tmp_path) as client:
        session = await client.begin()
        headers = {**BOTH, "Mcp-Session-Id": session}
        async with client.http.post(client.url, json=request("silent", log=True), headers=headers) as response:
            await response.content.readuntil(b"\n\n")
            assert (await client.post(request("echo"), Mcp_Session_Id=session))[0] == 400
            assert (await client.post(request("echo", id="1"), Mcp_Session_Id=session))[0] == 200


async def test_a_session_that_nobody_uses_ends(tmp_path: Path) -> None:
    async with web(tmp_path, idle_seconds=0.2) as client:
        session = await client.begin()
        pid = (await client.post(request("told"), Mcp_Session_Id=session))[1]["result"]["pid"]
        await until(lambda: not Path(f"/proc/{pid}").exists())
        assert (await client.post(request("echo"), Mcp_Session_Id=session))[0] == 404


async def test_there_are_never_more_processes_than_allowed(tmp_path: Path) -> None:
    async with web(tmp_path, processes=2) as client:
        await client.begin()
        session = await client.begin()
        status, got = await client.post(request("initialize", id="i"))
        assert (status, got["id"]) == (503, "i")
        async with client.http.delete(client.url, headers={"Mcp-Session-Id": session}) as response:
            assert response.status == 204
        with anyio.fail_after(10):
            while (await client.modern("echo"))[0] != 200:
                pass


async def test_a_program_that_does_not_exist_is_said_without_its_name(tmp_path: Path) -> None:
    async with web(tmp_path, argv=["/no/such/program"]) as client:
        for status, got in (await client.post(request("initialize")), await client.modern("echo")):
            assert status == 502
            assert got["error"]["message"] == "The server cannot be started."


async def test_a_server_that_ends_answers_with_an_error_and_its_session_is_gone(tmp_path: Path) -> None:
    async with web(tmp_path) as client:
        session = await client.begin()
        _, got = await client.post(request("exit"), Mcp_Session_Id=session)
        assert "exit code 7" in got["error"]["message"]
        assert (await client.post(request("echo"), Mcp_Session_Id=session))[0] == 404
        assert "exit code 7" in (await client.modern("exit"))[1]["error"]["message"]
        assert (await client.modern("echo"))[0] == 200


async def test_headers_of_2026_07_28_are_held_against_the_body(tmp_path: Path) -> None:
    async with web(tmp_path) as client:
        good = {"MCP_Protocol_Version": "2026-07-28", "Mcp_Method": "echo"}
        message = request("echo", "m", _meta=META)
        assert (await client.post(message, **good))[0] == 200
        for bad in ({"Mcp_Method": "other"}, {"MCP_Protocol_Version": "2025-11-25"}):
            status, got = await client.post(message, **{**good, **bad})
            assert (status, got["error"]["code"], got["id"]) == (400, -32020, "m")
        status, got = await client.post(message)
        assert (status, got["error"]["code"]) == (400, -32020)
        status, got = await client.post(request("echo"), **good)
        assert (status, got["error"]["code"]) == (400, -32602)
        assert (await client.post([message], **good))[0] == 400
        begin = {**good, "Mcp_Method": "initialize", "Mcp_Session_Id": "x"}
        assert (await client.post(request("initialize", _meta=META), **begin))[0] == 404
        assert (await client.post({"jsonrpc": "2.0", "id": 1, "result": {}}, **good))[0] == 400
        assert await client.post({"jsonrpc": "2.0", "method": "notifications/cancelled"}, **good) == (202, None)
        async with client.http.get(client.url, headers={"MCP-Protocol-Version": "2026-07-28"}) as response:
            assert (response.status, response.headers["Allow"]) == (405, "POST")


async def test_an_error_of_2026_07_28_has_its_status(tmp_path: Path) -> None:
    async with web(tmp_path) as client:
        status, got = await client.modern("unknown", "u")
        assert (status, got["id"], got["error"]["code"]) == (404, "u", -32601)


async def test_a_slow_reader_holds_its_server_up_and_loses_nothing(tmp_path: Path) -> None:
    async with web(tmp_path) as client:
        session = await client.begin()
        headers = {**BOTH, "Mcp-Session-Id": session}
        async with client.http.post(client.url, json=request("big", count=300), headers=headers) as response:
            got = events(await response.read())
        assert len(got) == 301
