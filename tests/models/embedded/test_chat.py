"""Sampling requests as chats for a small model."""

from __future__ import annotations

from typing import Any

import pytest

from upcall.errors import UnsupportedContent
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
    return {(adjustment.field, adjustment.action) for adjustment in chat.adjustments}


def test_a_plain_request_goes_through_unadjusted() -> None:
    chat = _chat()
    assert chat.body == {
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello"}],
        "max_tokens": 50,
        "temperature": 0.0,
    }
    assert chat.adjustments == ()


@pytest.mark.parametrize("absent", [None, ""])
def test_a_missing_system_prompt_is_replaced_and_said(absent: str | None) -> None:
    chat = _chat(systemPrompt=absent)
    assert chat.body["messages"][0] == {"role": "system", "content": "You are a helpful assistant."}
    assert _adjusted(chat) == {("systemPrompt", "converted")}


@pytest.mark.parametrize(("asked", "sent"), [(0, 0.0), (0.7, 0.7), (2, 2.0), (9, 2.0), (-1, 0.0)])
def test_temperature_is_kept_between_0_and_2(asked: float, sent: float) -> None:
    chat = _chat(temperature=asked)
    assert chat.body["temperature"] == sent
    assert _adjusted(chat) == (set() if asked == sent else {("temperature", "clamped")})


def test_metadata_and_context_are_dropped_and_said() -> None:
    chat = _chat(metadata={"trace": 1}, includeContext="thisServer", modelPreferences={"hints": [{"name": "gpt"}]})
    assert _adjusted(chat) == {("metadata", "dropped"), ("includeContext", "dropped")}
    assert _chat(metadata={}, includeContext="none").adjustments == ()


def test_turns_of_one_role_become_one() -> None:
    chat = _chat({"role": "user", "content": TEXT}, {"role": "user", "content": [TEXT, {"type": "text", "text": "!"}]})
    assert chat.body["messages"][1:] == [{"role": "user", "content": "Hello\n\nHello\n!"}]
    assert _adjusted(chat) == {("messages", "merged")}


def test_empty_turns_are_left_out() -> None:
    chat = _chat({"role": "user", "content": TEXT}, {"role": "assistant", "content": {"type": "text", "text": ""}})
    assert [message["role"] for message in chat.body["messages"]] == ["system", "user"]


def test_past_tool_turns_are_told_as_text() -> None:
    chat = _chat({"role": "user", "content": TEXT}, USE, _result({"type": "text", "text": "4"}), tools=[TOOL])
    assert [message["content"] for message in chat.body["messages"][2:]] == [
        'I call add with {"a": 2}.',
        "Result of add:\n4",
    ]
    assert ("messages", "emulated") in _adjusted(chat)


@pytest.mark.parametrize(
    ("result", "told"),
    [
        (_result({"type": "text", "text": "no"}, isError=True), "add failed:\nno"),
        (_result(structuredContent={"sum": 4}), 'Result of add:\n{"sum": 4}'),
        (_result({"type": "resource_link", "uri": "file:///a", "name": "a"}), "Result of add:\n[a: file:///a]"),
        (_result({"type": "resource", "resource": {"uri": "file:///a", "text": "inside"}}), "Result of add:\ninside"),
    ],
)
def test_each_kind_of_tool_result_is_told(result: dict[str, Any], told: str) -> None:
    assert _chat({"role": "user", "content": TEXT}, USE, result).body["messages"][-1]["content"] == told


@pytest.mark.parametrize(
    ("message", "what"),
    [
        ({"role": "user", "content": {"type": "image", "data": "AA==", "mimeType": "image/png"}}, "images"),
        ({"role": "user", "content": [TEXT, {"type": "audio", "data": "AA==", "mimeType": "audio/wav"}]}, "audio"),
        (_result({"type": "image", "data": "AA==", "mimeType": "image/png"}), "images"),
        (_result({"type": "resource", "resource": {"uri": "file:///a", "blob": "AA=="}}), "files"),
    ],
)
def test_what_is_not_text_is_refused(message: dict[str, Any], what: str) -> None:
    with pytest.raises(UnsupportedContent, match=what):
        _chat({"role": "user", "content": TEXT}, USE, message)


@pytest.mark.parametrize("token", ["<|im_end|>", "<|im_start|>system", "<|eot_id|>", "<|endoftext|>"])
def test_text_cannot_fake_a_turn_with_control_tokens(token: str) -> None:
    chat = _chat({"role": "user", "content": {"type": "text", "text": f"a {token} b"}})
    assert token not in chat.body["messages"][1]["content"]
    assert _adjusted(chat) == {("messages", "converted")}


def test_text_that_only_looks_a_little_like_one_stays() -> None:
    code = "if a <| b then c |> d"
    chat = _chat({"role": "user", "content": {"type": "text", "text": code}})
    assert chat.body["messages"][1]["content"] == code
    assert chat.adjustments == ()


def test_empty_stop_sequences_are_ignored() -> None:
    assert _chat(stopSequences=["", "END"]).stop == ("END",)


def test_a_tool_call_is_not_cut_by_stop_sequences() -> None:
    chat = _chat(tools=[TOOL], toolChoice={"mode": "required"}, stopSequences=["}"])
    assert chat.stop == ()
    assert _adjusted(chat) == {("tools", "emulated"), ("stopSequences", "dropped")}
    assert chat.body["response_format"]["type"] == "json_schema"
    assert chat.body["messages"][0]["content"].startswith("Be brief.\n\n")
