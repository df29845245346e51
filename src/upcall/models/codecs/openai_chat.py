"""OpenAI Chat Completions (``POST /chat/completions``), OpenAI's own and the servers that speak it.

What differs from MCP: tool results are messages of a role of their own and carry text only, so their images follow in
the user's next message, and an error is said in words; tool input is JSON in a string; a stop sequence cannot be
told from the end of a turn.
"""

from __future__ import annotations

import json
from typing import Any

import msgspec

from upcall.errors import InvalidRequest
from upcall.models.codecs import quirks
from upcall.models.codecs._chat_answer import decode, reasoning_of
from upcall.models.codecs._draft import Draft
from upcall.models.codecs._encoded import Encoded, Notes, Recall, nothing_recalled
from upcall.models.codecs._media import COMMON_IMAGES, audio_format, checked_image, data_url
from upcall.models.codecs._names import CallIds, ToolNames
from upcall.models.codecs._results import Placed, Readable, failed, spoken
from upcall.models.codecs._stops import divide
from upcall.models.codecs._turns import Turn
from upcall.wire import (
    AudioContent,
    ImageContent,
    SamplingRequest,
    TextContent,
    Tool,
    ToolResult,
    ToolUse,
)

__all__ = ["COMPATIBLE", "OPENAI", "Dialect", "decode", "encode", "reasoning_of"]

_NAME_LIMIT = 64
_ID_LIMIT = 40
_MOST_STOPS = 4
_LIMITS = ("max_completion_tokens", "max_tokens")
_NEGOTIABLE = frozenset({"temperature", "stop", *_LIMITS})


class Dialect(msgspec.Struct, frozen=True, kw_only=True):
    """Where the servers that speak this protocol differ."""

    limit: str
    """The parameter that carries ``maxTokens``."""
    images: frozenset[str] | None
    """Image types that are taken; ``None`` leaves it to the server."""


OPENAI = Dialect(limit="max_completion_tokens", images=COMMON_IMAGES)
COMPATIBLE = Dialect(limit="max_tokens", images=None)
"""Everybody else: some ignore the newer name of the limit, and it is the one limit that MUST hold."""


def encode(
    request: SamplingRequest,
    *,
    model: str,
    dialect: Dialect = OPENAI,
    refused: frozenset[str] = frozenset(),
    recall: Recall = nothing_recalled,
) -> Encoded:
    """The body of the request.

    Args:
        request: What was asked.
        model: The provider's name for the model.
        dialect: `OPENAI` or `COMPATIBLE`.
        refused: Parameters that this model is known to refuse, beyond `quirks.OPENAI`.
        recall: Gives back what a provider sent beside a tool use (see `reasoning_of`).

    Raises:
        InvalidRequest: The request breaks a rule of the protocol.
        UnsupportedContent: Audio other than WAV and MP3, an image of another type, a resource that is neither.
    """
    refused = refused | quirks.refused_by(quirks.OPENAI, model)
    draft = Draft(request, model=model, refused=refused, name_limit=_NAME_LIMIT)
    notes, names = draft.notes, draft.names
    messages = _Messages(dialect, names, notes, recall).of(draft.turns)
    if (system_prompt := draft.system_prompt()) is not None:
        messages.insert(0, {"role": "system", "content": system_prompt})
    body: dict[str, Any] = {"model": model, "messages": messages}
    body[_limit_name(dialect, refused, notes)] = request.max_tokens
    if (temperature := draft.temperature(2.0)) is not None:
        body["temperature"] = temperature
    can_stop = "stop" not in refused
    stops, cut_at = divide(request.stop_sequences, notes, takes=lambda _: can_stop, most=_MOST_STOPS)
    if stops:
        body["stop"] = stops
    if request.tools:
        body["tools"] = [_tool(tool, names) for tool in request.tools]
        if request.tool_choice is not None:
            body["tool_choice"] = request.tool_choice.mode
    return draft.encoded(body, cut_at=cut_at, negotiable=_NEGOTIABLE & body.keys())


