"""`Sampling` with real servers and clients: unchanged bodies on both eras, and everything that can go wrong."""

from __future__ import annotations

import asyncio
import gc
import weakref
from typing import Any

import anyio
import mcp_types as types
import pytest
from fastmcp import Context as FastContext
from fastmcp import FastMCP
from mcp import Client
from mcp.server import Server
from mcp.server.auth.middleware.auth_context import auth_context_var
from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from mcp.server.auth.provider import AccessToken
from mcp.server.context import ServerRequestContext
from mcp.server.mcpserver import Context, MCPServer
from mcp.shared.exceptions import MCPError

from tests.server.peers import MODERN, Rounds, client_of, said, server_with, text_of, user
from upcall.errors import (
    ConfigurationError,
    InvalidAnswer,
    SampleAbandoned,
    SampleTimedOut,
    SamplingRefused,
    SamplingUnsupported,
    TooManyParked,
)
from upcall.server import Sampling, rounds_left, sample
from upcall.server._session import SamplingSession
from upcall.testing import ScriptedModel
from upcall.wire import SamplingMessage

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("no_orphans")]


def shout(messages: list[SamplingMessage]) -> str:
    return messages[-1].text.upper()


async def three_in_a_row(text: str, ctx: Context) -> str:
    """The tutorial's body: each sample depends on the one before."""
    for word in ("one", "two", "three"):
        result = await ctx.session.create_message(messages=[user(f"{text} {word}")], max_tokens=100)
        text = said(result)
    return text


async def test_an_unchanged_body_runs_once_on_both_eras(era: str) -> None:
    runs = []

    async def body(text: str, ctx: Context) -> str:
        runs.append(text)
        return await three_in_a_row(text, ctx)

    rounds, sampling = Rounds(), Sampling()
    async with client_of(server_with(sampling, body, rounds=rounds), era, shout) as client:
        result = await client.call_tool("body", {"text": "hi"})
    assert text_of(result) == "HI ONE TWO THREE"
    assert runs == ["hi"]
    assert len(rounds.results) == (4 if era == MODERN else 1)
    assert sampling.parked == 0


async def test_prompts_and_resource_templates_sample_too(era: str) -> None:
    server = MCPServer("bench", middleware=[Sampling()])

    @server.prompt()
    async def review(code: str, ctx: Context) -> str:
        return said(await ctx.session.create_message(messages=[user(code)], max_tokens=10))

    @server.resource("summary://{topic}")
    async def summary(topic: str, ctx: Context) -> str:
        return said(await ctx.session.create_message(messages=[user(topic)], max_tokens=10))

    async with client_of(server, era, shout) as client:
        prompt = await client.get_prompt("review", {"code": "x = 1"})
        resource = await client.read_resource("summary://cats")
    assert isinstance(prompt.messages[0].content, types.TextContent)
    assert prompt.messages[0].content.text == "X = 1"
    assert isinstance(resource.contents[0], types.TextResourceContents)
    assert resource.contents[0].text == "CATS"


async def call_by_hand(
    ctx: ServerRequestContext[Any, Any], params: types.CallToolRequestParams
) -> types.CallToolResult:
    """A low-level server's handler; no `RequestStateBoundary` stands before it."""
    answer = await ctx.session.create_message(messages=[user(params.name)], max_tokens=10)
    return types.CallToolResult(content=[types.TextContent(type="text", text=said(answer))])


async def list_nothing(ctx: ServerRequestContext[Any, Any], params: Any) -> types.ListToolsResult:
    return types.ListToolsResult(tools=[])


async def test_a_low_level_server_samples(era: str) -> None:
    server: Server[Any] = Server("bare", on_call_tool=call_by_hand, on_list_tools=list_nothing)
    sampling = Sampling()
    assert sampling.attach(server) is server
    async with client_of(server, era, shout) as client:
        assert text_of(await client.call_tool("yes", {})) == "YES"


async def test_a_fastmcp_server_samples(era: str) -> None:
    server = Sampling().attach(FastMCP("fast"))

    @server.tool
    async def old(text: str, ctx: FastContext) -> str:
        return said(await ctx.session.create_message(messages=[user(text)], max_tokens=10))

    @server.tool
    async def new(text: str) -> str:
        return str(await sample(text))

    async with client_of(server._mcp_server, era, shout) as client:
        assert text_of(await client.call_tool("old", {"text": "a"})) == "A"
        assert text_of(await client.call_tool("new", {"text": "b"})) == "B"


