"""The transports with the real SDKs against a real model: the embedded one's HTTP endpoints.

What a small model says is not tested, only that requests are understood and answers have their shape.
"""

from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import AsyncIterator, Callable

import anyio
import pytest

from tests.models.providers import ask
from upcall import errors
from upcall.models import AnthropicModel, EmbeddedModel, Model, OpenAIModel, OpenAIResponsesModel
from upcall.wire import TextContent, decode_request, encode

pytestmark = [pytest.mark.anyio, pytest.mark.embedded]

NAME = "smollm2"
KINDS: dict[str, Callable[..., Model]] = {
    "anthropic": AnthropicModel,
    "openai": OpenAIModel,
    "openai-responses": OpenAIResponsesModel,
}


@pytest.fixture(params=KINDS)
async def model(request: pytest.FixtureRequest, embedded_model: EmbeddedModel) -> AsyncIterator[Model]:
    url, key = await embedded_model.http_endpoint()
    base_url = url if request.param == "anthropic" else f"{url}/v1"
    made = KINDS[request.param](NAME, base_url=base_url, api_key=key, timeout=90)
    yield made
    await made.aclose()


async def test_a_real_model_answers(model: Model) -> None:
    request = ask("Say hello to Bob.", systemPrompt="You are a friendly assistant.", maxTokens=24, temperature=0)
    completion = await model.complete(request)
    assert isinstance(completion.result.content, TextContent)
    assert completion.result.text.strip()
    assert completion.result.role == "assistant"
    assert completion.result.stop_reason in ("endTurn", "maxTokens")
    assert completion.usage is not None
    assert completion.usage.input_tokens > 5
    assert 0 < completion.usage.output_tokens <= 24


async def test_the_limit_holds_and_is_told(model: Model) -> None:
    completion = await model.complete(ask("Count from one to one hundred.", maxTokens=5, temperature=0))
    assert completion.result.stop_reason == "maxTokens"
    assert completion.usage is not None
    assert completion.usage.output_tokens <= 5


async def test_a_stop_sequence_never_shows(model: Model) -> None:
    # No English text of this length goes without one of them.
    request = ask("Tell me about the sea.", maxTokens=40, temperature=0, stopSequences=["e", "a", " ", "i", "o"])
    completion = await model.complete(request)
    assert not set(completion.result.text) & set("ea io")


async def test_a_conversation_with_tool_results_is_understood(model: Model) -> None:
    request = encode(ask("What is 1 + 1?", maxTokens=24, temperature=0, systemPrompt="Answer briefly."))
    request["messages"] += [
        {"role": "assistant", "content": [{"type": "tool_use", "id": "c:1", "name": "math/add", "input": {"a": 1}}]},
        {
            "role": "user",
            "content": [{"type": "tool_result", "toolUseId": "c:1", "content": [{"type": "text", "text": "2"}]}],
        },
    ]
    request["tools"] = [{"name": "math/add", "inputSchema": {"type": "object", "properties": {"a": {}}}}]
    request["toolChoice"] = {"mode": "none"}
    completion = await model.complete(decode_request(request))
    assert isinstance(completion.result.content, list)
    assert {"tools[0].name", "messages[1].content[0].id"} <= {each.field for each in completion.adjustments}


async def test_an_image_is_too_much_for_a_text_model(model: Model) -> None:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
    pixel = zlib.compress(b"\x00\x00")
    png = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixel) + chunk(b"IEND", b"")
    image = {"type": "image", "data": base64.b64encode(png).decode(), "mimeType": "image/png"}
    request = {"messages": [{"role": "user", "content": image}], "maxTokens": 5}
    with pytest.raises(errors.UnsupportedContent):
        await model.complete(decode_request(request))


async def test_too_long_a_prompt_is_rejected(model: Model) -> None:
    with pytest.raises(errors.ModelRejected) as caught:
        await model.complete(ask("word " * 9000, maxTokens=5))
    assert "context" in caught.value.detail


@pytest.mark.parametrize("kind", KINDS)
async def test_a_wrong_key_is_not_accepted(kind: str, embedded_model: EmbeddedModel) -> None:
    url, _ = await embedded_model.http_endpoint()
    base_url = url if kind == "anthropic" else f"{url}/v1"
    model = KINDS[kind](NAME, base_url=base_url, api_key="wrong-key-0123")
    with pytest.raises(errors.AuthenticationFailed) as caught:
        await model.complete(ask())
    await model.aclose()
    assert "wrong-key-0123" not in caught.value.detail + repr(caught.value)


async def test_requests_at_one_time_all_get_their_answer(model: Model) -> None:
    answers: list[str] = []

    async def one(text: str) -> None:
        answers.append((await model.complete(ask(text, maxTokens=4, temperature=0))).result.text)

    with anyio.fail_after(90):
        async with anyio.create_task_group() as group:
            for text in ("Say one.", "Say two.", "Say three."):
                group.start_soon(one, text)
    assert len(answers) == 3
