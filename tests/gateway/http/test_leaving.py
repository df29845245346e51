"""What a server sees of a client that closes the response to its call."""

from __future__ import annotations

from pathlib import Path

import aiohttp
import anyio
import msgspec
import pytest

from tests.gateway.http.places import Thinking, gateway, settings_in
from tests.gateway.http.recording import Asked, recorder, reply
from tests.waiting import until

pytestmark = pytest.mark.anyio

HEADERS = {"Accept": "application/json, text/event-stream", "Content-Type": "application/json"}
SESSION = {"MCP-Protocol-Version": "2025-11-25", "Mcp-Session-Id": "s"}
CALL = {"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": {"name": "ask"}}
SAMPLE = (
    b'data: {"jsonrpc":"2.0","id":"q","method":"sampling/createMessage","params":{"maxTokens":1,"messages":'
    b'[{"role":"user","content":{"type":"text","text":"why"}}]}}\n\n'
)


async def answer(asked: Asked) -> None:
    """A server of 2025-11-25, whose tool samples and then waits."""
    method = asked.json.get("method")
    if method == "initialize":
        result = {"protocolVersion": "2025-11-25", "capabilities": {}, "serverInfo": {"name": "it", "version": "1"}}
        body = msgspec.json.encode({"jsonrpc": "2.0", "id": asked.json["id"], "result": result})
        await reply(asked, body, mcp_session_id="s")
    elif method == "tools/call":
        await asked.send(
            {"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]}
        )
        await asked.send({"type": "http.response.body", "body": SAMPLE, "more_body": True})
        await asked.gone.wait()
    else:
        await reply(asked, b"", 202, "")


async def test_it_sees_the_stream_close_and_reads_no_frame_that_the_client_did_not_send(tmp_path: Path) -> None:
    model = Thinking()
    begin = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "raw", "version": "1"}}
    async with recorder(answer) as server, gateway(settings_in(tmp_path, model), server.url) as it:
        async with aiohttp.ClientSession(headers=HEADERS) as http:
            initialize = {"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": begin}
            async with http.post(it.url, json=initialize) as response:
                assert response.status == 200
            async with http.post(it.url, json=CALL, headers=SESSION) as response:
                with anyio.fail_after(10):
                    await model.started.wait()
                response.close()
            with anyio.fail_after(10):
                await model.stopped.wait()
                await until(lambda: len(server.asked) == 3)
                await server.asked[1].gone.wait()
            async with http.post(it.url, json={"jsonrpc": "2.0", "method": "notifications/x"}, headers=SESSION) as sent:
                assert sent.status == 202
    # The answer that the gateway owes it, since it took the question; then what the client says next.
    assert [asked.json.get("method", asked.json.get("id")) for asked in server.asked] == [
        "initialize",
        "tools/call",
        "q",
        "notifications/x",
    ]
    assert "error" in server.asked[2].json
