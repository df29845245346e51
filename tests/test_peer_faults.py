"""Faults that other implementations of sampling have shown, and that this one must not have.

Each test names the fault. Those that need policy, people or the gateway come with these rooms.
"""

from __future__ import annotations

import asyncio
import random
from typing import Any

import anyio
import mcp_types as types
import pytest
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError
from pydantic import BaseModel

from tests.server.peers import ERAS, MODERN, Rounds, client_of, server_with, text_of, user
from upcall.host import Host
from upcall.server import Sampling, sample
from upcall.testing import ScriptedModel
from upcall.wire import ImageContent, SamplingResult, TextContent, ToolUse, check_turns

pytestmark = pytest.mark.anyio


class City(BaseModel):
    name: str


both_eras = pytest.mark.parametrize("era", ERAS)


@both_eras
async def test_a_structured_answer_is_asked_for_again_with_a_sound_transcript(era: str) -> None:
    wrong, right = (
        ToolUse(id="a", name="submit_result", input={}),
        ToolUse(id="b", name="submit_result", input={"name": "Rome"}),
    )
    model = ScriptedModel(wrong, right)

    async def body() -> str:
        return str((await sample("?", result_type=City)).result.name)

    async with client_of(server_with(Sampling(), body), era, Host(model)) as client:
        assert text_of(await client.call_tool("body", {})) == "Rome"
    for request in model.requests:
        check_turns(request.messages)


@both_eras
@pytest.mark.parametrize("tools", [True, False], ids=["with sampling.tools", "without"])
async def test_a_type_is_of_use_with_and_without_tools_and_json_text_counts(era: str, tools: bool) -> None:
    async def text_only(context: Any, params: Any) -> types.CreateMessageResult:
        text = types.TextContent(type="text", text='{"name": "Rome"}')
        return types.CreateMessageResult(role="assistant", model="m", content=text, stop_reason="endTurn")

    async def body() -> str:
        return str((await sample("?", result_type=City)).result.name)

    declared = Host(ScriptedModel(), tools=tools).sampling_capabilities
    options = {"sampling_callback": text_only, "sampling_capabilities": declared}
    async with client_of(server_with(Sampling(), body), era, **options) as client:
        assert text_of(await client.call_tool("body", {})) == "Rome"


@both_eras
@pytest.mark.parametrize("route", ["client", "fallback"])
async def test_a_picture_in_the_answer_is_not_lost(era: str, route: str) -> None:
    picture = ImageContent(data="aGk=", mime_type="image/png")
    model = ScriptedModel(picture)
    seen: list[Any] = []

    async def body() -> str:
        seen.extend((await sample("draw")).content)
        return "done"

    sampling = Sampling(fallback=model if route == "fallback" else None)
    answer = Host(model) if route == "client" else None
    async with client_of(server_with(sampling, body), era, answer) as client:
        await client.call_tool("body", {})
    assert seen == [picture]


@both_eras
async def test_parallel_samples_run_in_parallel(era: str) -> None:
    model = ScriptedModel("x", repeat=True, delay=0.05)

    async def body() -> str:
        await asyncio.gather(*(sample("?") for _ in range(5)))
        return "done"

    async with client_of(server_with(Sampling(), body), era, Host(model)) as client:
        await client.call_tool("body", {})
    assert model.most_active == 5


async def test_a_model_does_not_work_on_after_its_caller_timed_out() -> None:
    model = ScriptedModel("late", delay=60)

    async def body() -> str:
        await sample("?", timeout=0.05)
        return "unreachable"

    async with client_of(server_with(Sampling(), body), "legacy", Host(model)) as client:
        assert (await client.call_tool("body", {})).is_error
        with anyio.fail_after(5):
            while not model.cancelled:
                await anyio.lowlevel.checkpoint()
    assert model.active == 0


@both_eras
@pytest.mark.parametrize("route", ["client", "fallback"])
async def test_the_text_of_a_foreign_exception_crosses_no_border(era: str, route: str) -> None:
    model = ScriptedModel(RuntimeError("key=sk-secret at /home/ann"), repeat=True)
    sampling = Sampling(fallback=model if route == "fallback" else None)
    heard: list[str] = []

    async def body() -> str:
        try:
            await sample("?")
        except Exception as error:
            heard.append(f"{error!s} {error!r} {error.args}")
            raise
        return "unreachable"

    answer = Host(model) if route == "client" else None
    async with client_of(server_with(sampling, body), era, answer) as client:
        try:
            heard.append(text_of(await client.call_tool("body", {})))
        except Exception as error:  # a modern client fails the call on its own side
            heard.append(str(error))
    await sampling.aclose()
    assert heard
    assert "sk-secret" not in " ".join(heard)
    assert "/home/ann" not in " ".join(heard)


@both_eras
async def test_a_prompt_that_differs_each_time_is_asked_once(era: str) -> None:
    model = ScriptedModel.echo()

    async def body() -> str:
        first = str(await sample(f"{random.random()}"))
        return str(await sample(f"{random.random()} after {first}"))

    async with client_of(server_with(Sampling(), body), era, Host(model)) as client:
        await client.call_tool("body", {})
    assert len(model.requests) == 2


async def test_the_state_does_not_grow_with_the_answers() -> None:
    rounds = Rounds()

    async def body() -> str:
        for _ in range(10):
            await sample("?")
        return "done"

    async with client_of(
        server_with(Sampling(), body, rounds=rounds), MODERN, Host(ScriptedModel("long " * 5000, repeat=True))
    ) as client:
        await client.call_tool("body", {})
    sizes = [len(result["requestState"]) for result in rounds.results if "requestState" in result]
    assert len(sizes) == 10
    assert len(set(sizes)) == 1
    assert sizes[0] < 100


@both_eras
@pytest.mark.parametrize("reason", ["refusal", "contentFilter", "something new"])
async def test_a_refusal_is_not_an_end_of_turn_and_the_models_name_is_kept(era: str, reason: str) -> None:
    refused = SamplingResult(
        role="assistant", content=TextContent(text="I cannot."), model="claude-x", stop_reason=reason
    )

    async def body() -> str:
        reply = await sample("?")
        return f"{reply.stop_reason} {reply.model}"

    async with client_of(server_with(Sampling(), body), era, Host(ScriptedModel(refused))) as client:
        assert text_of(await client.call_tool("body", {})) == f"{reason} claude-x"


@both_eras
async def test_a_plain_string_is_enough_and_so_is_a_list_of_one(era: str) -> None:
    async def body() -> str:
        return f"{await sample('one')} {await sample(['two'])}"

    async with client_of(server_with(Sampling(), body), era, Host(ScriptedModel.echo())) as client:
        assert text_of(await client.call_tool("body", {})) == "one two"


@both_eras
async def test_a_client_without_sampling_leaves_the_tool_useful(era: str) -> None:
    async def body(ctx: Context) -> str:
        try:
            await ctx.session.create_message(messages=[user("?")], max_tokens=9)
        except Exception:
            return "a plain answer instead"
        raise ToolError("it sampled")

    async with client_of(server_with(Sampling(), body), era) as client:
        assert text_of(await client.call_tool("body", {})) == "a plain answer instead"
