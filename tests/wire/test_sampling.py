"""Requests and results, in and out of JSON."""

from __future__ import annotations

from typing import Any

import pytest

from upcall.errors import InvalidAnswer, InvalidRequest
from upcall.wire import (
    SamplingResult,
    TextContent,
    ToolUse,
    decode_request,
    decode_result,
    encode,
)

FULL: dict[str, Any] = {
    "messages": [
        {"role": "user", "content": {"type": "text", "text": "hello", "annotations": {"audience": ["user"]}}},
        {"role": "user", "content": {"type": "image", "data": "aGk=", "mimeType": "image/png"}},
        {"role": "user", "content": {"type": "audio", "data": "aGk=", "mimeType": "audio/wav"}},
        {
            "role": "assistant",
            "content": [
                {"type": "text", "text": "calling"},
                {"type": "tool_use", "id": "1", "name": "find", "input": {"a": [1, None]}, "_meta": {"sig": "x"}},
            ],
            "_meta": {"turn": 2},
        },
        {
            "role": "user",
            "content": [
                {
                    "type": "tool_result",
                    "toolUseId": "1",
                    "content": [
                        {"type": "text", "text": "found"},
                        {"type": "resource_link", "uri": "file:///a", "name": "a", "mimeType": "text/plain"},
                        {"type": "resource", "resource": {"uri": "file:///b", "text": "b"}},
                    ],
                    "structuredContent": {"n": 1},
                    "isError": True,
                }
            ],
        },
    ],
    "maxTokens": 100,
    "systemPrompt": "be brief",
    "temperature": 0.5,
    "stopSequences": ["END"],
    "modelPreferences": {"hints": [{"name": "claude"}], "costPriority": 0.1, "speedPriority": 0.2},
    "includeContext": "thisServer",
    "tools": [{"name": "find", "inputSchema": {"type": "object"}, "description": "finds"}],
    "toolChoice": {"mode": "required"},
    "metadata": {"user": "u"},
    "_meta": {"traceparent": "00-1"},
}


def test_a_full_request_survives_the_way_in_and_out() -> None:
    assert encode(decode_request(FULL)) == FULL


def test_the_least_request_stays_as_small_as_it_came() -> None:
    least = {"messages": [{"role": "user", "content": {"type": "text", "text": "hi"}}], "maxTokens": 1}
    assert encode(decode_request(least)) == least


def test_unknown_fields_are_let_go() -> None:
    request = decode_request({**FULL, "future": {"x": 1}})
    assert request == decode_request(FULL)


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"maxTokens": None}, "maxTokens"),
        ({"maxTokens": "9"}, "maxTokens"),
        ({"messages": "hi"}, "messages"),
        ({"messages": [{"role": "system", "content": {"type": "text", "text": "x"}}]}, r"messages\[0\]\.role"),
        ({"messages": [{"role": "user", "content": {"type": "video"}}]}, r"messages\[0\]\.content"),
        ({"modelPreferences": {"costPriority": 1.5}}, "costPriority"),
        ({"toolChoice": {"mode": "any"}}, "mode"),
        ({"includeContext": "everything"}, "includeContext"),
        ({"tools": [{"name": "x"}]}, "inputSchema"),
    ],
)
def test_a_malformed_request_is_refused_with_the_place(change: dict[str, Any], where: str) -> None:
    with pytest.raises(InvalidRequest, match=where) as caught:
        decode_request({**FULL, **change})
    assert caught.value.to_wire()["code"] == -32602


def test_a_request_that_is_no_object_is_refused() -> None:
    with pytest.raises(InvalidRequest):
        decode_request(["not", "an", "object"])


def test_a_result_with_one_block_or_a_list_reads_the_same() -> None:
    block = {"type": "text", "text": "yes"}
    one = decode_result({"role": "assistant", "content": block, "model": "m"})
    many = decode_result({"role": "assistant", "content": [block], "model": "m"})
    assert one.blocks == many.blocks == [TextContent(text="yes")]
    assert one.text == many.text == "yes"


def test_all_text_of_a_result_is_joined_and_its_tool_uses_listed() -> None:
    use = ToolUse(id="1", name="find", input={})
    result = SamplingResult(
        role="assistant", content=[TextContent(text="a"), use, TextContent(text="b")], model="m", stop_reason="toolUse"
    )
    assert result.text == "ab"
    assert result.tool_uses == [use]
    assert decode_result(encode(result)) == result


@pytest.mark.parametrize("result", [None, "yes", {}, {"role": "assistant", "content": {"type": "text", "text": "x"}}])
def test_a_malformed_result_is_a_typed_error(result: Any) -> None:
    with pytest.raises(InvalidAnswer):
        decode_result(result)