def _limit_name(dialect: Dialect, refused: frozenset[str], notes: Notes) -> str:
    # maxTokens MUST be respected, so of two refused names one is sent all the same.
    name = next((one for one in (dialect.limit, *_LIMITS) if one not in refused), dialect.limit)
    if name != dialect.limit:
        notes.add("maxTokens", "renamed", f"The model takes it as {name} only.")
    return name


def _tool(tool: Tool, names: ToolNames) -> dict[str, Any]:
    function: dict[str, Any] = {"name": names.sent(tool.name)}
    if tool.description is not None:
        function["description"] = tool.description
    # OpenAI refuses an object schema that does not list its properties.
    function["parameters"] = {"type": "object", "properties": {}, **tool.input_schema}
    return {"type": "function", "function": function}


class _Messages:
    """Turns → messages of the provider."""

    def __init__(self, dialect: Dialect, names: ToolNames, notes: Notes, recall: Recall) -> None:
        self._dialect = dialect
        self._names = names
        self._notes = notes
        self._recall = recall
        self._ids = CallIds(limit=_ID_LIMIT, notes=notes)

    def of(self, turns: list[Turn]) -> list[dict[str, Any]]:
        messages: list[dict[str, Any]] = []
        for turn in turns:
            if turn.role == "assistant":
                messages.append(self._assistant(turn))
            else:
                messages.extend(self._user(turn))
        return messages

    def _assistant(self, turn: Turn) -> dict[str, Any]:
        message: dict[str, Any] = {"role": "assistant"}
        texts = [part.block.text for part in turn.parts if isinstance(part.block, TextContent)]
        if texts:
            message["content"] = "\n\n".join(texts)
        calls = []
        for where, block in turn.parts:
            if isinstance(block, ToolUse):
                kept = self._recall(block) or {}
                message.update(kept.get("message", {}))
                calls.append(
                    {
                        "id": self._ids.of_use(block.id, where),
                        "type": "function",
                        "function": {
                            "name": self._names.sent(block.name),
                            "arguments": json.dumps(block.input, ensure_ascii=False),
                        },
                        **kept.get("call", {}),
                    }
                )
        if calls:
            message["tool_calls"] = calls
        return message

    def _user(self, turn: Turn) -> list[dict[str, Any]]:
        results: list[dict[str, Any]] = []
        rest: list[Placed] = []
        for where, block in turn.parts:
            match block:
                case ToolResult():
                    message, moved = self._result(block, where, after=rest)
                    results.append(message)
                    rest.extend(moved)
                case ToolUse():
                    raise InvalidRequest(f"{where}: only the assistant uses tools.")
                case _:
                    rest.append((where, block))
        return [*results, *([{"role": "user", "content": self._content(rest)}] if rest else [])]

    def _content(self, parts: list[Placed]) -> str | list[dict[str, Any]]:
        texts = [block.text for _, block in parts if isinstance(block, TextContent)]
        if len(texts) == len(parts):
            # A plain string is what every server takes.
            return "\n\n".join(texts)
        return [self._part(block, where) for where, block in parts]

    def _part(self, block: Readable, where: str) -> dict[str, Any]:
        match block:
            case TextContent():
                return {"type": "text", "text": block.text}
            case ImageContent():
                kind = checked_image(block, where, taken=self._dialect.images)
                return {"type": "image_url", "image_url": {"url": data_url(kind, block.data)}}
            case AudioContent():
                form = audio_format(block, where)
                return {"type": "input_audio", "input_audio": {"data": block.data, "format": form}}

    def _result(self, result: ToolResult, where: str, *, after: list[Placed]) -> tuple[dict[str, Any], list[Placed]]:
        opening = [failed(where, self._notes)] if result.is_error else []
        text, moved = spoken(result, where, self._notes, after=after)
        content = "\n".join([*opening, *([text] if text else [])])
        sent = self._ids.of_result(result.tool_use_id)
        return {"role": "tool", "tool_call_id": sent, "content": content}, moved
