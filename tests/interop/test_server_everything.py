"""A client with a `Host`, and the reference server of the TypeScript SDK."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from mcp import Client, StdioServerParameters

from tests.conformance.npm import Programs
from tests.conformance.scenarios import LEGACY
from tests.server.peers import text_of
from upcall.errors import SamplingRefused
from upcall.host import Host
from upcall.testing import ScriptedModel

pytestmark = [pytest.mark.anyio, pytest.mark.slow, pytest.mark.timeout(600)]

_TOOL = "trigger-sampling-request"


@pytest.fixture
def everything(programs: Programs) -> StdioServerParameters:
    return StdioServerParameters(
        command=programs.node, args=[programs.package("server-everything", "dist/index.js"), "stdio"]
    )


# The server speaks revisions up to 2025-11-25: "auto" finds that out, "legacy" does not ask.
@pytest.fixture(params=["auto", "legacy"])
def mode(request: pytest.FixtureRequest) -> Any:
    return request.param


@asynccontextmanager
async def connected(server: StdioServerParameters, mode: Any, model: ScriptedModel) -> AsyncIterator[Client]:
    async with Host(model) as host, Client(server, mode=mode, sampling_callback=host.callback) as client:
        assert client.protocol_version == LEGACY
        yield client


async def test_its_sampling_tool_gets_the_models_answer(everything: StdioServerParameters, mode: Any) -> None:
    model = ScriptedModel("Nineteen.")
    async with connected(everything, mode, model) as client:
        result = await client.call_tool(_TOOL, {"prompt": "How many?", "maxTokens": 40})
    assert not result.is_error
    assert json.loads(text_of(result).partition("\n")[2]) == {
        "role": "assistant",
        "content": {"type": "text", "text": "Nineteen."},
        "model": "scripted/test",
        "stopReason": "endTurn",
    }
    (asked,) = model.requests
    assert asked.max_tokens == 40
    assert asked.temperature == 0.7
    assert asked.system_prompt == "You are a helpful test server."
    assert asked.messages[0].text.endswith("context: How many?")


async def test_a_refusal_reaches_it_as_the_protocols_error(everything: StdioServerParameters, mode: Any) -> None:
    model = ScriptedModel(SamplingRefused("The user said no."))
    async with connected(everything, mode, model) as client:
        result = await client.call_tool(_TOOL, {"prompt": "How many?"})
    assert result.is_error
    assert "-1" in text_of(result)
    assert "The user said no." in text_of(result)


async def test_it_offers_the_tool_to_clients_that_sample_only(everything: StdioServerParameters, mode: Any) -> None:
    async with Client(everything, mode=mode) as client:
        mute = {tool.name for tool in (await client.list_tools()).tools}
    async with connected(everything, mode, ScriptedModel.echo()) as client:
        able = {tool.name for tool in (await client.list_tools()).tools}
    assert able - mute == {_TOOL}
