"""A sampling request as the chat that llama.cpp's server takes. Pure.

A small model has no native tools: `upcall.models.embedded.emulation` says what stands in for them, and past tool
turns are told as text.
"""

from __future__ import annotations

import json
import re
from typing import Any

import msgspec

from upcall.errors import UnsupportedContent
from upcall.models.base import Adjustment
from upcall.models.embedded.emulation import Emulation, emulate
from upcall.wire import (
    AudioContent,
    ContentBlock,
    EmbeddedResource,
    ImageContent,
    ResourceLink,
    ResultBlock,
    SamplingRequest,
    TextContent,
    ToolResult,
    ToolUse,
)

__all__ = ["Chat", "chat_of"]

_SYSTEM_PROMPT = "You are a helpful assistant."
_CONTROL_TOKEN = re.compile(r"<\|(?=[\w-]+\|>)")
_HOTTEST = 2.0


class Chat(msgspec.Struct, frozen=True, kw_only=True):
    """What goes to the server, what it may not go on after, and how to read its answer."""

    body: dict[str, Any]
    stop: tuple[str, ...]
    emulation: Emulation
    adjustments: tuple[Adjustment, ...]


def chat_of(request: SamplingRequest) -> Chat:
    """The chat for ``request``.

    Raises:
        UnsupportedContent: The messages contain an image, a sound or another file that is not text.
    """
    emulation = emulate(request)
    adjustments = [*emulation.adjustments, *_dropped(request)]
    turns = [turn for turn in _turns(request) if turn["content"]]
    merged = _merge(turns)
    if len(merged) < len(turns):
        adjustments.append(_adjusted("messages", "merged", "Consecutive turns of one role are sent as one."))
    if any(isinstance(block, ToolUse | ToolResult) for message in request.messages for block in message.blocks):
        adjustments.append(_adjusted("messages", "emulated", "Past tool uses and results are told to it as text."))
    system = "\n\n".join(filter(None, (request.system_prompt or _SYSTEM_PROMPT, emulation.instructions)))
    if not request.system_prompt:
        reason = f"It answers badly without a system prompt, so it got one: {_SYSTEM_PROMPT!r}."
        adjustments.append(_adjusted("systemPrompt", "converted", reason))
    messages = [{"role": "system", "content": system}, *merged]
    if any(_CONTROL_TOKEN.search(message["content"]) for message in messages):
        reason = "Text that the model would read as a control token, which could fake a turn, is written apart."
        adjustments.append(_adjusted("messages", "converted", reason))
        messages = [{**message, "content": _CONTROL_TOKEN.sub("< |", message["content"])} for message in messages]
    body: dict[str, Any] = {"messages": messages, "max_tokens": request.max_tokens, "temperature": 0.0}
    if request.temperature is not None:
        body["temperature"] = min(max(request.temperature, 0.0), _HOTTEST)
        if body["temperature"] != request.temperature:
            adjustments.append(_adjusted("temperature", "clamped", f"It takes 0 to {_HOTTEST:g}."))
    if emulation.schema is not None:
        shape = {"name": "tool_call", "strict": True, "schema": emulation.schema}
        body["response_format"] = {"type": "json_schema", "json_schema": shape}
    stop = tuple(filter(None, request.stop_sequences or ())) if emulation.schema is None else ()
    return Chat(body=body, stop=stop, emulation=emulation, adjustments=tuple(adjustments))


def _adjusted(field: str, action: Any, reason: str) -> Adjustment:
    return Adjustment(field=field, action=action, reason=reason)


def _dropped(request: SamplingRequest) -> list[Adjustment]:
    dropped = []
    if request.metadata:
        dropped.append(_adjusted("metadata", "dropped", "The embedded model has no use for it."))
    if request.include_context not in (None, "none"):
        dropped.append(_adjusted("includeContext", "dropped", "No context of other servers is given to a model."))
    return dropped


def _turns(request: SamplingRequest) -> list[dict[str, str]]:
    names = {
        block.id: block.name for message in request.messages for block in message.blocks if isinstance(block, ToolUse)
    }
    return [
        {"role": message.role, "content": "\n".join(filter(None, (_told(block, names) for block in message.blocks)))}
        for message in request.messages
    ]


def _merge(turns: list[dict[str, str]]) -> list[dict[str, str]]:
    # Many chat templates insist on alternating roles.
    merged: list[dict[str, str]] = []
    for turn in turns:
        if merged and merged[-1]["role"] == turn["role"]:
            merged[-1] = {**turn, "content": f"{merged[-1]['content']}\n\n{turn['content']}"}
        else:
            merged.append(turn)
    return merged


def _told(block: ContentBlock | ResultBlock, names: dict[str, str]) -> str:
    match block:
        case TextContent():
            return block.text
        case ToolUse():
            return f"I call {block.name} with {json.dumps(block.input, ensure_ascii=False)}."
        case ToolResult():
            name = names.get(block.tool_use_id, "the tool")
            verdict = f"{name} failed:" if block.is_error else f"Result of {name}:"
            body = "\n".join(_told(part, names) for part in block.content)
            if not body and block.structured_content is not None:
                body = json.dumps(block.structured_content, ensure_ascii=False)
            return f"{verdict}\n{body}"
        case ResourceLink():
            return f"[{block.title or block.name or 'resource'}: {block.uri}]"
        case EmbeddedResource() if isinstance(text := block.resource.get("text"), str):
            return text
        case ImageContent():
            raise _unsupported("images")
        case AudioContent():
            raise _unsupported("audio")
        case _:
            raise _unsupported("files that are not text")


def _unsupported(what: str) -> UnsupportedContent:
    return UnsupportedContent(
        f"The embedded model reads text only, and the request contains {what}.", hint="Use a provider's model for it."
    )
