"""Blocks, requests and results of the wire, in words."""

from __future__ import annotations

from typing import Any

import pytest

from upcall.cli._content import clipped, in_words, limits_of, preferences_of, result_rows, tools_of


@pytest.mark.parametrize(
    ("block", "words"),
    [
        ({"type": "text", "text": "hello"}, "hello"),
        ({"type": "image", "data": "A" * 16000, "mimeType": "image/png"}, "[image, image/png, 12 kB]"),
        ({"type": "audio", "data": "AAAA", "mimeType": "audio/wav"}, "[audio, audio/wav, 3 bytes]"),
        ({"type": "resource_link", "uri": "file:///a", "name": "a"}, "[resource file:///a]"),
        ({"type": "resource", "resource": {"uri": "file:///a", "text": "inside"}}, "[resource file:///a]\ninside"),
        ({"type": "resource", "resource": {"uri": "file:///a", "blob": "AA"}}, "[resource file:///a, binary]"),
        ({"type": "tool_use", "id": "1", "name": "add", "input": {"a": 1}}, '[use tool add {"a": 1}]'),
        ({"type": "tool_result", "toolUseId": "1", "content": [{"type": "text", "text": "2"}]}, "[tool result] 2"),
        ({"type": "tool_result", "toolUseId": "1", "content": [], "isError": True}, "[tool error] "),
        ({"type": "video", "data": 1}, '{"type": "video", "data": 1}'),
    ],
)
def test_a_block_is_told_by_its_text_or_by_what_it_is(block: dict[str, Any], words: str) -> None:
    assert in_words(block) == words


def test_a_request_is_told_by_what_it_sets() -> None:
    bare: dict[str, Any] = {"messages": [], "maxTokens": 9}
    assert (limits_of(bare), preferences_of(bare), tools_of(bare)) == ("9 tokens", "", "")
    full = {
        **bare,
        "temperature": 0.0,
        "stopSequences": ["\n"],
        "includeContext": "allServers",
        "modelPreferences": {"hints": [{"name": "a"}, {}], "costPriority": 0, "speedPriority": 0.5},
        "tools": [{"name": "add"}, {"name": "take"}],
        "toolChoice": {"mode": "required"},
    }
    assert limits_of(full) == '9 tokens, temperature 0, stops at "\\n", includes context of allServers'
    assert preferences_of(full) == "a, speed 0.5, cost 0"
    assert tools_of(full) == "add, take (required)"


@pytest.mark.parametrize(
    ("text", "structured", "rows"),
    [
        ("plain", None, ["plain"]),
        ("plain", {"result": "plain"}, ["plain"]),
        ('{"a": 1}', {"a": 1}, ['{"a": 1}']),
        ("3", {"result": 3}, ["3"]),
        ("null", {"a": 1}, ["null", '{\n  "a": 1\n}']),
        ("A product.", {"title": "Tea"}, ["A product.", '{\n  "title": "Tea"\n}']),
    ],
)
def test_structured_content_is_shown_unless_a_text_says_the_same(text: str, structured: Any, rows: list[str]) -> None:
    result = {"content": [{"type": "text", "text": text}], "structuredContent": structured}
    assert result_rows(result) == rows


def test_a_clipped_text_says_how_much_is_missing() -> None:
    assert clipped("abcdef", 6) == "abcdef"
    assert clipped("abcdef" * 1000, 6) == "abcdef … and 5,994 more characters (--full shows them)"
