"""The scripted model plays its script, and remembers."""

from __future__ import annotations

import anyio
import anyio.lowlevel
import pytest

from upcall.errors import RateLimited
from upcall.models import Completion, Model, Usage
from upcall.testing import ScriptedModel, ScriptExhausted
from upcall.wire import SamplingRequest, SamplingResult, TextContent, ToolUse, check_result, decode_request

pytestmark = pytest.mark.anyio

USE = ToolUse(id="1", name="add", input={"a": 1})
TOOLS = [{"name": "add", "inputSchema": {"type": "object"}}]


def ask(text: str = "Hello there.", **members: object) -> SamplingRequest:
    message = {"role": "user", "content": {"type": "text", "text": text}}
    return decode_request({"messages": [message], "maxTokens": 5, **members})


def test_it_is_a_model() -> None:
    model = ScriptedModel("Hi.", name="scripted/mine")
    assert isinstance(model, Model)
    assert model.name == "scripted/mine"


async def test_it_plays_its_lines_in_order_and_remembers_what_it_was_asked() -> None:
    model = ScriptedModel("One.", "Two.")
    requests = [ask("First?"), ask("Second?")]
    answers = [(await model.complete(request)).result for request in requests]
    assert [answer.content for answer in answers] == [TextContent(text="One."), TextContent(text="Two.")]
    assert {answer.stop_reason for answer in answers} == {"endTurn"}
    assert model.requests == requests


async def test_one_call_too_many_fails_the_test() -> None:
    model = ScriptedModel("One.")
    await model.complete(ask())
    with pytest.raises(ScriptExhausted, match="1 lines, and this is call 2"):
        await model.complete(ask())
    assert len(model.requests) == 1


async def test_the_last_line_repeats_when_it_may() -> None:
    model = ScriptedModel("One.", "More.", repeat=True)
    assert [(await model.complete(ask())).result.text for _ in range(3)] == ["One.", "More.", "More."]
    with pytest.raises(ValueError, match="no last line"):
        ScriptedModel(repeat=True)


async def test_tool_uses_come_as_the_request_wants_them() -> None:
    model = ScriptedModel(USE, [TextContent(text="I add."), USE], "No need.")
    request = ask(tools=TOOLS)
    for expected, reason in (([USE], "toolUse"), ([TextContent(text="I add."), USE], "toolUse"), (None, "endTurn")):
        result = (await model.complete(request)).result
        check_result(result, request)
        assert isinstance(result.content, list)
        assert expected is None or result.content == expected
        assert result.stop_reason == reason


async def test_errors_are_raised_as_objects_or_classes() -> None:
    model = ScriptedModel(RateLimited("Slow down.", retry_after=3), KeyError)
    with pytest.raises(RateLimited) as caught:
        await model.complete(ask())
    assert caught.value.retry_after == 3
    with pytest.raises(KeyError):
        await model.complete(ask())


async def test_a_function_sees_the_request() -> None:
    async def later(request: SamplingRequest) -> str:
        await anyio.lowlevel.checkpoint()
        return request.messages[0].text.upper()

    model = ScriptedModel(lambda request: f"{request.max_tokens}", later)
    assert (await model.complete(ask())).result.text == "5"
    assert (await model.complete(ask("so."))).result.text == "SO."


async def test_whole_results_and_completions_go_through() -> None:
    result = SamplingResult(role="assistant", content=TextContent(text="I"), model="m", stop_reason="refusal")
    completion = Completion(result=result, usage=None)
    model = ScriptedModel(result, completion)
    assert (await model.complete(ask())).result is result
    assert await model.complete(ask()) is completion


async def test_usage_counts_words_and_maxtokens_cuts_them() -> None:
    model = ScriptedModel("one two three four five six seven")
    completion = await model.complete(ask("Count to seven.", systemPrompt="Be brief."))
    assert completion.result.text == "one two three four five"
    assert completion.result.stop_reason == "maxTokens"
    assert completion.usage == Usage(input_tokens=5, output_tokens=5)


async def test_the_echo_says_what_it_hears() -> None:
    model = ScriptedModel.echo()
    assert (await model.complete(ask("Hello."))).result.text == "Hello."
    assert (await model.complete(ask("Again."))).result.text == "Again."


async def test_it_waits_its_delay_and_notices_cancellation() -> None:
    model = ScriptedModel("Late.", "Now.", delay=3600)
    with anyio.fail_after(10):
        async with anyio.create_task_group() as group:
            group.start_soon(model.complete, ask())
            group.start_soon(model.complete, ask())
            await anyio.wait_all_tasks_blocked()
            assert (model.active, model.most_active, model.cancelled) == (2, 2, 0)
            group.cancel_scope.cancel()
    assert (model.active, model.cancelled, len(model.requests)) == (0, 2, 2)


async def test_closing_is_counted() -> None:
    model = ScriptedModel()
    await model.aclose()
    assert model.closed == 1
