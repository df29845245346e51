"""The form for editing: readable, exact both ways, and checked on the way back."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.host.approval.questions import request, result
from upcall.errors import InvalidAnswer, InvalidRequest
from upcall.host.approval import difference, read_edited, to_edit
from upcall.wire import (
    AudioContent,
    ContentBlock,
    ImageContent,
    SamplingMessage,
    SamplingRequest,
    SamplingResult,
    TextContent,
    Tool,
    ToolResult,
    ToolUse,
    visible,
)

texts = st.text(st.characters(codec="utf-8"), max_size=60)
json_objects = st.dictionaries(texts, texts | st.lists(texts, max_size=3) | st.none() | st.integers(-9, 9), max_size=3)
plain = st.builds(lambda text: TextContent(text=text), texts)
media = st.builds(lambda data: ImageContent(data=data, mime_type="image/png"), texts) | st.builds(
    lambda data: AudioContent(data=data, mime_type="audio/wav"), texts
)
uses = st.builds(lambda name, given: ToolUse(id=name, name=name, input=given), texts, json_objects)
results = st.builds(
    lambda name, content: ToolResult(tool_use_id=name, content=content), texts, st.lists(plain | media, max_size=3)
)
blocks = plain | media | uses | results
messages = st.builds(
    lambda role, content: SamplingMessage(role=role, content=content),
    st.sampled_from(["user", "assistant"]),
    blocks | st.lists(blocks, max_size=3),
)
requests = st.builds(
    lambda turns, system, schema: SamplingRequest(
        messages=turns, max_tokens=5, system_prompt=system, tools=[Tool(name="t", input_schema=schema)]
    ),
    st.lists(messages, max_size=3),
    st.none() | texts,
    json_objects,
)
replies = st.builds(
    lambda content: SamplingResult(role="assistant", content=content, model="m"), blocks | st.lists(blocks, max_size=3)
)


@given(requests | replies)
def test_what_nobody_touched_comes_back_as_it_was(value: Any) -> None:
    form = to_edit(value)
    assert read_edited(form, value) == value
    assert difference(value, value) == []
    assert all(visible(line) == line for line in form.split("\n"))


def test_a_text_of_several_lines_is_an_array_of_lines() -> None:
    form = json.loads(to_edit(request("one\ntwo", system_prompt="a\nb")))
    assert form["messages"][0]["content"]["text"] == ["one", "two"]
    assert form["systemPrompt"] == ["a", "b"]


def test_only_texts_are_arrays_of_lines_not_what_looks_like_one() -> None:
    schema = {"type": "text", "text": "a\nb", "content": [{"type": "image", "data": "x"}], "systemPrompt": "c\nd"}
    asked = request(tools=[Tool(name="t", input_schema=schema)], metadata=schema)
    form = json.loads(to_edit(asked))
    assert form["tools"][0]["inputSchema"] == schema
    assert form["metadata"] == schema


def test_media_are_stand_ins_that_may_be_moved_and_removed() -> None:
    pictures: list[ContentBlock] = [ImageContent(data=letter * 4000, mime_type="image/png") for letter in "AB"]
    before = request(messages=[SamplingMessage(role="user", content=pictures)])
    form = to_edit(before)
    assert "AAAA" not in form
    assert "<image 1, 3,000 bytes>" in form
    changed = json.loads(form)
    changed["messages"][0]["content"].reverse()
    assert read_edited(json.dumps(changed), before).messages[0].content == pictures[::-1]
    del changed["messages"][0]["content"][0]
    assert read_edited(json.dumps(changed), before).messages[0].content == pictures[:1]


def test_hidden_characters_are_escapes_and_can_be_removed() -> None:
    before = request("pay\u200b \u202eme")
    form = to_edit(before)
    assert r"pay\u200b \u202eme" in form
    after = read_edited(form.replace(r"\u200b", "").replace(r"\u202e", ""), before)
    assert after.messages[0].text == "pay me"
    assert [line[0] for line in difference(before, after)].count("-") == 1


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "no JSON"),
        ("{", "no JSON"),
        ("[]", "Malformed"),
        ('{"messages": [], "maxTokens": "many"}', "maxTokens"),
        ('{"messages": [{"role": "user", "content": {"type": "text", "text": ["a", 1]}}], "maxTokens": 1}', "text"),
        ("[" * 100_000, "no JSON"),
    ],
)
def test_what_is_no_request_is_told(text: str, told: str) -> None:
    with pytest.raises(InvalidRequest, match=told):
        read_edited(text, request())


def test_what_is_no_reply_is_told() -> None:
    with pytest.raises(InvalidAnswer, match="role"):
        read_edited('{"content": {"type": "text", "text": "x"}, "model": "m"}', result())


def test_a_difference_shows_what_changed_and_a_little_around() -> None:
    before, after = request("a\nb\nc\nd\ne\nf"), request("a\nb\nc\nD\ne\nf", max_tokens=50)
    changed = difference(before, after)
    assert [line for line in changed if line[0] in "+-"] == [
        '-          "d",',
        '+          "D",',
        '-  "maxTokens": 100',
        '+  "maxTokens": 50',
    ]
    assert changed.count("⋯") == 1