async def test_a_body_may_change_its_arguments_before_it_asks() -> None:
    async def body(config: dict[str, Any]) -> str:
        config["lines"].append("more")
        return f"{await sample('?')} {config['lines']}"

    async with client_of(server_with(Sampling(), body), MODERN, shout) as client:
        result = await client.call_tool("body", {"config": {"lines": ["one"]}})
    assert text_of(result) == "? ['one', 'more']"


async def fan(n: int, ctx: Context) -> str:
    """Asks for everything at once."""
    asked = [ctx.session.create_message(messages=[user(f"{i}")], max_tokens=9) for i in range(n)]
    return ",".join(map(said, await asyncio.gather(*asked)))


async def test_what_is_asked_at_once_shares_one_round_and_no_answer_is_mixed_up() -> None:
    rounds = Rounds()
    async with client_of(server_with(Sampling(), fan, rounds=rounds), MODERN, shout) as client:
        result = await client.call_tool("fan", {"n": 20})
    assert text_of(result) == ",".join(map(str, range(20)))
    assert [len(keys) for keys in rounds.asked] == [20]


async def test_five_samples_at_once_take_the_time_of_one(era: str) -> None:
    together = 0
    most = 0

    async def slow(messages: list[SamplingMessage]) -> str:
        nonlocal together, most
        together += 1
        most = max(most, together)
        while most < 5:  # ends only when all five are out at once
            await anyio.lowlevel.checkpoint()
        together -= 1
        return messages[0].text

    async with client_of(server_with(Sampling(), fan), era, slow) as client:
        with anyio.fail_after(10):
            assert text_of(await client.call_tool("fan", {"n": 5})) == "0,1,2,3,4"


async def test_elicitation_and_roots_share_the_way_of_samples() -> None:
    async def body(ctx: Context) -> str:
        with pytest.warns(UserWarning, match="roots"):
            listing = ctx.session.list_roots()
        answer, form, roots = await asyncio.gather(
            ctx.session.create_message(messages=[user("hi")], max_tokens=9),
            ctx.session.elicit_form("name?", {"type": "object", "properties": {"name": {"type": "string"}}}),
            listing,
        )
        return f"{said(answer)} {form.content} {roots.roots[0].uri}"

    async def elicit(context: Any, params: Any) -> types.ElicitResult:
        return types.ElicitResult(action="accept", content={"name": "Ann"})

    async def list_roots(context: Any) -> types.ListRootsResult:
        return types.ListRootsResult(roots=[types.Root.model_validate({"uri": "file:///a"})])

    rounds = Rounds()
    server = server_with(Sampling(), body, rounds=rounds)
    options = {"elicitation_callback": elicit, "list_roots_callback": list_roots}
    async with client_of(server, MODERN, shout, **options) as client:
        assert text_of(await client.call_tool("body", {})) == "HI {'name': 'Ann'} file:///a"
    assert [len(keys) for keys in rounds.asked] == [3]


async def test_what_was_not_declared_is_not_asked_for() -> None:
    async def body(ctx: Context) -> str:
        await ctx.session.elicit_form("name?", {"type": "object", "properties": {}})
        return "unreachable"

    async with client_of(server_with(Sampling(), body), MODERN, shout) as client:
        with pytest.raises(MCPError, match="elicitation") as caught:
            await client.call_tool("body", {})
    assert caught.value.error.code == -32021


async def test_an_input_required_result_written_by_hand_passes_untouched() -> None:
    server = MCPServer("bench", middleware=[Sampling()])

    @server.tool()
    async def guard(ctx: Context) -> str | types.InputRequiredResult:
        if ctx.input_responses is None:
            ask = types.CreateMessageRequest(
                params=types.CreateMessageRequestParams(messages=[user("by hand")], max_tokens=9)
            )
            return types.InputRequiredResult(input_requests={"mine": ask}, request_state="my state")
        assert ctx.request_state == "my state"
        mine = ctx.input_responses["mine"]
        assert isinstance(mine, types.CreateMessageResult)
        return f"{said(mine)}, {await sample('then by upcall')}"

    async with client_of(server, MODERN, shout) as client:
        assert text_of(await client.call_tool("guard", {})) == "BY HAND, THEN BY UPCALL"


