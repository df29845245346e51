"""Anthropic Messages (``POST /v1/messages``).

MCP's content has the shape of this provider's, so most blocks map one to one. What differs: no audio, images in the
user's turns only, plain text only in a failed tool's result, tool names and ids of plain letters, and newer models
that take neither a temperature nor a prefill.
"""

from __future__ import annotations

from typing import Any

import msgspec

from upcall.errors import UnsupportedContent
from upcall.models.base import Completion, Usage
from upcall.models.codecs import quirks
from upcall.models.codecs._answer import camel, completion, counted, parsed
from upcall.models.codecs._draft import Draft
from upcall.models.codecs._encoded import Encoded, Notes, Recall, nothing_recalled
from upcall.models.codecs._media import COMMON_IMAGES, checked_image
from upcall.models.codecs._names import CallIds, ToolNames
from upcall.models.codecs._numbers import Count
from upcall.models.codecs._results import Readable, readable
from upcall.models.codecs._stops import AnswerBlock, divide
from upcall.models.codecs._turns import Turn
from upcall.wire import (
    AudioContent,
    ImageContent,
    SamplingRequest,
    TextContent,
    ToolResult,
    ToolUse,
)

__all__ = ["decode", "encode", "reasoning_of"]

VERSION_WITH_TEMPERATURE = "2023-06-01"
"""The API's version 2026-10-21, which the SDK speaks, knows no temperature for any model; this one still does."""

_NAME_LIMIT = 128
_ID_LIMIT = 64
_CHOICES = {"auto": "auto", "required": "any", "none": "none"}
_STOP_REASONS = {"end_turn": "endTurn", "max_tokens": "maxTokens", "stop_sequence": "stopSequence"}
_NEGOTIABLE = frozenset({"temperature", "stop_sequences"})
_REASONING = ("thinking", "redacted_thinking")


def encode(
    request: SamplingRequest,
    *,
    model: str,
    refused: frozenset[str] = frozenset(),
    recall: Recall = nothing_recalled,
) -> Encoded:
    """The body of the request to Anthropic.

    Args:
        request: What was asked.
        model: The provider's name for the model.
        refused: Parameters that this model is known to refuse, beyond `quirks.ANTHROPIC`.
        recall: Gives back the reasoning that stood before a tool use (see `reasoning_of`).

    Raises:
        InvalidRequest: The request breaks a rule of the protocol.
        UnsupportedContent: Audio, an image of another type, a resource that is neither text nor image.
    """
    refused = refused | quirks.refused_by(quirks.ANTHROPIC, model)
    draft = Draft(request, model=model, refused=refused, name_limit=_NAME_LIMIT, is_empty=_is_empty)
    notes, names = draft.notes, draft.names
    body: dict[str, Any] = {"model": model, "max_tokens": request.max_tokens}
    if (system_prompt := draft.system_prompt()) is not None:
        body["system"] = system_prompt
    body["messages"] = _Messages(names, notes, recall).of(draft.turns)
    _trim_prefill(body["messages"], notes)
    headers = {}
    if (temperature := draft.temperature(1.0)) is not None:
        body["temperature"] = temperature
        headers["anthropic-version"] = VERSION_WITH_TEMPERATURE
    # A sequence of white space alone is refused.
    can_stop = "stop_sequences" not in refused
    stops, cut_at = divide(request.stop_sequences, notes, takes=lambda one: can_stop and one.strip() != "", most=None)
    if stops:
        body["stop_sequences"] = stops
    _add_tools(body, request, names, notes)
    return draft.encoded(body, cut_at=cut_at, negotiable=_NEGOTIABLE & body.keys(), headers=headers)


def _is_empty(text: str) -> bool:
    return not text.strip()


def _trim_prefill(messages: list[dict[str, Any]], notes: Notes) -> None:
    """A prefill must not end in white space."""
    last = messages[-1]
    block = last["content"][-1]
    if last["role"] == "assistant" and block["type"] == "text" and block["text"] != block["text"].rstrip():
        block["text"] = block["text"].rstrip()
        notes.add("messages", "cut", "White space at the end of the text to continue is not sent.")


def _add_tools(body: dict[str, Any], request: SamplingRequest, names: ToolNames, notes: Notes) -> None:
    if request.tools:
        body["tools"] = [
            {
                "name": names.sent(tool.name),
                **({} if tool.description is None else {"description": tool.description}),
                "input_schema": {"type": "object", **tool.input_schema},
            }
            for tool in request.tools
        ]
        if request.tool_choice is not None:
            body["tool_choice"] = {"type": _CHOICES[request.tool_choice.mode]}
        return
    used = dict.fromkeys(use.name for turn in request.messages for use in turn.blocks if isinstance(use, ToolUse))
    if used:
        # A conversation with tool uses in it is refused unless the tools are there.
        notes.add("tools", "emulated", "The conversation's tools are declared by name, with use of them forbidden.")
        body["tools"] = [{"name": names.sent(name), "input_schema": {"type": "object"}} for name in used]
        body["tool_choice"] = {"type": "none"}


