"""Answers of the Responses API. The public face is `upcall.models.codecs.openai_responses`."""

from __future__ import annotations

from typing import Any

import msgspec

from upcall.errors import InvalidAnswer, ModelRejected, ModelUnavailable, RateLimited, SamplingError
from upcall.models.base import Completion, Usage
from upcall.models.codecs._answer import camel, completion, counted, parsed
from upcall.models.codecs._calls import Call, uses_of
from upcall.models.codecs._encoded import Encoded, Notes
from upcall.models.codecs._limits import within
from upcall.models.codecs._numbers import Count
from upcall.models.codecs._openai_counts import InputDetails, OutputDetails, usage_of
from upcall.models.codecs._stops import AnswerBlock
from upcall.wire import SamplingRequest, TextContent

__all__ = ["decode", "reasoning_of"]

_INCOMPLETE = {"max_output_tokens": "maxTokens", "content_filter": "contentFilter"}
_UNFINISHED = ("queued", "in_progress", "cancelled")


class _Reason(msgspec.Struct):
    reason: str | None = None


class _Trouble(msgspec.Struct):
    code: str | None = None
    message: str = ""


class _Counts(msgspec.Struct):
    input_tokens: Count
    output_tokens: Count = 0
    input_tokens_details: InputDetails | None = None
    output_tokens_details: OutputDetails | None = None


class _Response(msgspec.Struct):
    output: list[dict[str, Any]]
    model: str | None = None
    status: str | None = None
    incomplete_details: _Reason | None = None
    error: _Trouble | None = None
    usage: Any = None


class _Message(msgspec.Struct):
    content: list[dict[str, Any]]


class _FunctionCall(msgspec.Struct):
    name: str
    arguments: str = ""
    call_id: str | None = None


def decode(body: object, request: SamplingRequest, encoded: Encoded) -> Completion:
    """The provider's answer as a completion.

    A tool use whose arguments were cut by ``maxTokens`` is left out, as an adjustment says.

    Raises:
        InvalidAnswer: The body is not of the provider's format or not finished, or a tool's arguments are no object.
        RateLimited, ModelRejected, ModelUnavailable: The answer is a failure, told with status 200.
    """
    response = parsed(body, _Response)
    if response.status == "failed":
        raise _failure(response.error or _Trouble())
    if response.status in _UNFINISHED:
        raise InvalidAnswer("The provider's answer is not finished.", detail=f"status {response.status}")
    notes = Notes()
    blocks, refused = _blocks(response, request, encoded, notes)
    stop_reason = "refusal" if refused else _stop_reason(response)
    usage = _usage(counted(response.usage, _Counts))
    asked, sent = request.max_tokens, encoded.body["max_output_tokens"]
    said = None if usage is None else usage.output_tokens - usage.reasoning_tokens
    short = within(blocks, asked, of=said) if sent > asked and (said is None or said > asked) else blocks
    if short != blocks:
        notes.add("content", "cut", "The answer went beyond maxTokens, and is cut at an estimate of what that is.")
        blocks, stop_reason = short, "refusal" if refused else "maxTokens"
    elif stop_reason == "endTurn" and usage is not None and usage.output_tokens >= sent:
        # Several servers call an answer completed that they cut.
        stop_reason = "maxTokens"
    return completion(
        blocks,
        request,
        encoded,
        notes,
        model=response.model or encoded.model,
        stop_reason=stop_reason,
        usage=usage,
    )


def _failure(trouble: _Trouble) -> SamplingError:
    detail = f"{trouble.code}: {trouble.message}"
    if trouble.code == "rate_limit_exceeded":
        return RateLimited("The provider asks to slow down.", detail=detail)
    if trouble.code in (None, "server_error", "vector_store_timeout"):
        return ModelUnavailable("The provider failed on its side.", detail=detail)
    return ModelRejected("The provider does not serve this request as it stands.", detail=detail)


def _stop_reason(response: _Response) -> str | None:
    if response.status != "incomplete":
        return "endTurn" if response.status == "completed" else None
    reason = response.incomplete_details.reason if response.incomplete_details else None
    return None if reason is None else _INCOMPLETE.get(reason, camel(reason))


def _blocks(
    response: _Response, request: SamplingRequest, encoded: Encoded, notes: Notes
) -> tuple[list[AnswerBlock], bool]:
    """Texts and tool uses in their order, and whether one of the texts is a refusal."""
    items = [(item, parsed(item, _FunctionCall)) for item in response.output if item.get("type") == "function_call"]
    calls = [Call(call.call_id, call.name, call.arguments) for _, call in items]
    uses = iter(uses_of(calls, request, encoded, notes, cut=response.status == "incomplete"))
    blocks: list[AnswerBlock] = []
    refused = False
    for item in response.output:
        kind = item.get("type")
        if kind == "function_call":
            blocks += [use for use in (next(uses, None),) if use is not None]
        elif kind == "message":
            texts, refusal = _texts(parsed(item, _Message), notes)
            blocks += texts
            refused = refused or refusal
        elif kind != "reasoning":
            notes.add("content", "dropped", f"An item of type {kind!r} has no place in an answer.")
    return blocks, refused


def _texts(message: _Message, notes: Notes) -> tuple[list[AnswerBlock], bool]:
    texts: list[AnswerBlock] = []
    refused = False
    for part in message.content:
        kind = part.get("type")
        text = part.get("refusal" if kind == "refusal" else "text")
        if kind in ("output_text", "refusal") and isinstance(text, str):
            texts.append(TextContent(text=text))
            refused = refused or kind == "refusal"
        else:
            notes.add("content", "dropped", f"A part of type {kind!r} has no place in an answer.")
    return texts, refused


def _usage(counts: _Counts | None) -> Usage | None:
    if counts is None:
        return None
    read, written = counts.input_tokens_details, counts.output_tokens_details
    return usage_of(counts.input_tokens, counts.output_tokens, read, written)


def reasoning_of(body: dict[str, Any]) -> dict[str, Any]:
    """Reasoning items of an answer by the id of the tool use that they led to, with the item of the call itself.

    Nothing is stored at the provider, so its reasoning has to come back with the tool's result, encrypted as it is. The
    call goes back under the provider's own id for it, which ties the two together. A server is never shown either.
    """
    found: dict[str, Any] = {}
    waiting: list[dict[str, Any]] = []
    for item in body["output"]:
        if item.get("type") == "reasoning" and (item.get("encrypted_content") or item.get("content")):
            waiting.append({key: value for key, value in item.items() if value is not None and key != "status"})
        elif item.get("type") == "function_call" and item.get("call_id") and waiting:
            found[item["call_id"]] = {"before": waiting, "call": {"id": item["id"]} if item.get("id") else {}}
            waiting = []
    return found
