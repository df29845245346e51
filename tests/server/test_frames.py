"""What stands on the wire between a server with `Sampling` and a client, frame by frame, over HTTP."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import anyio
import httpx2 as httpx
import mcp_types as types
import pytest
from mcp.server.mcpserver import Context, MCPServer

from tests.server.peers import MODERN
from tests.server.test_http import served
from upcall.errors import SampleTimedOut
from upcall.server import Sampling, sample
from upcall.testing import ScriptedModel
from upcall.wire import SamplingMessage, TextContent

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("no_orphans")]

SAMPLES: dict[str, Any] = {"sampling": {}}
BOTH = {"accept": "application/json, text/event-stream"}


def answer(text: str) -> dict[str, Any]:
    return {"role": "assistant", "model": "m", "content": {"type": "text", "text": text}}


class Wire:
    """A modern client that is nothing but HTTP: posts one request, and gives all frames that came back for it."""

    def __init__(self, web: httpx.AsyncClient, url: str) -> None:
        self._web, self._url = web, url
        self._requests = 0

    async def post(
        self, name: str, *, declares: dict[str, Any], method: str = "tools/call", meta: Any = None, **params: Any
    ) -> list[dict[str, Any]]:
        self._requests += 1
        meta = {
            "io.modelcontextprotocol/protocolVersion": MODERN,
            "io.modelcontextprotocol/clientCapabilities": declares,
            **(meta or {}),
        }
        if method == "tools/call":
            params = {"name": name, "arguments": {}, **params}
        body = {"jsonrpc": "2.0", "id": self._requests, "method": method, "params": {**params, "_meta": meta}}
        headers = {**BOTH, "mcp-protocol-version": MODERN, "mcp-method": method, "mcp-name": name}
        response = await self._web.post(self._url, json=body, headers=headers)
        return frames_of(response.text)

    async def last(self, name: str, **options: Any) -> dict[str, Any]:
        """The response itself, the last of the frames."""
        return (await self.post(name, **options))[-1]


def frames_of(body: str) -> list[dict[str, Any]]:
    """A JSON body, or every frame of an event stream."""
    if body.startswith("{"):
        return [json.loads(body)]
    return [json.loads(line[5:]) for line in body.splitlines() if line.startswith("data:") and line[5:].strip()]


@asynccontextmanager
async def wire_to(
    *bodies: Callable[..., Any], server: MCPServer | None = None, sampling: Sampling | None = None
) -> AsyncIterator[Wire]:
    """A wire to a server with these tools, or to ``server``; what is still parked in the end is ended."""
    sampling = sampling or Sampling()
    async with served(sampling.attach(server or server_of(*bodies))) as url:
        async with httpx.AsyncClient(timeout=20) as web:
            yield Wire(web, url)


def server_of(*bodies: Callable[..., Any]) -> MCPServer:
    server = MCPServer("bench")
    for body in bodies:
        server.tool()(body)
    return server


async def one_after_the_other() -> str:
    return f"{await sample('first')} {await sample('second')}"


async def two_at_once() -> str:
    given = await asyncio.gather(sample("a"), sample("b"), return_exceptions=True)
    return " ".join(str(each) for each in given)


async def test_a_question_is_an_input_required_result_and_an_end_is_complete() -> None:
    async with wire_to(one_after_the_other) as wire:
        asked = (await wire.last("one_after_the_other", declares=SAMPLES))["result"]
        assert asked["resultType"] == "input_required"
        ((key, question),) = asked["inputRequests"].items()
        assert set(question) == {"method", "params"}
        assert question["method"] == "sampling/createMessage"
        assert question["params"]["messages"] == [{"role": "user", "content": {"type": "text", "text": "first"}}]
        assert isinstance(asked["requestState"], str)

        given = {"inputResponses": {key: answer("one")}, "requestState": asked["requestState"]}
        again = (await wire.last("one_after_the_other", declares=SAMPLES, **given))["result"]
        (key,) = again["inputRequests"]
        assert again["requestState"] != asked["requestState"]

        given = {"inputResponses": {key: answer("two")}, "requestState": again["requestState"]}
        done = (await wire.last("one_after_the_other", declares=SAMPLES, **given))["result"]
    assert done["resultType"] == "complete"
    assert done["content"][0]["text"] == "one two"
    assert "inputRequests" not in done


async def test_a_body_that_fails_after_a_round_still_ends_in_a_complete_result() -> None:
    async def body() -> str:
        await sample("?")
        return str(await sample("?", timeout=0.001, progress_interval=None))

    async with wire_to(body) as wire:
        asked = (await wire.last("body", declares=SAMPLES))["result"]
        (key,) = asked["inputRequests"]
        given = {"inputResponses": {key: answer("one")}, "requestState": asked["requestState"]}
        ended = (await wire.last("body", declares=SAMPLES, **given))["result"]
        while ended["resultType"] == "input_required":
            # It went out before its time was over; by the next round it is.
            given = {"requestState": ended["requestState"]}
            ended = (await wire.last("body", declares=SAMPLES, **given))["result"]
    assert ended["resultType"] == "complete"
    assert ended["isError"]


async def test_a_modern_server_never_sends_a_request_or_a_cancellation() -> None:
    async def body() -> str:
        with anyio.move_on_after(0.05):
            await sample("too slow", progress_interval=0.01)
        with pytest.raises(SampleTimedOut):
            await sample("too slow as well", timeout=0.01, progress_interval=0.01)
        return str(await sample("at last", progress_interval=0.01))

    seen: list[dict[str, Any]] = []
    async with wire_to(body, sampling=Sampling(max_rounds=1000)) as wire:
        params: dict[str, Any] = {}
        with anyio.fail_after(20):
            while True:
                frames = await wire.post("body", declares=SAMPLES, meta={"progressToken": "p"}, **params)
                seen += frames
                result = frames[-1]["result"]
                if result["resultType"] == "complete":
                    break
                last = list(result["inputRequests"].items())
                answers = {key: answer("yes") for key, asked in last if "at last" in json.dumps(asked)}
                params = {"requestState": result["requestState"], "inputResponses": answers}
    assert result["content"][0]["text"] == "yes"
    methods = {frame["method"] for frame in seen if "method" in frame}
    assert methods <= {"notifications/progress"}
    assert not [frame for frame in seen if "method" in frame and "id" in frame]


async def test_each_request_is_judged_by_what_it_declares_itself() -> None:
    async with wire_to(one_after_the_other) as wire:
        asked = (await wire.last("one_after_the_other", declares=SAMPLES))["result"]
        (key,) = asked["inputRequests"]
        given = {"inputResponses": {key: answer("one")}, "requestState": asked["requestState"]}
        refused = await wire.last("one_after_the_other", declares={}, **given)
    assert refused["error"]["code"] == -32021
    assert refused["error"]["data"] == {"requiredCapabilities": {"sampling": {}}}


async def test_what_is_still_open_is_not_asked_again_of_a_client_that_no_longer_declares_it() -> None:
    async with wire_to(two_at_once) as wire:
        asked = (await wire.last("two_at_once", declares=SAMPLES))["result"]
        first, _ = asked["inputRequests"]
        given = {"inputResponses": {first: answer("one")}, "requestState": asked["requestState"]}
        ended = (await wire.last("two_at_once", declares={}, **given))["result"]
    assert ended["resultType"] == "complete"
    assert ended["content"][0]["text"].startswith("one The client did not declare the sampling capability")


async def test_the_fallback_takes_what_can_no_longer_be_asked() -> None:
    sampling = Sampling(fallback=ScriptedModel.echo())
    async with wire_to(two_at_once, sampling=sampling) as wire:
        asked = (await wire.last("two_at_once", declares=SAMPLES))["result"]
        ended = (await wire.last("two_at_once", declares={}, requestState=asked["requestState"]))["result"]
    assert ended["content"][0]["text"] == "a b"


async def test_a_form_is_not_asked_for_again_either() -> None:
    async def form(ctx: Context) -> str:
        await ctx.session.elicit_form("name?", {"type": "object", "properties": {}})
        return "unreachable"

    async with wire_to(form) as wire:
        asked = (await wire.last("form", declares={"elicitation": {}}))["result"]
        refused = await wire.last("form", declares=SAMPLES, requestState=asked["requestState"])
    assert refused["error"]["code"] == -32021
    assert refused["error"]["data"] == {"requiredCapabilities": {"elicitation": {"form": {}}}}


async def form(ctx: Context) -> str:
    return str((await ctx.session.elicit_form("name?", {"type": "object", "properties": {}})).action)


async def url(ctx: Context) -> str:
    return str((await ctx.session.elicit_url("log in", "https://example.com", "1")).action)


@pytest.mark.parametrize(
    ("declared", "forms", "urls"),
    [({}, True, False), ({"form": {}}, True, False), ({"url": {}}, False, True), ({"form": {}, "url": {}}, True, True)],
)
async def test_each_mode_of_elicitation_is_declared_for_itself(declared: Any, forms: bool, urls: bool) -> None:
    async with wire_to(form, url) as wire:
        for name, has_it in (("form", forms), ("url", urls)):
            given = await wire.last(name, declares={"elicitation": declared})
            if has_it:
                assert given["result"]["resultType"] == "input_required"
            else:
                assert given["error"]["data"] == {"requiredCapabilities": {"elicitation": {name: {}}}}


async def test_only_tools_prompts_and_resources_are_answered_with_questions() -> None:
    server = server_of(one_after_the_other)

    @server.prompt()
    def review(code: str) -> str:
        return code

    async def complete(ref: Any, argument: Any, context: Any) -> types.Completion:
        return types.Completion(values=[str(await sample("complete this"))])

    decorator: Any = server.completion
    decorator()(complete)
    completing = {"ref": {"type": "ref/prompt", "name": "review"}, "argument": {"name": "code", "value": "x"}}
    async with wire_to(server=server) as wire:
        response = await wire.last("review", declares=SAMPLES, method="completion/complete", **completing)
    assert "result" not in response
    assert response["error"]["code"] < 0


async def test_a_body_logs_only_to_a_request_that_asked_for_it() -> None:
    async def body(ctx: Context) -> str:
        with pytest.warns(UserWarning, match="logging"):
            first = ctx.session.send_log_message("info", "before")
        await first
        await sample("?")
        with pytest.warns(UserWarning, match="logging"):
            second = ctx.session.send_log_message("info", "after")
        await second
        return "done"

    async with wire_to(body) as wire:
        heard = await wire.post("body", declares=SAMPLES, meta={"io.modelcontextprotocol/logLevel": "info"})
        asked = heard[-1]["result"]
        (key,) = asked["inputRequests"]
        given = {"inputResponses": {key: answer("one")}, "requestState": asked["requestState"]}
        silent = await wire.post("body", declares=SAMPLES, **given)
    assert [frame["params"]["data"] for frame in heard[:-1]] == ["before"]
    assert silent[-1]["result"]["content"][0]["text"] == "done"
    assert silent[:-1] == []


async def test_a_round_that_was_lost_on_the_way_starts_the_call_over() -> None:
    async with wire_to(one_after_the_other) as wire:
        asked = (await wire.last("one_after_the_other", declares=SAMPLES))["result"]
        (key,) = asked["inputRequests"]
        given = {"inputResponses": {key: answer("one")}, "requestState": asked["requestState"]}
        await wire.last("one_after_the_other", declares=SAMPLES, **given)
        # Its response never arrived, so the client sends the same again.
        refused = (await wire.last("one_after_the_other", declares=SAMPLES, **given))["error"]
        assert refused["code"] == -32602
        assert "without it to start over" in refused["message"]
        fresh = (await wire.last("one_after_the_other", declares=SAMPLES))["result"]
    (question,) = fresh["inputRequests"].values()
    assert question["params"]["messages"][0]["content"]["text"] == "first"


async def asked_on(version: str, body: Callable[..., Any], *, declares: dict[str, Any]) -> dict[str, Any]:
    """The first frame that a legacy connection of ``version`` gets when it calls ``body``."""
    hello = {"protocolVersion": version, "capabilities": declares, "clientInfo": {"name": "raw", "version": "1"}}
    call = {"name": body.__name__, "arguments": {}}
    async with served(Sampling().attach(server_of(body))) as url, httpx.AsyncClient(timeout=20) as web:
        opened = await web.post(url, json=_request(0, "initialize", hello), headers=BOTH)
        headers = {**BOTH, "mcp-session-id": opened.headers["mcp-session-id"], "mcp-protocol-version": version}
        await web.post(url, json={"jsonrpc": "2.0", "method": "notifications/initialized"}, headers=headers)
        async with web.stream("POST", url, json=_request(1, "tools/call", call), headers=headers) as stream:
            async for line in stream.aiter_lines():
                if frames := frames_of(line):
                    first = frames[0]
                    break
        if "method" in first:
            reply = {"jsonrpc": "2.0", "id": first["id"], "result": answer("yes")}
            await web.post(url, json=reply, headers=headers)
    return first


async def test_a_form_rides_on_the_stream_of_its_call_though_the_body_does_not_say_so() -> None:
    first = await asked_on("2025-11-25", form, declares={"elicitation": {}})
    assert first["method"] == "elicitation/create"


def _request(number: int, method: str, params: dict[str, Any]) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": number, "method": method, "params": params}


async def several_blocks() -> str:
    blocks = [TextContent(text="a"), TextContent(text="b")]
    return str(await sample([SamplingMessage(role="user", content=[*blocks])]))


def look() -> str:
    """Look."""
    return "nothing"


async def with_a_tool() -> str:
    return str(await sample("?", tools=[look]))


@pytest.mark.parametrize("version", ["2025-06-18", "2025-11-25"])
async def test_a_list_of_blocks_is_sent_from_2025_11_25_on(version: str) -> None:
    asked = await asked_on(version, several_blocks, declares=SAMPLES)
    contents = [message["content"] for message in asked["params"]["messages"]]
    a, b = {"type": "text", "text": "a"}, {"type": "text", "text": "b"}
    assert contents == ([a, b] if version == "2025-06-18" else [[a, b]])


@pytest.mark.parametrize("version", ["2025-06-18", "2025-11-25"])
async def test_tools_are_sent_from_2025_11_25_on(version: str) -> None:
    first = await asked_on(version, with_a_tool, declares={"sampling": {"tools": {}}})
    if version == "2025-11-25":
        assert [tool["name"] for tool in first["params"]["tools"]] == ["look"]
    else:
        assert "sampling.tools" in first["result"]["content"][0]["text"]