class Manual:
    """A modern client's rounds, one by one."""

    def __init__(self, client: Client, tool: str, arguments: dict[str, Any]) -> None:
        self.client, self.tool, self.arguments = client, tool, arguments
        self.state: str | None = None
        self.keys: list[str] = []

    async def send(self, answers: dict[str, Any] | None = None, *, state: str | None = None, **changed: Any) -> Any:
        result = await self.client.session.call_tool(
            changed.get("tool", self.tool),
            changed.get("arguments", self.arguments),
            input_responses=answers,
            request_state=state or self.state,
            allow_input_required=True,
        )
        if isinstance(result, types.InputRequiredResult):
            self.state, self.keys = result.request_state, list(result.input_requests or {})
        return result


def answer(text: str) -> types.CreateMessageResult:
    return types.CreateMessageResult(
        role="assistant", model="m", content=types.TextContent(type="text", text=text), stop_reason="endTurn"
    )


async def test_missing_answers_are_asked_again_and_unknown_ones_ignored() -> None:
    async with client_of(server_with(Sampling(), fan), MODERN, shout) as client:
        call = Manual(client, "fan", {"n": 2})
        await call.send()
        first, second = call.keys
        again = await call.send({second: answer("b"), "never-asked": answer("x")})
        assert isinstance(again, types.InputRequiredResult)
        assert call.keys == [first]
        empty = await call.send()
        assert isinstance(empty, types.InputRequiredResult)
        assert text_of(await call.send({first: answer("a")})) == "a,b"


async def test_a_used_state_opens_nothing() -> None:
    sampling = Sampling()
    async with client_of(server_with(sampling, three_in_a_row), MODERN, shout) as client:
        call = Manual(client, "three_in_a_row", {"text": "x"})
        await call.send()
        used, key = call.state, call.keys[0]
        await call.send({key: answer("a")})
        with pytest.raises(MCPError, match="Invalid or expired requestState") as caught:
            await call.send({key: answer("a")}, state=used)
        assert caught.value.error.code == -32602
    await sampling.aclose()


@pytest.mark.parametrize("bare", [False, True], ids=["sealed by the SDK", "bare low-level server"])
async def test_a_state_opens_only_the_request_it_was_made_for(bare: bool) -> None:
    sampling = Sampling()
    server: Any = (
        Server("bare", on_call_tool=call_by_hand, on_list_tools=list_nothing)
        if bare
        else server_with(sampling, three_in_a_row, fan)
    )
    if bare:
        server.middleware.append(sampling)
    async with client_of(server, MODERN, shout) as client:
        call = Manual(client, "three_in_a_row", {"text": "x"})
        await call.send()
        state, key = call.state, call.keys[0]
        assert state is not None
        for attempt in ({"tool": "fan"}, {"arguments": {"text": "y"}}):
            with pytest.raises(MCPError, match="Invalid or expired requestState"):
                await call.send({key: answer("a")}, **attempt)
        for forged in (state[:-2] + "zz", "upcall.park.guess"):
            with pytest.raises(MCPError, match="Invalid or expired requestState"):
                await call.send({key: answer("a")}, state=forged)
        assert not isinstance(await call.send({key: answer("a")}), MCPError), "the rightful client was not harmed"
        await sampling.aclose()


async def test_a_state_belongs_to_its_principal_on_a_bare_server_too() -> None:
    def login(name: str) -> Any:
        token = AccessToken(token="t", client_id="app", scopes=[], subject=name)
        return auth_context_var.set(AuthenticatedUser(token))

    sampling = Sampling()
    server: Server[Any] = Server("bare", on_call_tool=call_by_hand, on_list_tools=list_nothing)
    server.middleware.append(sampling)
    async with client_of(server, MODERN, shout) as client:
        ann = login("ann")
        call = Manual(client, "x", {})
        await call.send()
        auth_context_var.reset(ann)
        bob = login("bob")
        with pytest.raises(MCPError, match="Invalid or expired requestState"):
            await call.send({call.keys[0]: answer("stolen")})
        auth_context_var.reset(bob)
        login("ann")
        assert text_of(await call.send({call.keys[0]: answer("mine")})) == "mine"


