"""The callback, driven by the official client against real servers in memory, in both eras."""

from __future__ import annotations

import asyncio
import logging
from types import SimpleNamespace
from typing import Any

import anyio
import mcp_types as types
import pytest
from anyio.lowlevel import checkpoint
from mcp import Client, MCPError
from mcp.server.mcpserver import Context, MCPServer
from mcp.shared.exceptions import MCPDeprecationWarning

from tests.host.servers import MODES, asked_by, create_message, sampling_server
from upcall.errors import SamplingRefused
from upcall.host import Entry, Host, SamplingContext
from upcall.testing import ScriptedModel
from upcall.wire import SamplingMessage, SamplingRequest, SamplingResult, TextContent, ToolUse

pytestmark = pytest.mark.anyio

both_eras = pytest.mark.parametrize("mode", list(MODES))

TOOL = types.Tool(name="look", input_schema={"type": "object"})


def _echo(messages: list[SamplingMessage], params: SamplingRequest, context: SamplingContext) -> str:
    return f"{messages[0].text} {context.server} {context.version}"


@both_eras
async def test_a_tool_gets_its_answer_and_the_record_has_our_name_for_the_server(mode: str) -> None:
    entries: list[Entry] = []
    async with Host(_echo, on_record=entries.append) as host:
        async with Client(sampling_server(), mode=mode, **host.for_client("logs")) as client:
            assert await asked_by(client) == f"Why? logs {MODES[mode]}"
    (entry,) = entries
    assert (entry.outcome, entry.context.server, entry.context.version) == ("answered", "logs", MODES[mode])
    assert entry.context.request_id is not None


@both_eras
async def test_the_bare_callback_serves_a_client_with_one_server(mode: str) -> None:
    host = Host(_echo)
    async with Client(sampling_server(), mode=mode, sampling_callback=host.callback) as client:
        assert await asked_by(client) == f"Why? server {MODES[mode]}"


async def test_the_unchanged_create_message_of_a_legacy_server_is_answered() -> None:
    server = MCPServer("tutorial")

    @server.tool()
    async def ask(ctx: Context) -> str:
        message = types.SamplingMessage(role="user", content=types.TextContent(text="Why?"))
        with pytest.warns(MCPDeprecationWarning):
            result = await ctx.session.create_message([message], max_tokens=20, system_prompt="Be brief.")
        assert isinstance(result.content, types.TextContent)
        return f"{result.content.text} {result.model} {result.stop_reason}"

    host = Host(lambda messages, params: f"{params.system_prompt} {params.max_tokens}")
    async with Client(server, mode="legacy", **host.for_client()) as client:
        assert await asked_by(client) == "Be brief. 20 handler/lambda endTurn"


@both_eras
async def test_tools_are_answered_where_they_were_declared(mode: str) -> None:
    host = Host(ScriptedModel([TextContent(text="Let me see."), ToolUse(id="1", name="look", input={})], repeat=True))
    server = sampling_server(create_message(tools=[TOOL]))
    async with Client(server, mode=mode, **host.for_client()) as client:
        assert await asked_by(client) == "Let me see.|tool_use"
    declared = host.sampling_capabilities
    async with Client(server, mode=mode, sampling_callback=host.callback, sampling_capabilities=declared) as client:
        assert await asked_by(client) == "Let me see.|tool_use"


@both_eras
@pytest.mark.parametrize("told", ["client did not declare", "host does not offer"])
async def test_undeclared_tools_are_invalid_params(mode: str, told: str) -> None:
    entries: list[Entry] = []
    host = Host(_echo, tools=told == "client did not declare", on_record=entries.append)
    server = sampling_server(create_message(tools=[TOOL]))
    async with Client(server, mode=mode, sampling_callback=host.callback) as client:
        assert (await asked_by(client)).startswith("-32602: The request carries tools")
    assert [entry.outcome for entry in entries] == ["invalid_request"]


@both_eras
async def test_unbalanced_tool_results_are_invalid_params(mode: str) -> None:
    entries: list[Entry] = []
    host = Host(_echo, on_record=entries.append)
    stray = types.SamplingMessage(role="user", content=types.ToolResultContent(tool_use_id="7", content=[]))
    server = sampling_server(create_message(messages=[stray], tools=[TOOL]))
    async with Client(server, mode=mode, **host.for_client()) as client:
        assert (await asked_by(client)).startswith("-32602: Message 1: tool uses and tool results do not match")
    assert [entry.outcome for entry in entries] == ["invalid_request"]


@both_eras
async def test_a_request_for_context_is_answered_without_any(mode: str) -> None:
    host = Host(lambda messages, params: str(params.include_context))
    server = sampling_server(create_message(include_context="allServers"))
    async with Client(server, mode=mode, **host.for_client()) as client:
        assert await asked_by(client) == "none"


@both_eras
async def test_a_refusal_arrives_with_its_code(mode: str) -> None:
    def refuse(messages: object) -> str:
        raise SamplingRefused("The user rejected the request.")

    entries: list[Entry] = []
    host = Host(refuse, on_record=entries.append)
    async with Client(sampling_server(), mode=mode, **host.for_client()) as client:
        assert await asked_by(client) == "-1: The user rejected the request."
    assert [entry.outcome for entry in entries] == ["refused"]


