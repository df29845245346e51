"""The last step of every decoder: a provider's blocks → a `Completion` of the shape that the request asked for."""

from __future__ import annotations

import re
from typing import TypeVar

import msgspec

from upcall.errors import InvalidAnswer
from upcall.models.base import Completion, Usage
from upcall.models.codecs._encoded import Encoded, Notes
from upcall.models.codecs._stops import AnswerBlock, cut
from upcall.wire import AudioContent, ImageContent, SamplingRequest, SamplingResult, TextContent, ToolUse

__all__ = ["camel", "completion", "counted", "parsed"]

_T = TypeVar("_T")


def parsed(body: object, shape: type[_T]) -> _T:
    """``body`` as the struct ``shape``.

    Raises:
        InvalidAnswer: A field is missing or of the wrong type.
    """
    try:
        return msgspec.convert(body, shape)
    except msgspec.ValidationError as error:
        raise InvalidAnswer("The provider's answer is not of its own format.", detail=str(error)) from None


def counted(counts: object, shape: type[_T]) -> _T | None:
    """A provider's ``counts`` of tokens as the struct ``shape``, or ``None`` where they cannot be read.

    No answer is lost for them: what is unknown counts as the most that it can be.
    """
    try:
        return None if counts is None else msgspec.convert(counts, shape)
    except msgspec.ValidationError:
        return None


def camel(name: str) -> str:
    """``model_context_window_exceeded`` → ``modelContextWindowExceeded``, the spelling of MCP's own stop reasons."""
    return re.sub(r"_([a-z])", lambda found: found[1].upper(), name)


def completion(
    blocks: list[AnswerBlock],
    request: SamplingRequest,
    encoded: Encoded,
    notes: Notes,
    *,
    model: str,
    stop_reason: str | None,
    usage: Usage | None,
) -> Completion:
    """Shape the answer: one block without tools in the request, a list with them; ``toolUse`` by the content alone.

    Raises:
        InvalidAnswer: A tool use although the request has no tools.
    """
    blocks, stopped = cut(blocks, encoded.cut_at)
    uses_tools = any(isinstance(block, ToolUse) for block in blocks)
    if uses_tools:
        stop_reason = "toolUse"
    elif stopped:
        stop_reason = "stopSequence"
    elif stop_reason == "toolUse":
        stop_reason = "endTurn"
    content: AnswerBlock | list[AnswerBlock]
    if request.tools:
        content = [block for block in blocks if not (isinstance(block, TextContent) and not block.text)]
    elif uses_tools:
        raise InvalidAnswer("The answer uses a tool, and the request offered none.")
    else:
        content = _one_block(blocks, notes)
    return Completion(
        result=SamplingResult(
            role="assistant",
            # Invariance: a list of some kinds of block is no list of all kinds.
            content=[*content] if isinstance(content, list) else content,
            model=model,
            stop_reason=stop_reason,
        ),
        usage=usage,
        adjustments=(*encoded.adjustments, *notes.all()),
    )


def _one_block(blocks: list[AnswerBlock], notes: Notes) -> AnswerBlock:
    text = "".join(block.text for block in blocks if isinstance(block, TextContent))
    media = [block for block in blocks if isinstance(block, ImageContent | AudioContent)]
    if len(media) > (0 if text else 1):
        notes.add("content", "dropped", "The answer is one block; images and sounds beside it are left out.")
    return media[0] if media and not text else TextContent(text=text)