async def test_a_malformed_answer_is_a_typed_error_in_the_body() -> None:
    async def body() -> str:
        with pytest.raises(InvalidAnswer, match=r"malformed|Malformed"):
            await sample("?")
        return str(await sample("again"))

    async with client_of(server_with(Sampling(), body), MODERN, shout) as client:
        call = Manual(client, "body", {})
        await call.send()
        await call.send({call.keys[0]: types.ElicitResult(action="accept", content={})})
        assert text_of(await call.send({call.keys[0]: answer("fine")})) == "fine"


async def test_a_client_that_stays_away_ends_in_sample_abandoned_inside_the_body() -> None:
    told = asyncio.Event()

    async def body(ctx: Context) -> str:
        try:
            await ctx.session.create_message(messages=[user("?")], max_tokens=9)
        except SampleAbandoned:
            with pytest.raises(SampleAbandoned):
                await sample("nobody listens any more")
            told.set()
            raise
        return "unreachable"

    sampling = Sampling(park_lifetime=0.02)
    async with client_of(server_with(sampling, body), MODERN, shout) as client:
        call = Manual(client, "body", {})
        await call.send()
        assert sampling.parked == 1
        with anyio.fail_after(5):
            await told.wait()
        assert sampling.parked == 0
        with pytest.raises(MCPError, match="Invalid or expired"):
            await call.send({call.keys[0]: answer("late")})


async def test_the_cap_on_parked_calls_is_a_clear_error_in_the_body() -> None:
    async def body() -> str:
        try:
            return str(await sample("?"))
        except TooManyParked as error:
            return f"busy: {error}"

    sampling = Sampling(max_parked=1)
    async with client_of(server_with(sampling, body), MODERN, shout) as client:
        first = Manual(client, "body", {})
        await first.send()
        assert text_of(await client.call_tool("body", {})).startswith("busy: This server already holds 1 calls")
        assert text_of(await first.send({first.keys[0]: answer("ok")})) == "ok"


async def test_shutdown_ends_parked_bodies_in_an_orderly_way() -> None:
    ended = []

    async def body() -> str:
        try:
            await sample("?")
        except SampleAbandoned:
            ended.append("cleaned up")
            raise
        return "unreachable"

    sampling = Sampling()
    server = MCPServer("bench")
    server.tool()(body)
    sampling.attach(server)
    async with client_of(server, MODERN, shout) as client, client_of(server, MODERN, shout) as other:
        await Manual(client, "body", {}).send()
        async with client_of(server, MODERN, shout):
            pass
        assert sampling.parked == 1, "one client's leaving ends nothing for the others"
        assert not ended
        assert len((await other.list_tools()).tools) == 1
    assert ended == ["cleaned up"]
    assert sampling.parked == 0


async def test_a_server_that_is_cancelled_still_ends_its_bodies_and_closes_its_fallback() -> None:
    ended = []

    class Fallback(ScriptedModel):
        async def aclose(self) -> None:
            await anyio.lowlevel.checkpoint()
            ended.append("fallback")

    async def body() -> str:
        try:
            await sample("?")
        finally:
            await anyio.lowlevel.checkpoint()
            ended.append("body")
        return "unreachable"

    server = MCPServer("bench")
    server.tool()(body)
    lowlevel = Sampling(fallback=Fallback()).attach(server)._lowlevel_server

    async def run() -> None:
        async with lowlevel.lifespan(lowlevel):
            await anyio.sleep_forever()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(run)
        async with client_of(server, MODERN, shout) as client:
            await Manual(client, "body", {}).send()
        tasks.cancel_scope.cancel()
    assert ended == ["body", "fallback"]


@pytest.mark.parametrize("rounds_before", [0, 1])
async def test_cancelling_the_open_request_cancels_the_body(rounds_before: int) -> None:
    started, cleaned = asyncio.Event(), asyncio.Event()

    async def body() -> str:
        for _ in range(rounds_before):
            await sample("?")
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            cleaned.set()
        return "unreachable"

    async with client_of(server_with(Sampling(), body), MODERN, shout) as client:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(client.call_tool, "body", {})
            with anyio.fail_after(5):
                await started.wait()
            tasks.cancel_scope.cancel()
        with anyio.fail_after(5):
            await cleaned.wait()


