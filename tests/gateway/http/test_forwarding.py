"""What of a request and its answer goes on, byte for byte, and what does not."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import aiohttp
import anyio
import pytest

from tests.gateway.http.places import Thinking, gateway, settings_in
from tests.gateway.http.recording import Asked, recorder, reply
from tests.waiting import until
from upcall.testing import ScriptedModel

pytestmark = pytest.mark.anyio

MODERN = "2026-07-28"
TOKEN = "a-token-of-some-length"


def call(id: Any = 1, **capabilities: Any) -> bytes:
    meta = {
        "io.modelcontextprotocol/protocolVersion": MODERN,
        "io.modelcontextprotocol/clientCapabilities": capabilities,
    }
    params = {"name": "it", "arguments": {}, "_meta": meta}
    return json.dumps({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params}).encode()


HEADERS = {
    "Accept": "application/json, text/event-stream",
    "Content-Type": "application/json",
    "MCP-Protocol-Version": MODERN,
    "Mcp-Method": "tools/call",
    "Mcp-Name": "it",
}
ASKS = {
    "resultType": "input_required",
    "requestState": "theirs",
    "inputRequests": {
        "q": {
            "method": "sampling/createMessage",
            "params": {"messages": [{"role": "user", "content": {"type": "text", "text": "?"}}], "maxTokens": 5},
        }
    },
}


def result(asked: Asked, value: Any) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": asked.json["id"], "result": value}).encode()


async def asks(asked: Asked) -> None:
    await reply(asked, result(asked, ASKS))


async def done(asked: Asked) -> None:
    await reply(asked, result(asked, {"resultType": "complete", "content": []}), x_from="server")


async def test_headers_go_on_but_those_that_were_for_the_gateway(tmp_path: Path) -> None:
    private = {
        "Authorization": f"Bearer {TOKEN}",
        "Cookie": "a=b",
        "X-Forwarded-For": "1.2.3.4",
        "Forwarded": "for=1.2.3.4",
        "Connection": "keep-alive, X-Hop",
        "X-Hop": "1",
    }
    async with recorder(done) as server:
        async with gateway(
            settings_in(tmp_path), server.url, tokens={"ann": TOKEN}, headers={"Authorization": "Bearer theirs"}
        ) as it:
            async with aiohttp.ClientSession() as http:
                more = {**HEADERS, **private, "X-Own": "kept", "traceparent": "00-0"}
                async with http.post(it.url, data=call(), headers=more) as response:
                    assert response.status == 200
                    assert response.headers["x-from"] == "server"
    (asked,) = server.asked
    assert asked.headers["authorization"] == "Bearer theirs"
    assert asked.headers["x-own"] == "kept"
    assert asked.headers["mcp-method"] == "tools/call"
    assert asked.headers["host"] in server.url
    assert not {"cookie", "x-forwarded-for", "forwarded", "x-hop"} & set(asked.headers)


async def test_the_server_is_asked_again_with_the_same_headers_and_the_client_sees_one_answer(tmp_path: Path) -> None:
    async with recorder(asks, done) as server, gateway(settings_in(tmp_path), server.url) as it:
        async with aiohttp.ClientSession() as http, http.post(it.url, data=call(7), headers=HEADERS) as response:
            assert response.headers["content-type"] == "application/json"
            assert (await response.json())["id"] == 7
        first, second = server.asked
        assert second.json["params"]["requestState"] == "theirs"
        assert "q" in second.json["params"]["inputResponses"]
        names = ("mcp-method", "mcp-name", "mcp-protocol-version", "accept", "content-type")
        assert [first.headers[name] for name in names] == [second.headers[name] for name in names]


async def test_a_client_that_waits_for_a_sample_hears_that_it_is_alive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("upcall.gateway.http.proxy.exchange.BEAT", 0.05)
    slow = ScriptedModel("late", delay=0.3, repeat=True)
    async with recorder(asks, done) as server, gateway(settings_in(tmp_path, slow), server.url) as it:
        async with aiohttp.ClientSession() as http, http.post(it.url, data=call(7), headers=HEADERS) as response:
            assert response.headers["content-type"] == "text/event-stream"
            text = (await response.read()).decode()
        assert text.startswith(": ping\n\n")
        assert json.loads(text.rsplit("data: ", 1)[1])["id"] == 7
        server.answers[:] = [asks, done]
        json_only = {**HEADERS, "Accept": "application/json"}
        async with aiohttp.ClientSession() as http, http.post(it.url, data=call(8), headers=json_only) as response:
            assert response.headers["content-type"] == "application/json"
            assert (await response.json())["id"] == 8


async def test_a_client_that_goes_away_stops_the_model(tmp_path: Path) -> None:
    model = Thinking()
    async with recorder(asks) as server, gateway(settings_in(tmp_path, model), server.url) as it:
        async with aiohttp.ClientSession() as http:
            asking = asyncio.create_task(http.post(it.url, data=call(), headers=HEADERS).__aenter__())
            with anyio.fail_after(10):
                await model.started.wait()
            asking.cancel()
        with anyio.fail_after(1):
            await model.stopped.wait()


async def test_a_client_that_goes_away_closes_the_stream_upstream(tmp_path: Path) -> None:
    async def silent(asked: Asked) -> None:
        start = {"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]}
        await asked.send(start)
        await asked.send({"type": "http.response.body", "body": b": open\n\n", "more_body": True})
        await asked.gone.wait()

    async with recorder(silent) as server, gateway(settings_in(tmp_path), server.url) as it:
        async with aiohttp.ClientSession() as http, http.post(it.url, data=call(), headers=HEADERS) as response:
            assert await response.content.readany() == b": open\n\n"
            response.close()
            with anyio.fail_after(1):
                await server.asked[0].gone.wait()


async def test_events_go_on_as_the_bytes_they_came_in_and_one_that_is_taken_leaves_its_id(tmp_path: Path) -> None:
    first = b"retry: 10\r\nid: 1\r\ndata: \r\n\r\n: hello\r\n\r\nevent: message\r\nid:2\r\ndata:"
    first += b'{"jsonrpc":"2.0",  "method":"notifications/message","params":{"level":"info","data":"\\u00e4"}}\r\n\r\n'
    params = json.dumps(ASKS["inputRequests"]["q"]["params"]).encode()  # type: ignore[index]
    taken = b'event: message\nid: 3\ndata: {"jsonrpc":"2.0","id":5,"method":"sampling/createMessage","params":'
    taken += params + b"}\n\n"
    last = b'data: {"jsonrpc":"2.0","id":1,"result":{}}\n\n'

    async def initialized(asked: Asked) -> None:
        await reply(asked, result(asked, {"protocolVersion": "2025-11-25"}), mcp_session_id="s-1")

    async def events(asked: Asked) -> None:
        start = {"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]}
        await asked.send(start)
        for part in (first[:20], first[20:] + taken):
            await asked.send({"type": "http.response.body", "body": part, "more_body": True})
        await until(lambda: len(server.asked) == 3)  # the answer comes as a request of its own
        await asked.send({"type": "http.response.body", "body": last})

    async def accepted(asked: Asked) -> None:
        await reply(asked, b"", 202, "")

    begin = {"jsonrpc": "2.0", "id": 0, "method": "initialize"}
    begin["params"] = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "a", "version": "1"}}
    legacy = {"Accept": HEADERS["Accept"], "Content-Type": HEADERS["Content-Type"]}
    async with recorder(initialized, events, accepted) as server, gateway(settings_in(tmp_path), server.url) as it:
        async with aiohttp.ClientSession(headers=legacy) as http:
            async with http.post(it.url, data=json.dumps(begin)) as response:
                assert response.headers["mcp-session-id"] == "s-1"
            session = {"Mcp-Session-Id": "s-1", "MCP-Protocol-Version": "2025-11-25"}
            body = b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"it"}}'
            async with http.post(it.url, data=body, headers=session) as response:
                got = await response.read()
        assert server.asked[0].json["params"]["capabilities"] == {"sampling": {"tools": {}}}
        assert server.asked[1].body == body
        answer = server.asked[2]
    assert got == first + b"id: 3\ndata: \n\n" + last
    assert answer.json["id"] == 5
    assert answer.json["result"]["content"]["text"] == "a model's answer"
    assert answer.headers["mcp-session-id"] == "s-1"
    assert answer.headers["mcp-protocol-version"] == "2025-11-25"


async def test_a_server_that_cannot_be_reached_is_an_error_of_the_request(tmp_path: Path) -> None:
    async with gateway(settings_in(tmp_path), "http://127.0.0.1:9/mcp") as it, aiohttp.ClientSession() as http:
        async with http.post(it.url, data=call(7), headers=HEADERS) as response:
            assert response.status == 502
            message = await response.json()
            assert (message["id"], message["error"]["message"]) == (7, "The server cannot be reached.")


async def test_a_server_that_dies_in_its_stream_is_an_error_of_the_request(tmp_path: Path) -> None:
    async def dies(asked: Asked) -> None:
        start = {"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]}
        await asked.send(start)
        await asked.send({"type": "http.response.body", "body": b": open\n\n"})

    async with recorder(dies) as server, gateway(settings_in(tmp_path), server.url) as it:
        async with aiohttp.ClientSession() as http, http.post(it.url, data=call(7), headers=HEADERS) as response:
            text = (await response.read()).decode()
    assert json.loads(text.rsplit("data: ", 1)[1])["id"] == 7
    assert "error" in text


@pytest.mark.parametrize(
    ("status", "kind", "body"),
    [
        (401, "text/plain", b"no"),
        (302, "", b""),
        (404, "application/json", b'{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"Session not found"}}'),
        (500, "text/html", b"<h1>oh</h1>"),
        (202, "", b""),
    ],
)
async def test_other_answers_pass_as_they_are(status: int, kind: str, body: bytes, tmp_path: Path) -> None:
    async def answer(asked: Asked) -> None:
        await reply(asked, body, status, kind, location="/elsewhere", set_cookie="a=b", www_authenticate="Bearer")

    async with recorder(answer) as server, gateway(settings_in(tmp_path), server.url) as it:
        async with aiohttp.ClientSession() as http:
            async with http.post(it.url, data=call(), headers=HEADERS, allow_redirects=False) as response:
                assert (response.status, await response.read()) == (status, body)
                assert response.headers["location"] == "/elsewhere"
                assert not {"set-cookie", "www-authenticate"} & {name.lower() for name in response.headers}


async def test_what_is_not_served_and_what_is_too_long_goes_nowhere(tmp_path: Path) -> None:
    async with recorder(done) as server, gateway(settings_in(tmp_path), server.url, body_bytes=1000) as it:
        async with aiohttp.ClientSession() as http:
            base = it.url.removesuffix("/mcp")
            for path in ("/", "/.well-known/oauth-protected-resource/mcp", "/mcp/", "/other"):
                assert (await http.get(base + path)).status == 404
            assert (await http.post(it.url, data=b"x" * 1001, headers=HEADERS)).status == 413

            async def endless() -> Any:
                for _ in range(20):
                    yield b"x" * 100

            assert (await http.post(it.url, data=endless(), headers=HEADERS)).status == 413
            assert (await http.put(it.url)).status == 405
            assert (await http.post(it.url, data=call(), headers={**HEADERS, "Host": "evil.example"})).status == 421
            assert (await http.post(it.url, data=call(), headers={**HEADERS, "Origin": "http://a.b"})).status == 403
    assert server.asked == []


async def test_without_its_token_nobody_gets_through_and_a_session_is_its_principal_s_alone(tmp_path: Path) -> None:
    async def initialized(asked: Asked) -> None:
        await reply(asked, result(asked, {"protocolVersion": "2025-11-25"}), mcp_session_id="s-1")

    tokens = {"ann": TOKEN, "ben": TOKEN[::-1]}
    begin = b'{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25"}}'
    async with recorder(initialized, done) as server, gateway(settings_in(tmp_path), server.url, tokens=tokens) as it:
        async with aiohttp.ClientSession() as http:
            assert (await http.post(it.url, data=begin)).status == 401
            assert server.asked == []
            ann, ben = ({"Authorization": f"Bearer {token}"} for token in tokens.values())
            given = (await http.post(it.url, data=begin, headers=ann)).headers["mcp-session-id"]
            session = {"Mcp-Session-Id": given}
            assert (await http.post(it.url, data=call(), headers={**ben, **session})).status == 404
            assert (await http.delete(it.url, headers={**ben, **session})).status == 404
            assert len(server.asked) == 1
            assert (await http.post(it.url, data=call(), headers={**ann, **session})).status == 200
            assert it.proxy.kept == 1
            server.answers[:] = [lambda asked: reply(asked, b"", 204, "")]
            assert (await http.delete(it.url, headers={**ann, **session})).status == 204
            assert it.proxy.kept == 0


async def test_a_head_without_an_end_is_cut_off(tmp_path: Path) -> None:
    async with recorder(done) as server, gateway(settings_in(tmp_path), server.url) as it:
        host, port = it.listener.address.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"POST /mcp HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 100_000)
        with anyio.fail_after(5):
            assert (await reader.read()).startswith(b"HTTP/1.1 400")
        writer.close()
