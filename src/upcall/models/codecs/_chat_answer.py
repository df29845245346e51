"""Answers of Chat Completions. The public face is `upcall.models.codecs.openai_chat`."""

from __future__ import annotations

from typing import Any

import msgspec

from upcall.errors import InvalidAnswer
from upcall.models.base import Completion, Usage
from upcall.models.codecs._answer import camel, completion, counted, parsed
from upcall.models.codecs._calls import Call, uses_of
from upcall.models.codecs._encoded import Encoded, Notes
from upcall.models.codecs._media import image_of_data_url
from upcall.models.codecs._numbers import Count
from upcall.models.codecs._openai_counts import InputDetails, OutputDetails, usage_of
from upcall.models.codecs._stops import AnswerBlock
from upcall.wire import SamplingRequest, TextContent

__all__ = ["decode", "reasoning_of"]

_STOP_REASONS = {
    "stop": "endTurn",
    "length": "maxTokens",
    "tool_calls": "toolUse",
    "function_call": "toolUse",
    "content_filter": "contentFilter",
}
_KEPT_OF_MESSAGE = ("reasoning_content", "reasoning_details")
_KEPT_OF_CALL = ("extra_content",)


class _Function(msgspec.Struct):
    name: str
    arguments: str | dict[str, Any] | None = None


class _ToolCall(msgspec.Struct):
    function: _Function
    id: str | None = None


class _Message(msgspec.Struct):
    content: str | list[dict[str, Any]] | None = None
    refusal: str | None = None
    tool_calls: list[_ToolCall] | None = None
    images: list[dict[str, Any]] | None = None
    """Not OpenAI's: how several servers give back what a model drew."""


class _Choice(msgspec.Struct):
    message: _Message
    finish_reason: str | None = None


class _Counts(msgspec.Struct):
    prompt_tokens: Count
    completion_tokens: Count = 0
    prompt_tokens_details: InputDetails | None = None
    completion_tokens_details: OutputDetails | None = None


class _ChatCompletion(msgspec.Struct):
    choices: list[_Choice]
    model: str | None = None
    usage: Any = None


def decode(body: object, request: SamplingRequest, encoded: Encoded) -> Completion:
    """The provider's answer as a completion.

    A tool use whose arguments were cut by ``maxTokens`` is left out, as an adjustment says.

    Raises:
        InvalidAnswer: The body is not of the provider's format, or a tool's arguments are no JSON object.
    """
    answer = parsed(body, _ChatCompletion)
    if not answer.choices:
        raise InvalidAnswer("The provider's answer contains no choice.")
    choice = answer.choices[0]
    message, notes = choice.message, Notes()
    reason = choice.finish_reason
    stop_reason = None if reason is None else _STOP_REASONS.get(reason, camel(reason))
    blocks = _content(message, notes)
    if message.refusal:
        blocks.append(TextContent(text=message.refusal))
        stop_reason = "refusal"
    calls = [Call(call.id, call.function.name, call.function.arguments) for call in message.tool_calls or ()]
    blocks += uses_of(calls, request, encoded, notes, cut=reason == "length")
    return completion(
        blocks,
        request,
        encoded,
        notes,
        model=answer.model or encoded.model,
        stop_reason=stop_reason,
        usage=_usage(counted(answer.usage, _Counts)),
    )


def _content(message: _Message, notes: Notes) -> list[AnswerBlock]:
    blocks: list[AnswerBlock] = []
    parts = [{"type": "text", "text": message.content}] if isinstance(message.content, str) else message.content
    for part in [*(parts or ()), *(message.images or ())]:
        kind, text = part.get("type"), part.get("text")
        url = part.get("image_url")
        image = image_of_data_url(url.get("url") if isinstance(url, dict) else url)
        if kind in ("text", "output_text") and isinstance(text, str):
            blocks.append(TextContent(text=text))
        elif image is not None:
            blocks.append(image)
        else:
            notes.add("content", "dropped", f"A part of type {kind!r} has no place in an answer.")
    return blocks


def _usage(counts: _Counts | None) -> Usage | None:
    if counts is None:
        return None
    read, written = counts.prompt_tokens_details, counts.completion_tokens_details
    return usage_of(counts.prompt_tokens, counts.completion_tokens, read, written)


def reasoning_of(body: dict[str, Any]) -> dict[str, Any]:
    """What came beside tool calls and is wanted back with them, by tool use id: signatures and reasoning texts.

    OpenAI's own API sends none here; some servers that speak its protocol refuse the next turn without it. A server
    that samples is never shown it.
    """
    message = body["choices"][0]["message"]
    shared = {key: message[key] for key in _KEPT_OF_MESSAGE if message.get(key)}
    found: dict[str, Any] = {}
    for call in message.get("tool_calls") or ():
        own = {key: call[key] for key in _KEPT_OF_CALL if call.get(key)}
        if call.get("id") and (own or shared):
            found[call["id"]] = {"call": own, "message": shared}
    return found
