"""OpenAI Responses (``POST /responses``), stateless: nothing is stored, each request carries the whole conversation.

What differs from MCP: a conversation is a list of items, in which calls and their results stand beside the messages;
tool input is JSON in a string; there is no parameter for stop sequences; an error is said in words; OpenAI itself takes
no limit below 16 tokens. Tool results may carry images here, and reasoning models want their reasoning back.
"""

from __future__ import annotations

import json
from typing import Any

import msgspec

from upcall.errors import UnsupportedContent
from upcall.models.codecs import quirks
from upcall.models.codecs._draft import Draft
from upcall.models.codecs._encoded import Encoded, Notes, Recall, nothing_recalled
from upcall.models.codecs._media import COMMON_IMAGES, checked_image, data_url
from upcall.models.codecs._names import CallIds, ToolNames
from upcall.models.codecs._responses_answer import decode, reasoning_of
from upcall.models.codecs._results import Placed, Readable, failed, readable
from upcall.models.codecs._stops import divide
from upcall.models.codecs._turns import Turn
from upcall.wire import AudioContent, ImageContent, SamplingRequest, TextContent, Tool, ToolResult, ToolUse

__all__ = ["COMPATIBLE", "OPENAI", "Dialect", "decode", "encode", "reasoning_of"]

_NAME_LIMIT = 64
_ID_LIMIT = 64
_INCLUDE = "include"
_NEGOTIABLE = frozenset({"temperature", _INCLUDE})


class Dialect(msgspec.Struct, frozen=True, kw_only=True):
    """Where the servers that speak this protocol differ."""

    fewest_tokens: int
    """The lowest limit that is taken."""
    images: frozenset[str] | None
    """Image types that are taken; ``None`` leaves it to the server."""
    encrypts: bool
    """Whether reasoning comes encrypted when it is asked for."""


OPENAI = Dialect(fewest_tokens=16, images=COMMON_IMAGES, encrypts=True)
COMPATIBLE = Dialect(fewest_tokens=1, images=None, encrypts=False)
"""Everybody else."""


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
        recall: Gives back the reasoning that stood before a tool use (see `reasoning_of`).

    Raises:
        InvalidRequest: The request breaks a rule of the protocol.
        UnsupportedContent: Audio, an image of another type, a resource that is neither text nor image.
    """
    refused = refused | quirks.refused_by(quirks.OPENAI, model)
    draft = Draft(request, model=model, refused=refused, name_limit=_NAME_LIMIT)
    notes, names = draft.notes, draft.names
    items = _Items(dialect, names, notes, recall).of(draft.turns)
    body: dict[str, Any] = {"model": model, "store": False, "input": items}
    if (system_prompt := draft.system_prompt()) is not None:
        body["instructions"] = system_prompt
    body["max_output_tokens"] = _limit(request.max_tokens, dialect, notes)
    if (temperature := draft.temperature(2.0)) is not None:
        body["temperature"] = temperature
    # Without tools there is no tool use to keep reasoning for. Models that do not reason may refuse it.
    if request.tools and dialect.encrypts and _INCLUDE not in refused:
        body[_INCLUDE] = ["reasoning.encrypted_content"]
    _, cut_at = divide(request.stop_sequences, notes, takes=lambda _: False, most=0)
    if request.tools:
        body["tools"] = [_tool(tool, names) for tool in request.tools]
        if request.tool_choice is not None:
            body["tool_choice"] = request.tool_choice.mode
    return draft.encoded(body, cut_at=cut_at, negotiable=_NEGOTIABLE & body.keys())


def _limit(asked: int, dialect: Dialect, notes: Notes) -> int:
    if asked < dialect.fewest_tokens:
        reason = f"The provider takes no limit below {dialect.fewest_tokens}; a longer answer is cut at an estimate."
        notes.add("maxTokens", "emulated", reason)
    return max(asked, dialect.fewest_tokens)


def _tool(tool: Tool, names: ToolNames) -> dict[str, Any]:
    function: dict[str, Any] = {"type": "function", "name": names.sent(tool.name)}
    if tool.description is not None:
        function["description"] = tool.description
    # OpenAI refuses an object schema that does not list its properties; strict, its default here, would refuse more.
    function["parameters"] = {"type": "object", "properties": {}, **tool.input_schema}
    function["strict"] = False
    return function


class _Items:
    """Turns → items of the provider's input."""

    def __init__(self, dialect: Dialect, names: ToolNames, notes: Notes, recall: Recall) -> None:
        self._dialect = dialect
        self._names = names
        self._notes = notes
        self._recall = recall
        self._ids = CallIds(limit=_ID_LIMIT, notes=notes)

    def of(self, turns: list[Turn]) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = []
        for turn in turns:
            items.extend(self._assistant(turn) if turn.role == "assistant" else self._user(turn))
        return items

    def _assistant(self, turn: Turn) -> list[dict[str, Any]]:
        opening: list[dict[str, Any]] = []
        items: list[dict[str, Any]] = []
        for where, block in turn.parts:
            if isinstance(block, TextContent):
                part = {"type": "output_text", "text": block.text}
                if items and items[-1]["type"] == "message":
                    items[-1]["content"].append(part)
                else:
                    items.append({"type": "message", "role": "assistant", "content": [part]})
            elif isinstance(block, ToolUse):
                kept = self._recall(block) or {"before": [], "call": {}}
                # The turn's first reasoning stood before its text; MCP content has no place that would say so.
                first = not any(item["type"] == "function_call" for item in items)
                (opening if first else items).extend(kept["before"])
                items.append({**self._call(block, where), **kept["call"]})
        return [*opening, *items]

    def _call(self, use: ToolUse, where: str) -> dict[str, Any]:
        return {
            "type": "function_call",
            "call_id": self._ids.of_use(use.id, where),
            "name": self._names.sent(use.name),
            "arguments": json.dumps(use.input, ensure_ascii=False),
        }

    def _user(self, turn: Turn) -> list[dict[str, Any]]:
        results: list[dict[str, Any]] = []
        rest: list[dict[str, Any]] = []
        for where, block in turn.parts:
            if isinstance(block, ToolResult):
                results.append(self._result(block, where))
            elif not isinstance(block, ToolUse):
                rest.append(self._part(block, where))
        return [*results, *([{"type": "message", "role": "user", "content": rest}] if rest else [])]

    def _result(self, result: ToolResult, where: str) -> dict[str, Any]:
        parts: list[Placed] = []
        if result.is_error:
            parts.append((where, TextContent(text=failed(where, self._notes))))
        parts += readable(result, where, self._notes)
        texts = [block.text for _, block in parts if isinstance(block, TextContent)]
        # A plain string is what every server takes.
        only_text = len(texts) == len(parts)
        output: Any = "\n".join(texts) if only_text else [self._part(block, place) for place, block in parts]
        return {"type": "function_call_output", "call_id": self._ids.of_result(result.tool_use_id), "output": output}

    def _part(self, block: Readable, where: str) -> dict[str, Any]:
        match block:
            case TextContent():
                return {"type": "input_text", "text": block.text}
            case ImageContent():
                kind = checked_image(block, where, taken=self._dialect.images)
                return {"type": "input_image", "image_url": data_url(kind, block.data), "detail": "auto"}
            case AudioContent():
                raise UnsupportedContent(
                    f"{where}: the Responses API takes no audio.",
                    hint="Send a transcript, or use the model over Chat Completions.",
                )
