"""Tools for a model that has none."""

from __future__ import annotations

from typing import Any

import pytest

from upcall.errors import ModelUnavailable
from upcall.models.embedded.emulation import Emulation, emulate, read_call
from upcall.wire import decode_request

CITY = {"type": "object", "properties": {"city": {"$ref": "#/$defs/City"}}, "$defs": {"City": {"type": "string"}}}
WEATHER = {"name": "get_weather", "description": "Weather of a city", "inputSchema": CITY}
PING = {"name": "ping", "inputSchema": {}}
ASK = {"role": "user", "content": {"type": "text", "text": "?"}}
RESULTS = [
    {"role": "assistant", "content": {"type": "tool_use", "id": "1", "name": "ping", "input": {}}},
    {"role": "user", "content": {"type": "tool_result", "toolUseId": "1", "content": []}},
]


def _emulated(tools: list[dict[str, Any]] | None, mode: str | None = None, *turns: dict[str, Any]) -> Emulation:
    choice = {"toolChoice": {"mode": mode}} if mode else {}
    return emulate(decode_request({"messages": [ASK, *turns], "maxTokens": 9, "tools": tools, **choice}))


@pytest.mark.parametrize("tools", [None, []])
def test_without_tools_there_is_nothing_to_emulate(tools: list[dict[str, Any]] | None) -> None:
    assert _emulated(tools) == Emulation()


@pytest.mark.parametrize(
    ("tools", "mode", "turns"),
    [([WEATHER, PING], None, []), ([PING], "none", []), ([PING], "auto", RESULTS), ([WEATHER, PING], "auto", [])],
)
def test_plain_text_is_said_to_be_all_there_is(
    tools: list[dict[str, Any]], mode: str | None, turns: list[dict[str, Any]]
) -> None:
    emulation = _emulated(tools, mode, *turns)
    assert emulation.schema is None
    assert [(adjustment.field, adjustment.action) for adjustment in emulation.adjustments] == [("tools", "dropped")]


@pytest.mark.parametrize("mode", [None, "auto", "required"])
def test_a_single_tool_is_the_only_thing_the_schema_admits(mode: str | None) -> None:
    emulation = _emulated([WEATHER], mode)
    assert emulation.schema is not None
    assert emulation.schema["properties"]["name"] == {"const": "get_weather"}
    assert emulation.schema["required"] == ["name", "arguments"]
    assert "get_weather: Weather of a city" in emulation.instructions
    assert emulation.adjustments[0].action == "emulated"


def test_required_goes_on_after_tool_results() -> None:
    assert _emulated([PING], "required", *RESULTS).schema is not None


def test_several_required_tools_are_alternatives() -> None:
    schema = _emulated([WEATHER, PING], "required").schema
    assert schema is not None
    assert [call["properties"]["name"]["const"] for call in schema["anyOf"]] == ["get_weather", "ping"]


def test_references_inside_a_tools_schema_still_point_into_it() -> None:
    schema = _emulated([PING, WEATHER], "required").schema
    assert schema is not None
    moved = schema["$defs"]["tool1"]
    assert moved["properties"]["city"] == {"$ref": "#/$defs/tool1/$defs/City"}
    assert moved["$defs"]["City"] == {"type": "string"}


def test_arguments_are_an_object_without_surprises_unless_the_tool_says_otherwise() -> None:
    schema = _emulated([PING]).schema
    assert schema is not None
    assert schema["$defs"]["tool0"] == {"type": "object", "additionalProperties": False}
    open_ended = _emulated([{**PING, "inputSchema": {"type": "object", "additionalProperties": True}}]).schema
    assert open_ended is not None
    assert open_ended["$defs"]["tool0"]["additionalProperties"] is True


def test_a_call_becomes_a_tool_use_with_an_id_of_its_own() -> None:
    first, second = (read_call('{"name": "add", "arguments": {"a": 1}}') for _ in range(2))
    assert (first.name, first.input) == ("add", {"a": 1})
    assert first.id != second.id


@pytest.mark.parametrize("text", ["", "{", '{"name": "add"}', '{"name": "add", "arguments": 3}', "[]"])
def test_what_is_no_call_is_a_model_error(text: str) -> None:
    with pytest.raises(ModelUnavailable):
        read_call(text)
