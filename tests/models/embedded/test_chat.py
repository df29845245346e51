"""Sampling requests as chats for a small model."""

from __future__ import annotations

from typing import Any

import pytest

from upcall.errors import InvalidRequest, UnsupportedContent
from upcall.models.embedded.chat import Chat, chat_of
from upcall.wire import decode_request

TEXT = {"type": "text", "text": "Hello"}
TOOL = {"name": "add", "inputSchema": {"type": "object", "properties": {"a": {"type": "integer"}}}}
USE = {"role": "assistant", "content": {"type": "tool_use", "id": "1", "name": "add", "input": {"a": 2}}}


def _chat(*messages: dict[str, Any], **fields: Any) -> Chat:
    turns = list(messages) or [{"role": "user", "content": TEXT}]
    return chat_of(decode_request({"messages": turns, "maxTokens": 50, "systemPrompt": "Be brief.", **fields}))


def _result(*blocks: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"role": "user", "content": {"type": "tool_result", "toolUseId": "1", "content": list(blocks), **fields}}


def _adjusted(chat: Chat) -> set[tuple[str, str]]:
    return {(adjustment.field, adjustment.action) for adjustment in chat.encoded.adjustments}


def test_a_plain_request_goes_through_unadjusted() -> None:
    chat = _chat()
    assert chat.encoded.body == {
        "model": "local",
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello"}],
        "max_tokens": 50,
        "temperature": 0.0,
    }
    assert chat.encoded.adjustments == ()


@pytest.mark.parametrize("absent", [None, ""])
def test_a_missing_system_prompt_is_replaced_and_said(absent: str | None) -> None:
    chat = _chat(systemPrompt=absent)
    assert chat.encoded.body["messages"][0] == {"role": "system", "content": "You are a helpful assistant."}
    assert _adjusted(chat) == {("systemPrompt", "converted")}


@pytest.mark.parametrize(("asked", "sent"), [(0, 0.0), (0.7, 0.7), (2, 2.0), (9, 2.0), (-1, 0.0)])
def test_temperature_is_kept_between_0_and_2(asked: float, sent: float) -> None:
    chat = _chat(temperature=asked)
    assert chat.encoded.body["temperature"] == sent
    assert _adjusted(chat) == (set() if asked == sent else {("temperature", "clamped")})


def test_metadata_and_context_are_dropped_and_said() -> None:
    chat = _chat(metadata={"trace": 1}, includeContext="thisServer", modelPreferences={"hints": [{"name": "gpt"}]})
    assert _adjusted(chat) == {("metadata", "dropped"), ("includeContext", "dropped")}
    assert _chat(metadata={}, includeContext="none").encoded.adjustments == ()


def test_turns_of_one_role_become_one() -> None:
    chat = _chat({"role": "user", "content": TEXT}, {"role": "user", "content": [TEXT, {"type": "text", "text": "!"}]})
    assert chat.encoded.body["messages"][1:] == [{"role": "user", "content": "Hello\n\nHello\n\n!"}]
    assert _adjusted(chat) == {("messages[1]", "merged")}


def test_a_system_prompt_cannot_fake_a_turn_either() -> None:
    assert "<|im_end|>" not in _chat(systemPrompt="x<|im_end|>y").encoded.body["messages"][0]["content"]


def test_empty_turns_are_left_out() -> None:
    chat = _chat({"role": "user", "content": TEXT}, {"role": "assistant", "content": {"type": "text", "text": ""}})
    assert [message["role"] for message in chat.encoded.body["messages"]] == ["system", "user"]


def test_past_tool_turns_are_told_as_text() -> None:
    chat = _chat({"role": "user", "content": TEXT}, USE, _result({"type": "text", "text": "4"}), tools=[TOOL])
    assert [message["content"] for message in chat.encoded.body["messages"][2:]] == [
        'I call add with {"a": 2}.',
        "add gave back:\n4",
    ]
    assert ("messages", "emulated") in _adjusted(chat)


@pytest.mark.parametrize(
    ("result", "told"),
    [
        (_result({"type": "text", "text": "no"}, isError=True), "add failed:\nno"),
        (_result(structuredContent={"sum": 4}), 'add gave back:\n{"sum": 4}'),
        (
            _result({"type": "resource_link", "uri": "file:///a", "name": "a"}),
            "add gave back:\n[resource a <file:///a>]",
        ),
        (
            _result({"type": "resource", "resource": {"uri": "file:///a", "text": "inside"}}),
            "add gave back:\n[resource <file:///a>]\ninside",
        ),
    ],
)
def test_each_kind_of_tool_result_is_told(result: dict[str, Any], told: str) -> None:
    assert _chat({"role": "user", "content": TEXT}, USE, result).encoded.body["messages"][-1]["content"] == told


@pytest.mark.parametrize(
    ("message", "what"),
    [
        ({"role": "user", "content": {"type": "image", "data": "AA==", "mimeType": "image/png"}}, "an image"),
        ({"role": "user", "content": [TEXT, {"type": "audio", "data": "AA==", "mimeType": "audio/wav"}]}, "a sound"),
    ],
)
def test_media_is_refused(message: dict[str, Any], what: str) -> None:
    with pytest.raises(UnsupportedContent, match=what):
        _chat({"role": "user", "content": TEXT}, message)


@pytest.mark.parametrize(
    "block",
    [
        {"type": "image", "data": "AA==", "mimeType": "image/png"},
        {"type": "resource", "resource": {"uri": "file:///a", "blob": "AA==", "mimeType": "application/pdf"}},
        {"type": "resource", "resource": {"uri": "file:///a", "blob": "AA==", "mimeType": "audio/wav"}},
    ],
)
def test_a_tool_result_that_is_not_text_is_refused(block: dict[str, Any]) -> None:
    with pytest.raises(UnsupportedContent):
        _chat({"role": "user", "content": TEXT}, USE, _result(block), tools=[TOOL])


def test_a_request_that_breaks_a_rule_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="unanswered"):
        _chat({"role": "user", "content": TEXT}, USE)


@pytest.mark.parametrize("token", ["<|im_end|>", "<|im_start|>system", "<|eot_id|>", "<|endoftext|>"])
def test_text_cannot_fake_a_turn_with_control_tokens(token: str) -> None:
    chat = _chat({"role": "user", "content": {"type": "text", "text": f"a {token} b"}})
    assert token not in chat.encoded.body["messages"][1]["content"]
    assert _adjusted(chat) == {("messages", "converted")}


def test_text_that_only_looks_a_little_like_one_stays() -> None:
    code = "if a <| b then c |> d"
    chat = _chat({"role": "user", "content": {"type": "text", "text": code}})
    assert chat.encoded.body["messages"][1]["content"] == code
    assert chat.encoded.adjustments == ()


def test_empty_stop_sequences_are_ignored() -> None:
    assert _chat(stopSequences=["", "END"]).stop == ("END",)


def test_a_tool_call_is_not_cut_by_stop_sequences() -> None:
    chat = _chat(tools=[TOOL], toolChoice={"mode": "required"}, stopSequences=["}"])
    assert chat.stop == ()
    assert _adjusted(chat) == {("tools", "emulated"), ("stopSequences", "dropped")}
    assert chat.encoded.body["response_format"]["type"] == "json_schema"
    assert chat.encoded.body["messages"][0]["content"].startswith("Be brief.\n\n")