async def test_a_body_that_asks_while_it_is_cancelled_is_refused_and_ends() -> None:
    started, told = asyncio.Event(), asyncio.Event()

    async def body() -> str:
        try:
            started.set()
            await asyncio.Event().wait()
        finally:
            with pytest.raises(SampleAbandoned):
                await sample("a summary of what I did")
            told.set()
        return "unreachable"

    async with client_of(server_with(Sampling(), body), MODERN, shout) as client:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(client.call_tool, "body", {})
            with anyio.fail_after(5):
                await started.wait()
            tasks.cancel_scope.cancel()
        with anyio.fail_after(5):
            await told.wait()


@pytest.mark.parametrize("asks", ["before its body ends", "after it"])
async def test_what_a_body_leaves_behind_does_not_wait_for_ever(asks: str) -> None:
    ended, tasks = asyncio.Event(), []

    async def later() -> None:
        if asks == "after it":
            await ended.wait()
        await sample("?")

    async def body() -> str:
        tasks.append(asyncio.create_task(later()))
        with pytest.raises(SampleTimedOut):
            await sample("?", timeout=0.02)
        asyncio.get_running_loop().call_later(0.02, ended.set)
        return "done"

    sampling = Sampling()
    async with client_of(server_with(sampling, body), MODERN, shout) as client:
        call = Manual(client, "body", {})
        await call.send()
        with anyio.fail_after(5), pytest.raises(SampleAbandoned):
            await tasks[0]
        assert sampling.parked == 1, "its result still waits for the client"
        assert text_of(await call.send()) == "done"


async def test_cancelling_a_legacy_call_cancels_the_clients_model() -> None:
    asked, stopped = asyncio.Event(), asyncio.Event()

    async def slow(messages: list[SamplingMessage]) -> str:
        asked.set()
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()
        return "unreachable"

    async with client_of(server_with(Sampling(), three_in_a_row), "legacy", slow) as client:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(client.call_tool, "three_in_a_row", {"text": "x"})
            with anyio.fail_after(5):
                await asked.wait()
            tasks.cancel_scope.cancel()
        with anyio.fail_after(5):
            await stopped.wait()


async def test_a_body_that_fails_tells_its_client_as_it_would_without_upcall(era: str) -> None:
    async def body(when: str) -> str:
        if when == "later":
            await sample("?")
        raise ValueError("a secret")

    async with client_of(server_with(Sampling(), body), era, shout) as client:
        for when in ("now", "later"):
            result = await client.call_tool("body", {"when": when})
            assert result.is_error
            assert text_of(result) == "Error executing tool body"


async def test_without_sampling_the_body_learns_what_to_declare(era: str) -> None:
    async def body(ctx: Context) -> str:
        try:
            await ctx.session.create_message(messages=[user("?")], max_tokens=9)
        except SamplingUnsupported as error:
            return f"{isinstance(error, MCPError)} {error.required} {error}"
        return "unreachable"

    async with client_of(server_with(Sampling(), body), era) as client:
        text = text_of(await client.call_tool("body", {}))
    assert text.startswith("True {'sampling': {}} The client did not declare the sampling capability")
    assert "Sampling(fallback=...)" in text


async def test_the_log_has_one_line_for_a_failure_whatever_its_client_writes(caplog: pytest.LogCaptureFixture) -> None:
    def refuse(messages: list[SamplingMessage]) -> str:
        raise SamplingRefused("No.\nERROR all is lost")

    server: Server[Any] = Server("bare", on_call_tool=call_by_hand, on_list_tools=list_nothing)
    async with client_of(Sampling().attach(server), "legacy", refuse) as client:
        await client.call_tool("a secret\nERROR all is lost", {"b": "another secret"})
    (record,) = (record for record in caplog.records if record.name.startswith("upcall.server"))
    assert "all is lost" in record.getMessage()
    assert "\n" not in record.getMessage()
    assert "another secret" not in caplog.text