class _Messages:
    """Turns → messages of the provider."""

    def __init__(self, names: ToolNames, notes: Notes, recall: Recall) -> None:
        self._names = names
        self._notes = notes
        self._recall = recall
        self._ids = CallIds(limit=_ID_LIMIT, notes=notes)

    def of(self, turns: list[Turn]) -> list[dict[str, Any]]:
        return [{"role": turn.role, "content": self._content(turn)} for turn in turns]

    def _content(self, turn: Turn) -> list[dict[str, Any]]:
        opening: list[dict[str, Any]] = []
        results: list[dict[str, Any]] = []
        rest: list[dict[str, Any]] = []
        for part in turn.parts:
            match part.block:
                case ToolUse() as use:
                    reasoning = self._recall(use) or []
                    # The turn's first reasoning stood before its text; MCP content has no place that would say so.
                    first = not any(block["type"] == "tool_use" for block in rest)
                    (opening if first else rest).extend(reasoning)
                    rest.append(self._use(use, part.where))
                case ToolResult() as result:
                    answer, moved = self._result(result, part.where)
                    results.append(answer)
                    rest.extend(moved)
                case block:
                    rest.append(_plain(block, part.where))
        return [*opening, *results, *rest]

    def _use(self, use: ToolUse, where: str) -> dict[str, Any]:
        return {
            "type": "tool_use",
            "id": self._ids.of_use(use.id, where),
            "name": self._names.sent(use.name),
            "input": use.input,
        }

    def _result(self, result: ToolResult, where: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        content: list[dict[str, Any]] = []
        moved: list[dict[str, Any]] = []
        for place, part in readable(result, where, self._notes):
            block = _plain(part, place)
            if isinstance(part, TextContent) and _is_empty(part.text):
                self._notes.add(place, "dropped", "Empty text is not sent.")
            elif result.is_error and not isinstance(part, TextContent):
                self._notes.add(place, "converted", "A failed tool's result is text only; the image follows it.")
                moved += [{"type": "text", "text": "[From the failed tool's result:]"}, block]
            else:
                content.append(block)
        answer: dict[str, Any] = {"type": "tool_result", "tool_use_id": self._ids.of_result(result.tool_use_id)}
        if result.is_error:
            answer["is_error"] = True
            # Here, and only here, an empty result is refused.
            content = content or [{"type": "text", "text": "(no message)"}]
        if content:
            answer["content"] = content
        return answer, moved


def _plain(block: Readable, where: str) -> dict[str, Any]:
    match block:
        case TextContent():
            return {"type": "text", "text": block.text}
        case ImageContent():
            kind = checked_image(block, where, taken=COMMON_IMAGES)
            return {"type": "image", "source": {"type": "base64", "media_type": kind, "data": block.data}}
        case AudioContent():
            raise UnsupportedContent(
                f"{where}: Anthropic's models take no audio.", hint="Send a transcript, or use another model."
            )


class _Written(msgspec.Struct):
    ephemeral_1h_input_tokens: Count = 0


class _OutputDetails(msgspec.Struct):
    thinking_tokens: Count | None = None


class _Counts(msgspec.Struct):
    input_tokens: Count
    output_tokens: Count
    cache_read_input_tokens: Count | None = None
    cache_creation_input_tokens: Count | None = None
    cache_creation: _Written | None = None
    output_tokens_details: _OutputDetails | None = None


class _Message(msgspec.Struct):
    content: list[dict[str, Any]]
    model: str = ""
    stop_reason: str | None = None
    usage: Any = None


class _Text(msgspec.Struct):
    text: str


class _Use(msgspec.Struct):
    id: str
    name: str
    input: dict[str, Any]


def decode(body: object, request: SamplingRequest, encoded: Encoded) -> Completion:
    """Anthropic's answer as a completion.

    A tool use at which the answer was cut by ``maxTokens`` is incomplete and left out, as an adjustment says.

    Raises:
        InvalidAnswer: The body is not of the provider's format, or a tool's input is no JSON object.
    """
    message = parsed(body, _Message)
    notes = Notes()
    blocks: list[AnswerBlock] = []
    for block in message.content:
        kind = block.get("type")
        if kind == "text":
            blocks.append(TextContent(text=parsed(block, _Text).text))
        elif kind == "tool_use":
            use = parsed(block, _Use)
            blocks.append(ToolUse(id=use.id, name=encoded.names.get(use.name, use.name), input=use.input))
        elif kind not in _REASONING:
            notes.add("content", "dropped", f"A block of type {kind!r} has no place in an answer.")
    if message.stop_reason == "max_tokens" and blocks and isinstance(blocks[-1], ToolUse):
        blocks.pop()
        notes.add("content", "cut", "The last tool use was cut at maxTokens and is left out.")
    reason = message.stop_reason
    return completion(
        blocks,
        request,
        encoded,
        notes,
        model=message.model or encoded.model,
        stop_reason=None if reason is None else _STOP_REASONS.get(reason, camel(reason)),
        usage=_usage(counted(message.usage, _Counts)),
    )


def _usage(counts: _Counts | None) -> Usage | None:
    if counts is None:
        return None
    read, written = counts.cache_read_input_tokens or 0, counts.cache_creation_input_tokens or 0
    # The provider counts cached input apart; `Usage` counts it in.
    return Usage(
        input_tokens=counts.input_tokens + read + written,
        output_tokens=counts.output_tokens,
        cached_input_tokens=read,
        cache_write_tokens=written,
        # What is kept for five minutes, the rest of it, is the usual case and has the usual price.
        cache_write_1h_tokens=counts.cache_creation.ephemeral_1h_input_tokens if counts.cache_creation else 0,
        reasoning_tokens=(details.thinking_tokens or 0) if (details := counts.output_tokens_details) else 0,
    )


def reasoning_of(body: dict[str, Any]) -> dict[str, Any]:
    """Reasoning blocks of an answer by the id of the tool use that they led to.

    The provider wants them back, unchanged, when the tool's result comes; a server is never shown them.
    """
    found: dict[str, Any] = {}
    waiting: list[dict[str, Any]] = []
    for block in body.get("content", ()):
        if block.get("type") in _REASONING:
            waiting.append(block)
        elif block.get("type") == "tool_use" and waiting:
            found[block["id"]] = waiting
            waiting = []
    return found
