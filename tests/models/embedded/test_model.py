"""The embedded model, for real. What it says is never looked at, only the shape of it."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from pathlib import Path
from typing import Any

import anthropic
import openai
import pytest

from upcall.errors import ConfigurationError, ModelRejected, UnsupportedContent
from upcall.models import Completion, Model
from upcall.models.embedded import EmbeddedModel
from upcall.wire import SamplingCapability, SamplingRequest, TextContent, check_request, check_result, decode_request

pytestmark = [pytest.mark.anyio, pytest.mark.embedded]

ADD = {
    "name": "add",
    "description": "Adds two numbers",
    "inputSchema": {
        "type": "object",
        "properties": {"a": {"$ref": "#/$defs/N"}, "b": {"$ref": "#/$defs/N"}},
        "required": ["a", "b"],
        "$defs": {"N": {"type": "integer", "minimum": 0, "maximum": 99}},
    },
}
WEATHER = {
    "name": "get_weather",
    "inputSchema": {"type": "object", "properties": {"city": {"enum": ["Paris", "Rome"]}}, "required": ["city"]},
}
PATIENCE = 30
"""Seconds for what takes one or two on a machine that has nothing else to do."""


def _request(text: str = "Tell me a long story.", *more: dict[str, Any], **fields: Any) -> SamplingRequest:
    first = {"role": "user", "content": {"type": "text", "text": text}}
    request = decode_request({"messages": [first, *more], "maxTokens": 8, "systemPrompt": "You help.", **fields})
    check_request(request, declared=SamplingCapability(tools={}))
    return request


async def _complete(model: Model, request: SamplingRequest) -> Completion:
    """A completion that is checked against its request."""
    async with asyncio.timeout(PATIENCE):
        completion = await model.complete(request)
    check_result(completion.result, request)
    assert completion.usage is not None
    assert 0 < completion.usage.output_tokens <= request.max_tokens
    assert completion.usage.input_tokens > 0
    return completion


async def test_it_is_a_model_and_answers_with_text(embedded_model: EmbeddedModel) -> None:
    assert isinstance(embedded_model, Model)
    completion = await _complete(embedded_model, _request("Say hello.", maxTokens=60))
    assert isinstance(completion.result.content, TextContent)
    assert completion.result.text
    assert completion.result.model == embedded_model.name == "local/smollm2"
    assert completion.result.stop_reason in ("endTurn", "maxTokens")
    assert completion.adjustments == ()


@pytest.mark.parametrize("limit", [1, 7])
async def test_max_tokens_is_respected(embedded_model: EmbeddedModel, limit: int) -> None:
    completion = await _complete(embedded_model, _request(maxTokens=limit))
    assert completion.usage is not None
    assert completion.usage.output_tokens == limit
    assert completion.result.stop_reason == "maxTokens"


async def test_a_stop_sequence_ends_the_answer_before_itself(embedded_model: EmbeddedModel) -> None:
    # No story goes far without a space.
    completion = await _complete(embedded_model, _request(maxTokens=60, stopSequences=["never!", " "]))
    assert completion.result.stop_reason == "stopSequence"
    assert " " not in completion.result.text
    assert completion.usage is not None
    assert completion.usage.output_tokens < 60


async def test_too_long_a_prompt_is_rejected_with_both_numbers(embedded_model: EmbeddedModel) -> None:
    with pytest.raises(ModelRejected, match=r"\d{4} tokens.*4096"):
        await embedded_model.complete(_request("word " * 9000))


async def test_an_answer_that_fills_the_context_is_cut_and_says_so() -> None:
    numbers = {"type": "array", "items": {"enum": [0, 1]}, "minItems": 500}
    count = {"name": "count", "inputSchema": {"properties": {"n": numbers}, "required": ["n"]}}
    small = EmbeddedModel(n_ctx=256)
    completion = await _complete(small, _request(maxTokens=2000, tools=[count]))
    await small.aclose()
    assert completion.result.stop_reason == "maxTokens"
    assert ("maxTokens", "clamped") in {(each.field, each.action) for each in completion.adjustments}
    assert completion.usage is not None
    assert completion.usage.total_tokens <= 256


async def test_a_required_tool_is_used_with_arguments_of_its_schema(embedded_model: EmbeddedModel) -> None:
    request = _request("What is 2 and 3?", maxTokens=200, tools=[ADD], toolChoice={"mode": "required"})
    completion = await _complete(embedded_model, request)
    [use] = completion.result.tool_uses
    assert completion.result.stop_reason == "toolUse"
    assert set(use.input) == {"a", "b"}
    assert all(isinstance(value, int) and 0 <= value <= 99 for value in use.input.values())
    assert [adjustment.action for adjustment in completion.adjustments] == ["emulated"]


async def test_one_of_several_required_tools_is_used(embedded_model: EmbeddedModel) -> None:
    request = _request("What is 2 and 3?", maxTokens=200, tools=[WEATHER, ADD], toolChoice={"mode": "required"})
    completion = await _complete(embedded_model, request)
    [use] = completion.result.tool_uses
    assert set(use.input) == ({"city"} if use.name == "get_weather" else {"a", "b"})


async def test_a_loop_with_one_tool_calls_it_and_ends_in_text(embedded_model: EmbeddedModel) -> None:
    called = await _complete(embedded_model, _request("Weather in Paris?", maxTokens=200, tools=[WEATHER]))
    [use] = called.result.tool_uses
    turns = [
        {"role": "assistant", "content": [{"type": "tool_use", "id": use.id, "name": use.name, "input": use.input}]},
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "toolUseId": use.id, "content": [{"type": "text", "text": "Sunny, 21 °C."}]}
            ],
        },
    ]
    told = await _complete(embedded_model, _request("Weather in Paris?", *turns, maxTokens=40, tools=[WEATHER]))
    assert told.result.tool_uses == []
    assert told.result.text


async def test_a_tool_call_cut_by_the_limit_comes_back_as_text(embedded_model: EmbeddedModel) -> None:
    request = _request(maxTokens=3, tools=[ADD], toolChoice={"mode": "required"})
    completion = await _complete(embedded_model, request)
    assert completion.result.stop_reason == "maxTokens"
    assert completion.result.tool_uses == []


async def test_a_schema_that_the_runtime_does_not_know_is_a_rejection(embedded_model: EmbeddedModel) -> None:
    odd = {"name": "odd", "inputSchema": {"type": "object", "properties": {"x": {"type": "banana"}}}}
    with pytest.raises(ModelRejected) as caught:
        await embedded_model.complete(_request(tools=[odd], toolChoice={"mode": "required"}))
    assert "banana" in caught.value.detail


async def test_requests_are_served_one_by_one_in_order(embedded_model: EmbeddedModel) -> None:
    ended: list[int] = []

    async def ask(number: int) -> None:
        await _complete(embedded_model if number % 2 else EmbeddedModel(), _request(maxTokens=12 - number))
        ended.append(number)

    async with asyncio.TaskGroup() as group:
        for number in range(6):
            group.create_task(ask(number))
            await asyncio.sleep(0)
    assert ended == list(range(6))


async def test_cancelling_stops_the_work_and_frees_the_slot(embedded_model: EmbeddedModel) -> None:
    await _complete(embedded_model, _request(maxTokens=1))
    began = time.monotonic()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.5):
            await embedded_model.complete(_request(maxTokens=3000))
    assert time.monotonic() - began < 1.5
    await _complete(embedded_model, _request(maxTokens=1))
    # 3000 tokens would have taken a minute.
    assert time.monotonic() - began < 6


async def test_a_long_prompt_can_be_cancelled_midway(embedded_model: EmbeddedModel) -> None:
    began = time.monotonic()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            await embedded_model.complete(_request("word " * 3900))
    await _complete(embedded_model, _request("Hi.", maxTokens=1))
    # The whole prompt takes some 15 s.
    assert time.monotonic() - began < 8


async def test_a_request_cancelled_in_the_queue_leaves_the_others_alone(embedded_model: EmbeddedModel) -> None:
    async with asyncio.TaskGroup() as group:
        long, middle, last = (
            group.create_task(embedded_model.complete(_request(maxTokens=limit))) for limit in (3000, 3000, 2)
        )
        await asyncio.sleep(0)
        middle.cancel()
        await asyncio.wait([middle], timeout=1)
        assert middle.cancelled()
        assert not long.done()
        long.cancel()
    assert last.result().usage is not None


async def test_objects_of_one_file_share_what_is_loaded(embedded_model: EmbeddedModel) -> None:
    other = EmbeddedModel("smollm2")
    endpoint = await other.http_endpoint()
    assert endpoint == await embedded_model.http_endpoint()
    await other.aclose()
    assert endpoint == await embedded_model.http_endpoint()


async def test_closing_ends_its_endpoint_and_using_it_again_reloads() -> None:
    own = EmbeddedModel(n_ctx=512)
    await own.aclose()  # nothing to close yet
    url, key = await own.http_endpoint()
    await _complete(own, _request())
    await own.aclose()
    async with openai.AsyncOpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0) as client:
        with pytest.raises(openai.APIConnectionError):
            await client.models.list()
    await _complete(own, _request())
    await own.aclose()


@pytest.mark.skipif(sys.platform != "linux", reason="reads the resident size from /proc")
async def test_closing_frees_the_memory() -> None:
    own = EmbeddedModel(n_ctx=512)
    await _complete(own, _request())
    loaded = _resident_bytes()
    await own.aclose()
    assert loaded - _resident_bytes() > 80e6


def _resident_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


async def test_an_error_that_somebody_keeps_does_not_keep_the_model() -> None:
    own = EmbeddedModel(n_ctx=512)
    with pytest.raises(ModelRejected) as kept:
        await own.complete(_request("word " * 900))
    url, key = await own.http_endpoint()
    await own.aclose()
    async with openai.AsyncOpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0) as client:
        with pytest.raises(openai.APIConnectionError):
            await client.models.list()
    assert kept.value.status == 400


async def test_closing_lets_requests_under_way_finish() -> None:
    own = EmbeddedModel(n_ctx=512)
    request = asyncio.create_task(_complete(own, _request(maxTokens=10)))
    await asyncio.sleep(0)
    await own.aclose()
    assert (await request).usage is not None


def test_it_works_on_one_event_loop_after_another(embedded_model: EmbeddedModel) -> None:
    for _ in range(2):
        asyncio.run(_complete(embedded_model, _request(maxTokens=2)))


def test_a_loop_that_ends_mid_generation_leaves_the_slot_free(embedded_model: EmbeddedModel) -> None:
    async def leave() -> None:
        asyncio.get_running_loop().create_task(embedded_model.complete(_request(maxTokens=3000)))
        await embedded_model.http_endpoint()

    asyncio.run(leave())
    asyncio.run(_complete(embedded_model, _request(maxTokens=1)))


async def test_media_is_refused_before_anything_is_loaded() -> None:
    image = {"role": "user", "content": {"type": "image", "data": "AA==", "mimeType": "image/png"}}
    with pytest.raises(UnsupportedContent):
        await EmbeddedModel("/nowhere/at-all.gguf").complete(_request("Look:", image))


def test_an_unknown_name_is_refused_at_once() -> None:
    with pytest.raises(ConfigurationError, match="smollm2"):
        EmbeddedModel("gpt-5")


async def test_openais_sdk_can_use_its_endpoint(embedded_model: EmbeddedModel) -> None:
    url, key = await embedded_model.http_endpoint()
    async with openai.AsyncOpenAI(base_url=f"{url}/v1", api_key=key) as client:
        answer = await client.chat.completions.create(
            model="smollm2", messages=[{"role": "user", "content": "Hi."}], max_tokens=3
        )
    assert answer.choices[0].finish_reason in ("stop", "length")
    assert answer.usage is not None
    assert answer.usage.completion_tokens <= 3


async def test_anthropics_sdk_can_use_its_endpoint(embedded_model: EmbeddedModel) -> None:
    url, key = await embedded_model.http_endpoint()
    async with anthropic.AsyncAnthropic(base_url=url, api_key=key) as client:
        answer = await client.messages.create(
            model="smollm2", messages=[{"role": "user", "content": "Hi."}], max_tokens=3
        )
    assert answer.role == "assistant"
    assert answer.usage.output_tokens <= 3


async def test_its_endpoint_is_closed_to_those_without_the_key(embedded_model: EmbeddedModel) -> None:
    url, _ = await embedded_model.http_endpoint()
    async with openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="guess", max_retries=0) as client:
        with pytest.raises(openai.AuthenticationError):
            await client.chat.completions.create(model="smollm2", messages=[{"role": "user", "content": "Hi."}])
