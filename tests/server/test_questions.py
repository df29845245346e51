"""What a server asks for, and what it leaves alone: context, tool metadata, late questions, the client's rounds."""

from __future__ import annotations

import asyncio
from typing import Any

import anyio
import mcp_types as types
import pytest
from mcp import Client, MCPError
from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.server.mcpserver import Context, MCPServer

from tests.server.peers import MODERN, client_of, said, server_with, text_of, user
from tests.server.test_sampling import Manual
from upcall.errors import SampleAbandoned, SampleTimedOut, SamplingError, SamplingUnsupported
from upcall.host import Host
from upcall.server import Sampling, sample
from upcall.testing import ScriptedModel
from upcall.wire import SamplingResult, TextContent, ToolResult, ToolUse

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("no_orphans")]


async def test_context_is_asked_for_only_where_it_was_declared(era: str) -> None:
    asked: list[types.CreateMessageRequestParams] = []

    async def body(ctx: Context) -> str:
        answer = await ctx.session.create_message([user("?")], max_tokens=9, include_context="allServers")
        return said(answer)

    async def record(context: Any, params: types.CreateMessageRequestParams) -> types.CreateMessageResult:
        asked.append(params)
        return types.CreateMessageResult(role="assistant", model="m", content=types.TextContent(text="yes"))

    async def call(capability: types.SamplingCapability) -> str:
        server = server_with(Sampling(), body)
        async with Client(server, mode=era, sampling_callback=record, sampling_capabilities=capability) as client:
            try:
                return text_of(await client.call_tool("body", {}))
            except MCPError as error:
                return error.error.message

    assert "sampling.context" in await call(types.SamplingCapability())
    assert asked == []
    with_context = types.SamplingCapability(context=types.SamplingContextCapability())
    assert await call(with_context) == "yes"
    assert [params.include_context for params in asked] == ["allServers"]


async def test_nothing_is_asked_about_context_unless_the_body_does(era: str) -> None:
    model = ScriptedModel("fine")

    async def body() -> str:
        return str(await sample("?"))

    async with client_of(server_with(Sampling(), body), era, Host(model)) as client:
        await client.call_tool("body", {})
    assert [request.include_context for request in model.requests] == [None]


async def test_metadata_of_tool_blocks_comes_back_to_the_model(era: str) -> None:
    def look() -> str:
        """Look."""
        return "nothing"

    use = ToolUse(id="1", name="look", input={}, meta={"signature": "abc"})
    model = ScriptedModel(use, "Nothing there.")

    async def body() -> str:
        return str(await sample("What is there?", tools=[look]))

    async with client_of(server_with(Sampling(), body), era, Host(model)) as client:
        assert text_of(await client.call_tool("body", {})) == "Nothing there."
    _, second = model.requests
    kept, result = (message.blocks[0] for message in second.messages[1:])
    assert isinstance(kept, ToolUse)
    assert kept.meta == {"signature": "abc"}
    assert isinstance(result, ToolResult)
    assert result.tool_use_id == "1"


@pytest.mark.parametrize("way", ["sample", "create_message"])
async def test_a_task_that_outlives_its_request_cannot_ask(era: str, way: str) -> None:
    over, told = asyncio.Event(), asyncio.Event()
    raised: list[BaseException] = []
    tasks: list[asyncio.Task[None]] = []
    model = ScriptedModel("never")

    async def body(ctx: Context) -> str:
        async def later() -> None:
            await over.wait()
            try:
                if way == "sample":
                    await sample("Still there?")
                else:
                    await ctx.session.create_message([user("Still there?")], max_tokens=9)
            except SamplingError as error:
                raised.append(error)
            told.set()

        tasks.append(asyncio.create_task(later()))
        return "done"

    async with client_of(server_with(Sampling(), body), era, Host(model)) as client:
        assert text_of(await client.call_tool("body", {})) == "done"
        over.set()
        with anyio.fail_after(10):
            await told.wait()
    (error,) = raised
    assert isinstance(error, SampleAbandoned if era == MODERN else SamplingUnsupported)
    assert model.requests == []