async def test_an_uncaught_lack_of_sampling_is_told_in_the_eras_own_way() -> None:
    server = server_with(Sampling(), three_in_a_row)
    async with client_of(server, "legacy") as client:
        result = await client.call_tool("three_in_a_row", {"text": "x"})
        assert result.is_error
        assert "did not declare the sampling capability" in text_of(result)
    async with client_of(server, MODERN) as client:
        with pytest.raises(MCPError) as caught:
            await client.call_tool("three_in_a_row", {"text": "x"})
    assert caught.value.error.code == -32021
    assert caught.value.error.data == {"requiredCapabilities": {"sampling": {}}}


async def test_a_refusal_can_be_caught_as_either_librarys_error() -> None:
    def refuse(messages: list[SamplingMessage]) -> str:
        raise SamplingRefused("The user said no.")

    async def body(way: str, ctx: Context) -> str:
        try:
            await ctx.session.create_message(messages=[user("?")], max_tokens=9)
        except SamplingRefused as error:
            if way == "upcall":
                return f"refused {error.code}"
            raise
        return "unreachable"

    async def old_body(ctx: Context) -> str:
        try:
            await ctx.session.create_message(messages=[user("?")], max_tokens=9)
        except MCPError as error:
            return f"refused {error.error.code}"
        return "unreachable"

    # On modern connections a server never learns of a refusal: the client fails the call on its own side.
    async with client_of(server_with(Sampling(), body, old_body), "legacy", refuse) as client:
        assert text_of(await client.call_tool("body", {"way": "upcall"})) == "refused -1"
        assert text_of(await client.call_tool("old_body", {})) == "refused -1"
        uncaught = await client.call_tool("body", {"way": "none"})
    assert uncaught.is_error
    assert "declined" in text_of(uncaught)


async def test_a_timeout_cancels_the_clients_work_and_is_raised_in_the_body() -> None:
    stopped = asyncio.Event()

    async def slow(messages: list[SamplingMessage]) -> str:
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()
        return "unreachable"

    async def body() -> str:
        try:
            return str(await sample("?", timeout=0.05))
        except SampleTimedOut as error:
            return f"gave up: {error}"

    async with client_of(server_with(Sampling(), body), "legacy", slow) as client:
        assert text_of(await client.call_tool("body", {})).startswith("gave up: The client's model did not answer")
        with anyio.fail_after(5):
            await stopped.wait()


async def test_a_parked_question_times_out_and_the_call_still_ends_well() -> None:
    over = asyncio.Event()

    async def body() -> str:
        try:
            await sample("?", timeout=0.02)
        except SampleTimedOut:
            over.set()
            return "went on without"
        return "unreachable"

    async with client_of(server_with(Sampling(), body), MODERN, shout) as client:
        call = Manual(client, "body", {})
        await call.send()
        with anyio.fail_after(5):
            await over.wait()
        assert text_of(await call.send({call.keys[0]: answer("too late")})) == "went on without"


async def test_a_loop_over_the_clients_rounds_fails_before_an_answer_is_thrown_away() -> None:
    asked = []

    def count(messages: list[SamplingMessage]) -> str:
        asked.append(messages[0].text)
        return "ok"

    async def body(n: int) -> str:
        left = [rounds_left()]
        for i in range(n):
            await sample(f"{i}")
            left.append(rounds_left())
        return str(left)

    async with client_of(server_with(Sampling(), body), MODERN, count) as client:
        assert text_of(await client.call_tool("body", {"n": 10})) == str(list(range(10, -1, -1)))
        asked.clear()
        result = await client.call_tool("body", {"n": 11})
    assert result.is_error
    assert "All 10 rounds" in text_of(result)
    assert len(asked) == 10, "the eleventh was never asked for"


async def test_over_the_rounds_the_fallback_goes_on() -> None:
    async def body() -> str:
        return " ".join([(await sample(f"{i}")).route for i in range(12)])

    sampling = Sampling(fallback=shout)
    async with client_of(server_with(sampling, body), MODERN, shout) as client:
        routes = text_of(await client.call_tool("body", {})).split()
    assert routes == ["client"] * 10 + ["fallback"] * 2


