"""`OpenAIResponsesModel`: what is its own."""

from __future__ import annotations

from typing import Any

import pytest

from tests.models.facade import Facade, Reply
from tests.models.providers import KEY, OpenAIResponses, ask
from upcall.errors import ModelUnavailable
from upcall.models import Model, OpenAIResponsesModel
from upcall.wire import decode_request, encode

pytestmark = pytest.mark.anyio

ADD = {"name": "add", "inputSchema": {"type": "object"}}
REASONING: dict[str, Any] = {
    "id": "rs_1",
    "type": "reasoning",
    "summary": [],
    "encrypted_content": "c2VjcmV0",
    "status": None,
}
KEPT: dict[str, Any] = {"id": "rs_1", "type": "reasoning", "summary": [], "encrypted_content": "c2VjcmV0"}


@pytest.mark.parametrize(
    ("base_url", "shown"),
    [
        (None, "openai-responses/m"),
        ("https://eu.api.openai.com/v1/", "openai-responses/m"),
        ("https://user:word@host.example/v1?key=secret", "openai-responses/m@https://host.example/v1"),
    ],
)
def test_its_name_shows_the_address_and_no_secret(base_url: str | None, shown: str) -> None:
    model = OpenAIResponsesModel("m", base_url=base_url)
    assert isinstance(model, Model)
    assert model.name == shown
    assert repr(model) == f"OpenAIResponsesModel({shown!r})"


async def test_nothing_is_stored_at_the_provider() -> None:
    async with Facade(OpenAIResponses().answer()) as facade:
        model = OpenAIResponses().model(facade.url)
        await model.complete(ask())
        await model.aclose()
    body = facade.seen[0].body
    assert body["store"] is False
    assert not {"previous_response_id", "conversation", "metadata"} & body.keys()


def call(number: int) -> dict[str, Any]:
    return {"type": "function_call", "call_id": f"call_{number}", "name": "add", "arguments": f'{{"a": {number}}}'}


async def continued(*output: dict[str, Any], changed: dict[str, Any] | None = None) -> list[dict[str, Any]]:
    """The assistant's items as they are sent back after an answer of ``output``, without the user's.

    ``changed`` alters the tool uses on the way, as a server might.
    """
    first = {**OpenAIResponses().answer(), "output": list(output)}
    async with Facade(first, OpenAIResponses().answer()) as facade:
        model = OpenAIResponses().model(facade.url)
        asked = encode(ask(tools=[ADD]))
        result = encode((await model.complete(decode_request(asked))).result)
        assert "c2VjcmV0" not in repr(result)
        assert "fc_" not in repr(result)
        blocks = [{**block, **(changed or {})} if block["type"] == "tool_use" else block for block in result["content"]]
        uses = [block["id"] for block in blocks if block["type"] == "tool_use"]
        asked["messages"] += [
            {"role": "assistant", "content": blocks},
            {"role": "user", "content": [{"type": "tool_result", "toolUseId": use, "content": []} for use in uses]},
        ]
        await model.complete(decode_request(asked))
        await model.aclose()
    return [item for item in facade.seen[1].body["input"][1:] if item["type"] != "function_call_output"]


async def test_reasoning_goes_back_with_its_call_and_to_nobody_else() -> None:
    assert await continued(REASONING, {**call(1), "id": "fc_1", "status": "completed"}) == [
        KEPT,
        {**call(1), "id": "fc_1"},
    ]


async def test_reasoning_stands_before_the_text_that_came_between() -> None:
    said = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "I add."}]}
    assert await continued(REASONING, said, {**call(1), "id": "fc_1"}) == [KEPT, said, {**call(1), "id": "fc_1"}]


async def test_reasoning_between_calls_goes_back_to_its_place() -> None:
    again = {"id": "rs_2", "type": "reasoning", "summary": [], "encrypted_content": "c2VjcmV0Mg=="}
    output = [KEPT, {**call(1), "id": "fc_1"}, again, {**call(2), "id": "fc_2"}]
    assert await continued(*output) == output


async def test_a_call_without_reasoning_goes_back_without_the_providers_id() -> None:
    assert await continued({**call(1), "id": "fc_1"}) == [call(1)]


async def test_reasoning_that_cannot_be_read_again_is_not_kept() -> None:
    bare = {"id": "rs_1", "type": "reasoning", "summary": [{"type": "summary_text", "text": "Hm."}]}
    assert await continued(bare, {**call(1), "id": "fc_1"}) == [call(1)]


async def test_a_tool_use_that_was_changed_brings_no_reasoning_back() -> None:
    (sent,) = await continued(REASONING, {**call(1), "id": "fc_1"}, changed={"input": {"a": 99}})
    assert sent == {**call(1), "arguments": '{"a": 99}'}


async def test_a_model_that_does_not_encrypt_is_asked_once_more_without(monkeypatch: pytest.MonkeyPatch) -> None:
    complaint = {"message": "Encrypted content is not supported with this model.", "param": "include", "code": None}
    async with Facade(Reply(400, {"error": complaint}), OpenAIResponses().answer()) as facade:
        # OpenAI itself, as far as the model can tell.
        model = OpenAIResponses().model(facade.url)
        monkeypatch.setattr(model._endpoint, "is_home", True)
        completion = await model.complete(ask(tools=[ADD]))
        await model.aclose()
    assert ["include" in seen.body for seen in facade.seen] == [True, False]
    assert (completion.attempts, completion.adjustments) == (2, ())


async def test_a_failure_told_with_status_200_has_an_error_of_its_own_and_shows_no_key() -> None:
    failed = {**OpenAIResponses().answer(), "status": "failed", "output": []}
    failed["error"] = {"code": "server_error", "message": f"Oops, {KEY}"}
    async with Facade(failed) as facade:
        model = OpenAIResponses().model(facade.url)
        with pytest.raises(ModelUnavailable) as caught:
            await model.complete(ask())
        await model.aclose()
    assert caught.value.detail == "server_error: Oops, [redacted]"
    assert caught.value.attempts == 1