class Requests:
    """Outermost middleware that remembers what came in, and the state that went out."""

    def __init__(self) -> None:
        self.ids: list[Any] = []
        self.came: list[Any] = []
        self.went: list[Any] = []
        self.arguments: list[Any] = []

    async def __call__(self, ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
        result = await call_next(ctx)
        if ctx.method == "tools/call" and isinstance(result, dict):
            params = ctx.params or {}
            self.ids.append(ctx.request_id)
            self.arguments.append(params.get("arguments"))
            self.came.append(params.get("requestState"))
            self.went.append(result.get("requestState"))
        return result


async def test_each_round_has_an_id_of_its_own_and_brings_the_last_state_back() -> None:
    async def body(text: str) -> str:
        return f"{await sample(text)} {await sample(text)}"

    requests = Requests()
    server = MCPServer("bench", middleware=[requests, Sampling()])
    server.tool()(body)
    async with client_of(server, MODERN, Host(ScriptedModel.echo())) as client:
        assert text_of(await client.call_tool("body", {"text": "a"})) == "a a"
    assert len(set(requests.ids)) == 3
    assert requests.arguments == [{"text": "a"}] * 3
    assert requests.came[0] is None
    assert requests.came[1:] == requests.went[:-1]
    assert requests.went[-1] is None
    assert len(set(requests.came)) == 3


async def test_a_stop_reason_of_the_providers_own_comes_through(era: str) -> None:
    result = SamplingResult(role="assistant", content=TextContent(text="x"), model="m", stop_reason="vendorPause")
    reasons: list[str | None] = []

    async def body() -> str:
        reply = await sample("?")
        reasons.append(reply.stop_reason)
        return str(reply)

    async with client_of(server_with(Sampling(), body), era, Host(ScriptedModel(result))) as client:
        await client.call_tool("body", {})
    assert reasons == ["vendorPause"]


async def test_by_default_a_sample_waits_without_limit_and_beats_every_five_seconds(
    era: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    timers: list[float] = []
    limits: list[float] = []

    async def body(ctx: Context) -> str:
        loop = asyncio.get_running_loop()
        later, at = loop.call_later, loop.call_at

        def call_later(delay: float, *args: Any, **options: Any) -> asyncio.TimerHandle:
            timers.append(delay)
            return later(delay, *args, **options)

        def call_at(when: float, *args: Any, **options: Any) -> asyncio.TimerHandle:
            limits.append(when - loop.time())
            return at(when, *args, **options)

        with monkeypatch.context() as patch:
            patch.setattr(loop, "call_later", call_later)
            patch.setattr(loop, "call_at", call_at)
            await sample("?", on_progress=lambda waited, message: None)
            await ctx.session.create_message([user("?")], max_tokens=9)
        return "done"

    async def listen(progress: float, total: float | None, message: str | None) -> None:
        raise AssertionError("nobody waits that long here")

    # Parked calls have a lifetime; it is the only other timer.
    async with client_of(server_with(Sampling(park_lifetime=777), body), era, Host(ScriptedModel.echo())) as client:
        assert text_of(await client.call_tool("body", {}, progress_callback=listen)) == "done"
    # In this process a modern client gives no progress token, so only the author listens there.
    assert timers == ([5.0] if era == MODERN else [5.0, 5.0])
    assert {round(limit) for limit in limits} <= {5, 777}


def form() -> types.ElicitRequest:
    schema: dict[str, Any] = {"type": "object", "properties": {}}
    return types.ElicitRequest(params=types.ElicitRequestFormParams(message="name?", requested_schema=schema))


async def accept(context: Any, params: Any) -> types.ElicitResult:
    return types.ElicitResult(action="accept", content={})


async def test_a_form_that_has_no_round_left_tells_both_body_and_client_why() -> None:
    async def body(ctx: Context, catch: bool) -> str:
        try:
            for _ in range(11):
                await ctx.session.send_request(form(), types.ElicitResult)
        except MCPError as error:
            if catch:
                return f"caught: {error}"
            raise
        return "unreachable"

    async with client_of(server_with(Sampling(), body), MODERN, elicitation_callback=accept) as client:
        assert "All 10 rounds" in text_of(await client.call_tool("body", {"catch": False}))
        assert text_of(await client.call_tool("body", {"catch": True})).startswith("caught: ")


async def test_a_form_is_waited_for_as_long_as_the_body_says() -> None:
    over = asyncio.Event()

    async def body(ctx: Context) -> str:
        try:
            await ctx.session.send_request(form(), types.ElicitResult, 0.02)
        except SampleTimedOut as error:
            over.set()
            return str(error)
        return "unreachable"

    async with client_of(server_with(Sampling(), body), MODERN, elicitation_callback=accept) as client:
        call = Manual(client, "body", {})
        await call.send()
        with anyio.fail_after(5):
            await over.wait()
        assert text_of(await call.send()) == "The client did not answer within 0.02 s."