async def test_a_legacy_connection_has_no_rounds_to_count() -> None:
    async def body() -> str:
        return str(rounds_left())

    async with client_of(server_with(Sampling(), body), "legacy", shout) as client:
        assert text_of(await client.call_tool("body", {})) == "None"


async def test_outside_of_a_request_sample_says_what_is_missing(era: str) -> None:
    with pytest.raises(ConfigurationError, match=r"middleware=\[Sampling\(\)\]"):
        await sample("?")
    server = MCPServer("no middleware")

    @server.tool()
    async def body() -> str:
        try:
            await sample("?")
        except ConfigurationError as error:
            return str(error)
        return "unreachable"

    async with client_of(server, era, shout) as client:
        assert "There is no request here" in text_of(await client.call_tool("body", {}))


async def test_of_two_in_a_row_the_outer_one_serves(era: str) -> None:
    inner = Sampling()
    server = MCPServer("bench", middleware=[Sampling(), inner])
    server.tool()(three_in_a_row)
    inner.attach(server)
    async with client_of(server, era, shout) as client:
        assert text_of(await client.call_tool("three_in_a_row", {"text": "x"})) == "X ONE TWO THREE"


async def test_one_is_for_one_server() -> None:
    sampling, server = Sampling(), MCPServer("first")
    assert sampling.attach(sampling.attach(server)) is server
    with pytest.raises(ConfigurationError, match="attached to first already"):
        sampling.attach(MCPServer("second"))
    async with client_of(server, MODERN, shout) as client:
        assert (await client.list_tools()).tools == []


@pytest.mark.parametrize("wrong", [object(), 7])
async def test_attaching_to_something_else_is_refused(wrong: Any) -> None:
    with pytest.raises(ConfigurationError, match="cannot attach"):
        Sampling().attach(wrong)


async def test_an_unknown_fallback_reason_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="bored"):
        Sampling(fallback_on={"bored"})  # type: ignore[arg-type]


@pytest.mark.parametrize("setting", ["timeout", "max_rounds", "max_parked", "park_lifetime"])
@pytest.mark.parametrize("value", [0, -1, float("nan")])
async def test_a_setting_that_cannot_work_is_refused(setting: str, value: float) -> None:
    with pytest.raises(ConfigurationError, match=f"{setting} must be more than 0"):
        Sampling(**{setting: value})  # type: ignore[arg-type]


async def test_interim_results_carry_the_servers_identity() -> None:
    rounds = Rounds()
    server = server_with(Sampling(), three_in_a_row, rounds=rounds)
    async with client_of(server, MODERN, shout) as client:
        await client.list_tools()
        await client.call_tool("three_in_a_row", {"text": "x"})
    stamps = [result["_meta"]["io.modelcontextprotocol/serverInfo"]["name"] for result in rounds.results]
    assert stamps == ["bench"] * 4


async def test_a_request_that_is_over_is_freed_at_once(era: str) -> None:
    """Without the collector of cycles: a request may hold megabytes of arguments."""
    sessions = []

    async def body(ctx: Context) -> str:
        assert isinstance(ctx.session, SamplingSession)
        sessions.append(weakref.ref(ctx.session._open.session))
        return f"{await sample('a')} {said(await ctx.session.create_message(messages=[user('b')], max_tokens=9))}"

    async with client_of(server_with(Sampling(), body), era, shout) as client:
        await client.call_tool("body", {})  # what is loaded and made once
        sessions.clear()
        gc.collect()
        gc.disable()
        try:
            for _ in range(5):
                await client.call_tool("body", {})
            await anyio.lowlevel.checkpoint()
            left = sum(session() is not None for session in sessions)
        finally:
            gc.enable()
    assert left <= 1, "the last may still be on its way out"


async def test_many_clients_at_once_get_their_own_answers(era: str) -> None:
    server = server_with(Sampling(), three_in_a_row)
    results: dict[int, str] = {}

    async def one(number: int) -> None:
        async with client_of(server, era, shout) as client:
            results[number] = text_of(await client.call_tool("three_in_a_row", {"text": f"c{number}"}))

    async with anyio.create_task_group() as tasks:
        for number in range(25):
            tasks.start_soon(one, number)
    assert results == {number: f"C{number} ONE TWO THREE" for number in range(25)}
