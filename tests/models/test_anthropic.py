"""`AnthropicModel`: what is its own."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from tests.models.facade import Facade
from tests.models.providers import Anthropic, ask
from upcall.errors import ConfigurationError
from upcall.models import AnthropicModel, Model
from upcall.wire import decode_request, encode

pytestmark = pytest.mark.anyio

ADD = {"name": "add", "inputSchema": {"type": "object"}}
THINKING = {"type": "thinking", "thinking": "Hm.", "signature": "c2lnbmF0dXJl"}
USE = {"type": "tool_use", "id": "toolu_1", "name": "add", "input": {"a": 1}}
SECOND = {"type": "tool_use", "id": "toolu_2", "name": "add", "input": {"a": 2}}


def test_its_name_is_its_model_string() -> None:
    model = AnthropicModel("claude-sonnet-5", base_url="https://user:password@proxy.example/x?key=secret")
    assert isinstance(model, Model)
    assert model.name == "anthropic/claude-sonnet-5"
    assert repr(model) == "AnthropicModel('anthropic/claude-sonnet-5')"


def test_a_model_without_a_name_is_a_mistake() -> None:
    with pytest.raises(ConfigurationError):
        AnthropicModel("")


async def test_a_missing_key_names_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)
    with pytest.raises(ConfigurationError) as caught:
        await AnthropicModel("claude-haiku-4-5").complete(ask())
    assert "ANTHROPIC_API_KEY" in caught.value.hint


async def test_another_address_does_not_get_the_key_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-mine")
    async with Facade() as facade:
        with pytest.raises(ConfigurationError) as caught:
            await AnthropicModel("claude-haiku-4-5", base_url=facade.url).complete(ask())
    assert "ANTHROPIC_BASE_URL" in caught.value.hint
    assert "sk-ant-mine" not in repr(caught.value)
    assert facade.seen == []


async def test_the_environment_may_name_address_and_key(monkeypatch: pytest.MonkeyPatch) -> None:
    async with Facade(Anthropic().answer()) as facade:
        monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-mine")
        monkeypatch.setenv("ANTHROPIC_BASE_URL", facade.url)
        model = AnthropicModel("claude-haiku-4-5")
        await model.complete(ask())
        await model.aclose()
    assert facade.seen[0].headers["authorization"] == "Bearer sk-ant-mine"


async def test_a_missing_extra_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "anthropic", None)
    with pytest.raises(ConfigurationError) as caught:
        await AnthropicModel("claude-haiku-4-5", api_key="k").complete(ask())
    assert caught.value.hint == "Run `pip install 'upcall[anthropic]'`."


async def test_a_temperature_goes_under_the_version_that_knows_it() -> None:
    async with Facade(Anthropic().answer(), Anthropic().answer()) as facade:
        model = Anthropic().model(facade.url)
        await model.complete(ask(temperature=0.5))
        await model.complete(ask())
        await model.aclose()
    with_it, without = (seen.headers["anthropic-version"] for seen in facade.seen)
    assert with_it == "2023-06-01"
    assert without > with_it


async def continued(answer: list[dict[str, Any]], tampered: dict[str, Any] | None = None) -> list[dict[str, Any]]:
    """The assistant's turn as it is sent back after an ``answer`` that thinks and uses tools.

    ``tampered`` changes the tool uses on the way, as a server might.
    """
    first = {**Anthropic().answer(), "content": answer, "stop_reason": "tool_use"}
    async with Facade(first, Anthropic().answer()) as facade:
        model = Anthropic().model(facade.url)
        asked = encode(ask(tools=[ADD]))
        result = encode((await model.complete(decode_request(asked))).result)
        assert "thinking" not in repr(result)
        blocks = [
            {**block, **(tampered or {})} if block["type"] == "tool_use" else block for block in result["content"]
        ]
        uses = [block["id"] for block in blocks if block["type"] == "tool_use"]
        asked["messages"] += [
            {"role": "assistant", "content": blocks},
            {"role": "user", "content": [{"type": "tool_result", "toolUseId": use, "content": []} for use in uses]},
        ]
        await model.complete(decode_request(asked))
        await model.aclose()
    sent: list[dict[str, Any]] = facade.seen[1].body["messages"][1]["content"]
    return sent


async def test_reasoning_goes_back_to_the_provider_and_to_nobody_else() -> None:
    text = {"type": "text", "text": "I add."}
    assert await continued([THINKING, text, USE]) == [THINKING, text, USE]


async def test_reasoning_between_tool_uses_goes_back_to_its_place() -> None:
    again = {"type": "redacted_thinking", "data": "eHg="}
    assert await continued([THINKING, USE, again, SECOND]) == [THINKING, USE, again, SECOND]


async def test_a_tool_use_that_was_changed_brings_no_reasoning_back() -> None:
    changed = {**USE, "input": {"a": 99}}
    assert await continued([THINKING, USE], tampered={"input": {"a": 99}}) == [changed]
