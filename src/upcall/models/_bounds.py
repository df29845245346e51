"""How many tokens a request can come to, whatever the tokenizer, by the rules at the head of `upcall.models.prices`."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from upcall.errors import InvalidRequest
from upcall.wire import (
    AudioContent,
    ContentBlock,
    EmbeddedResource,
    ImageContent,
    ResultBlock,
    SamplingRequest,
    TextContent,
    ToolResult,
    encode,
)

__all__ = ["InputBound", "input_bound", "output_bound"]

_PER_REQUEST = 512
_PER_BLOCK = 32
_WITH_TOOLS = 1_024
_PER_IMAGE = 8_000
_PER_IMAGE_OF = {"gpt-4o-mini": 50_000}
"""By a part of the model's name: those that count an image as far more than others do."""
_BYTES_PER_AUDIO_TOKEN = 32
"""32 tokens for a second of sound, which takes 1,000 bytes at the least (8 kbit/s)."""


class InputBound(msgspec.Struct, frozen=True, kw_only=True):
    """The most tokens that the input can be."""

    tokens: int
    """All of them."""
    audio_tokens: int
    """Those among them that are sound, which may have a price of its own."""


def input_bound(model: str, request: SamplingRequest) -> InputBound:
    """The most tokens that ``request`` can be for ``model``.

    Raises:
        InvalidRequest: Its JSON is nested too deeply to be sent anywhere.
    """
    try:
        return _Count(model).of(request)
    except RecursionError:
        raise InvalidRequest("The request's JSON is nested too deeply.") from None


def output_bound(model: str, request: SamplingRequest) -> int:
    """The most tokens that ``model`` can answer ``request`` with: ``maxTokens``, unless the provider takes no limit as
    low as that."""
    if model.partition("/")[0] != "openai-responses":  # an address may lead to OpenAI as well
        return request.max_tokens
    from upcall.models.codecs.openai_responses import OPENAI

    return max(request.max_tokens, OPENAI.fewest_tokens)


class _Count:
    def __init__(self, model: str) -> None:
        self._image = next((most for part, most in _PER_IMAGE_OF.items() if part in model), _PER_IMAGE)
        self._audio = 0

    def of(self, request: SamplingRequest) -> InputBound:
        tokens = _PER_REQUEST + _text(request.system_prompt or "")
        tokens += sum(self._block(block) for message in request.messages for block in message.blocks)
        if request.tools:
            tokens += _WITH_TOOLS + sum(_json(encode(tool)) + _PER_BLOCK for tool in request.tools)
        return InputBound(tokens=tokens + self._audio, audio_tokens=self._audio)

    def _block(self, block: ContentBlock | ResultBlock) -> int:
        if isinstance(block, TextContent):
            return _PER_BLOCK + _text(block.text)
        if isinstance(block, ImageContent | AudioContent):
            return _PER_BLOCK + self._media(block.mime_type, block.data)
        if isinstance(block, ToolResult):
            structured = 0 if block.structured_content is None else _json(block.structured_content)
            return _PER_BLOCK + _text(block.tool_use_id) + structured + sum(map(self._block, block.content))
        if isinstance(block, EmbeddedResource) and isinstance(blob := block.resource.get("blob"), str):
            rest = {key: value for key, value in block.resource.items() if key != "blob"}
            return _PER_BLOCK + _json(rest) + self._media(str(block.resource.get("mimeType")), blob)
        return _PER_BLOCK + _json(encode(block))

    def _media(self, mime_type: str, data: str) -> int:
        if mime_type.startswith("image/"):
            return self._image
        if mime_type.startswith("audio/"):
            self._audio += len(data) // _BYTES_PER_AUDIO_TOKEN + 1
            return 0
        return len(data)


def _text(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))


def _json(value: Any) -> int:
    # Escapes and spaces included, as the widest way of writing it has them.
    return len(json.dumps(value, ensure_ascii=True, default=str))
