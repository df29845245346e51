"""Plain functions as models."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from typing import Any

import mcp_types
import pytest

from tests.host.playbook import answer, asked
from upcall.errors import ConfigurationError, InvalidAnswer
from upcall.host import Host, SamplingContext, handler
from upcall.models import Model
from upcall.wire import ModelHint, ModelPreferences, SamplingMessage, SamplingRequest, TextContent, encode

pytestmark = pytest.mark.anyio


async def _text(function: Callable[..., Any]) -> str:
    return (await handler(function).complete(asked("hi"))).result.text


async def test_it_receives_messages_params_and_context() -> None:
    seen: list[tuple[list[SamplingMessage], SamplingRequest, SamplingContext]] = []

    async def function(messages: list[SamplingMessage], params: SamplingRequest, context: SamplingContext) -> str:
        seen.append((messages, params, context))
        return "ok"

    request = asked(
        "hi",
        system_prompt="Be brief.",
        temperature=0.2,
        stop_sequences=["END"],
        model_preferences=ModelPreferences(hints=[ModelHint(name="claude")], speed_priority=0.5),
        metadata={"trace": "1"},
    )
    async with Host(function) as host:
        await host.answer(request, server="logs", version="2025-11-25", request_id=7)
    ((messages, params, context),) = seen
    assert [message.text for message in messages] == ["hi"]
    assert params == request
    assert (context.server, context.request_id, context.version, context.era) == ("logs", 7, "2025-11-25", "legacy")


async def test_it_may_take_fewer_arguments() -> None:
    def one(messages: list[SamplingMessage]) -> str:
        return messages[0].text

    def two(messages: list[SamplingMessage], params: SamplingRequest) -> str:
        return f"{messages[0].text} {params.max_tokens}"

    def with_default(
        messages: list[SamplingMessage], shout: SamplingRequest | None = None, *, loud: bool = False
    ) -> str:
        return str(shout is not None and not loud)

    def any_number(*arguments: object) -> str:
        return str(len(arguments))

    assert await _text(one) == "hi"
    assert await _text(two) == "hi 100"
    assert await _text(with_default) == "True"
    assert await _text(any_number) == "3"


class _Bot:
    async def __call__(self, messages: list[SamplingMessage]) -> str:
        return messages[0].text

    def method(self, messages: list[SamplingMessage]) -> str:
        return messages[0].text


async def test_it_may_be_a_method_a_partial_or_an_object() -> None:
    def function(prefix: str, messages: list[SamplingMessage]) -> str:
        return prefix + messages[0].text

    async def later(messages: list[SamplingMessage]) -> str:
        return messages[0].text

    assert await _text(_Bot()) == "hi"
    assert await _text(_Bot().method) == "hi"
    assert await _text(functools.partial(function, ">")) == ">hi"
    assert await _text(lambda messages: later(messages)) == "hi"


async def test_its_name_is_the_functions() -> None:
    def my_model(messages: object) -> str:
        return "ok"

    assert handler(my_model).name == "handler/my_model"
    assert handler(lambda messages: "ok").name == "handler/lambda"
    assert handler(_Bot()).name == "handler/_Bot"
    assert handler(my_model, name="house/model").name == "house/model"
    assert isinstance(handler(my_model), Model)


async def test_a_sync_function_runs_in_a_worker_thread_and_still_knows_who_asks() -> None:
    def function(messages: object, params: object, context: SamplingContext) -> str:
        return f"{threading.current_thread() is threading.main_thread()} {context.server}"

    async with Host(function) as host:
        completion = await host.answer(asked(), server="logs")
    assert completion.result.text == "False logs"


async def test_outside_of_a_host_the_context_is_empty() -> None:
    def function(messages: object, params: object, context: SamplingContext) -> str:
        return f"{context.server!r} {context.request_id}"

    assert await _text(function) == "'' None"


async def test_a_string_becomes_a_result_that_names_the_handler() -> None:
    def my_model(messages: object) -> str:
        return "ok"

    completion = await handler(my_model).complete(asked())
    assert encode(completion.result) == {
        "role": "assistant",
        "content": {"type": "text", "text": "ok"},
        "model": "handler/my_model",
        "stopReason": "endTurn",
    }
    assert completion.usage is None


_RESULT = answer("Rayleigh.").result


@pytest.mark.parametrize(
    "value",
    [
        _RESULT,
        answer("Rayleigh."),
        encode(_RESULT),
        mcp_types.CreateMessageResult.model_validate(encode(_RESULT)),
        mcp_types.CreateMessageResultWithTools.model_validate(encode(_RESULT)),
    ],
    ids=["SamplingResult", "Completion", "dict", "CreateMessageResult", "CreateMessageResultWithTools"],
)
async def test_it_may_return_a_full_result(value: object) -> None:
    completion = await handler(lambda messages: value).complete(asked())
    assert completion.result == _RESULT


@pytest.mark.parametrize("value", [None, 3, b"bytes", TextContent(text="a"), {"role": "assistant"}, ["text"]])
async def test_anything_else_is_an_invalid_answer(value: object) -> None:
    with pytest.raises(InvalidAnswer):
        await handler(lambda messages: value).complete(asked())


def _needs_keyword(messages: object, *, key: str) -> str:
    return key


def _four(a: object, b: object, c: object, d: object) -> str:
    return ""


@pytest.mark.parametrize("function", [lambda: "ok", _needs_keyword, _four, max])
def test_a_function_that_cannot_be_called_with_a_request_is_refused_at_once(function: Callable[..., Any]) -> None:
    with pytest.raises(ConfigurationError):
        handler(function)