@both_eras
async def test_the_text_of_an_exception_never_reaches_the_server(mode: str) -> None:
    def fail(messages: object) -> str:
        raise RuntimeError("secret sk-123")

    entries: list[Entry] = []
    host = Host(fail, on_record=entries.append)
    async with Client(sampling_server(), mode=mode, **host.for_client()) as client:
        assert await asked_by(client) == "-32603: The model failed."
    (entry,) = entries
    assert entry.fault is not None
    assert (entry.outcome, entry.fault.detail) == ("model_error", "RuntimeError: secret sk-123")


@both_eras
async def test_an_answer_that_the_sdk_cannot_carry_is_an_error(mode: str, caplog: pytest.LogCaptureFixture) -> None:
    def odd(messages: object) -> SamplingResult:
        content = TextContent(text="ok", annotations={"priority": "secret sk-123"})
        return SamplingResult(role="assistant", content=content, model="m")

    host = Host(odd)
    with caplog.at_level(logging.ERROR, "upcall.host"):
        async with Client(sampling_server(), mode=mode, **host.for_client()) as client:
            assert await asked_by(client) == "-32603: The host could not process the request."
    assert "sampling request of server failed" in caplog.text


@both_eras
async def test_two_hundred_requests_of_one_result_run_eight_at_a_time(mode: str) -> None:
    running = most = 0
    full = anyio.Event()

    async def busy(messages: list[SamplingMessage]) -> str:
        nonlocal running, most
        running += 1
        most = max(most, running)
        if running == 8:
            full.set()
        await full.wait()
        await checkpoint()
        running -= 1
        return messages[0].text

    entries: list[Entry] = []
    host = Host(busy, on_record=entries.append)
    texts = [str(number) for number in range(200)]
    server = _gathering_server(texts) if mode == "legacy" else sampling_server(*map(create_message, texts))
    async with Client(server, mode=mode, **host.for_client()) as client:
        assert (await asked_by(client)).split("|") == texts
    assert most == 8
    assert [entry.outcome for entry in entries] == ["answered"] * 200


def _gathering_server(texts: list[str]) -> MCPServer:
    server = MCPServer("gathering")

    @server.tool()
    async def ask(ctx: Context) -> str:
        async def one(text: str) -> str:
            result = await ctx.session.send_request(create_message(text), types.CreateMessageResult)
            assert isinstance(result.content, types.TextContent)
            return result.content.text

        return "|".join(await asyncio.gather(*map(one, texts)))

    return server


class _Endless:
    """A handler that never answers, and tells when it is at work and when it was stopped."""

    def __init__(self) -> None:
        self.running = anyio.Event()
        self.stopped = anyio.Event()

    async def __call__(self, messages: object) -> str:
        self.running.set()
        try:
            await anyio.sleep_forever()
        finally:
            self.stopped.set()
        raise AssertionError


@both_eras
async def test_cancelling_the_call_reaches_the_handler(mode: str) -> None:
    entries: list[Entry] = []
    recorded = anyio.Event()

    def on_record(entry: Entry) -> None:
        entries.append(entry)
        recorded.set()

    endless = _Endless()
    host = Host(endless, on_record=on_record)
    with anyio.fail_after(10):
        async with Client(sampling_server(), mode=mode, **host.for_client()) as client:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(client.call_tool, "ask")
                await endless.running.wait()
                tasks.cancel_scope.cancel()
            await endless.stopped.wait()
            await recorded.wait()
    assert [entry.outcome for entry in entries] == ["cancelled"]


async def test_a_slow_handler_is_stopped_when_the_servers_own_timeout_cancels() -> None:
    server = MCPServer("impatient")

    @server.tool()
    async def ask(ctx: Context) -> str:
        try:
            await ctx.session.send_request(
                create_message(), types.CreateMessageResult, request_read_timeout_seconds=0.2
            )
        except MCPError:
            return "gave up"
        raise AssertionError

    entries: list[Entry] = []
    recorded = anyio.Event()

    def on_record(entry: Entry) -> None:
        entries.append(entry)
        recorded.set()

    endless = _Endless()
    host = Host(endless, on_record=on_record)
    with anyio.fail_after(10):
        async with Client(server, mode="legacy", **host.for_client()) as client:
            assert await asked_by(client) == "gave up"
            await endless.stopped.wait()
            await recorded.wait()
    assert [entry.outcome for entry in entries] == ["cancelled"]


@both_eras
async def test_the_hosts_own_timeout_arrives_as_an_error(mode: str) -> None:
    endless = _Endless()
    host = Host(endless, timeout=0.1)
    async with Client(sampling_server(), mode=mode, **host.for_client()) as client:
        assert await asked_by(client) == "-32001: No answer within 0.1 seconds."
    assert endless.stopped.is_set()


async def test_where_the_session_does_not_show_what_was_declared_the_hosts_offer_counts() -> None:
    session = SimpleNamespace(protocol_version="2026-07-28")
    context: Any = SimpleNamespace(session=session, request_id="q", meta=None)
    params = create_message(tools=[TOOL]).params
    answered = await Host(_echo).callback(context, params)
    assert isinstance(answered, types.CreateMessageResultWithTools)
    refused = await Host(_echo, tools=False).callback(context, params)
    assert isinstance(refused, types.ErrorData)


async def test_one_host_serves_several_servers_under_their_names() -> None:
    entries: list[Entry] = []
    host = Host(_echo, on_record=entries.append)

    async def use(name: str, mode: Any) -> None:
        async with Client(sampling_server(), mode=mode, **host.for_client(name)) as client:
            assert (await asked_by(client)).startswith(f"Why? {name} ")

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(use, "logs", "legacy")
        tasks.start_soon(use, "shop", "auto")
    assert sorted(entry.context.server for entry in entries) == ["logs", "shop"]
