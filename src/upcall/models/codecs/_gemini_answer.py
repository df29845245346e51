"""Answers of Gemini. The public face is `upcall.models.codecs.gemini`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import msgspec

from upcall.errors import InvalidAnswer, ModelRejected
from upcall.models.base import Completion, Usage
from upcall.models.codecs._answer import camel, completion, counted, parsed
from upcall.models.codecs._calls import Call, uses_of
from upcall.models.codecs._encoded import Encoded, Notes
from upcall.models.codecs._numbers import Count
from upcall.models.codecs._stops import AnswerBlock
from upcall.wire import AudioContent, ImageContent, SamplingRequest, TextContent, ToolUse

__all__ = ["decode", "reasoning_of"]

_STOP_REASONS = {
    "FINISH_REASON_UNSPECIFIED": None,
    "STOP": "endTurn",
    "MAX_TOKENS": "maxTokens",
    **dict.fromkeys(
        (
            *("SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "MODEL_ARMOR", "ESCALATION"),
            *("IMAGE_SAFETY", "IMAGE_PROHIBITED_CONTENT", "IMAGE_RECITATION"),
        ),
        "contentFilter",
    ),
}
_BROKEN = ("MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "MALFORMED_RESPONSE", "MISSING_THOUGHT_SIGNATURE")
"""The model wrote a call that cannot be read, or the provider found fault with one."""
_WORD = re.compile(r"[A-Z_]{1,40}")


class _Content(msgspec.Struct):
    parts: list[dict[str, Any]] = []


class _Candidate(msgspec.Struct, rename="camel"):
    content: _Content = msgspec.field(default_factory=_Content)
    finish_reason: str | None = None
    finish_message: str = ""


class _Feedback(msgspec.Struct, rename="camel"):
    block_reason: str | None = None
    block_reason_message: str = ""


class _OfModality(msgspec.Struct, rename="camel"):
    modality: str = ""
    token_count: Count = 0


class _Counts(msgspec.Struct, rename="camel"):
    prompt_token_count: Count = 0
    prompt_tokens_details: list[_OfModality] = []
    tool_use_prompt_token_count: Count = 0
    tool_use_prompt_tokens_details: list[_OfModality] = []
    candidates_token_count: Count = 0
    candidates_tokens_details: list[_OfModality] = []
    thoughts_token_count: Count = 0
    cached_content_token_count: Count = 0
    cache_tokens_details: list[_OfModality] = []


class _Answer(msgspec.Struct, rename="camel"):
    candidates: list[_Candidate] | None = None
    prompt_feedback: _Feedback | None = None
    usage_metadata: Any = None
    model_version: str | None = None


class _FunctionCall(msgspec.Struct):
    name: str
    args: dict[str, Any] | None = None
    id: str | None = None


class _Blob(msgspec.Struct, rename="camel"):
    mime_type: str
    data: str


def decode(body: object, request: SamplingRequest, encoded: Encoded) -> Completion:
    """Gemini's answer as a completion. Text that is marked as thought is left out.

    Raises:
        ModelRejected: Gemini blocks the prompt and answers nothing.
        InvalidAnswer: The body is not of the provider's format, or the model's call of a tool cannot be read.
    """
    answer = parsed(body, _Answer)
    if not answer.candidates:
        raise _nothing(answer.prompt_feedback)
    candidate = answer.candidates[0]
    reason = candidate.finish_reason
    if reason in _BROKEN:
        raise InvalidAnswer(
            "The model's call of a tool cannot be read.", detail=f"{reason}: {candidate.finish_message}"
        )
    notes = Notes()
    blocks = _blocks(candidate.content.parts, request, encoded, notes, cut=reason == "MAX_TOKENS")
    stop_reason = None if reason is None else _STOP_REASONS.get(reason, camel(reason.lower()))
    return completion(
        blocks,
        request,
        encoded,
        notes,
        model=answer.model_version or encoded.model,
        stop_reason=stop_reason,
        usage=_usage(counted(answer.usage_metadata, _Counts)),
    )


def _nothing(feedback: _Feedback | None) -> ModelRejected | InvalidAnswer:
    if feedback is None or not feedback.block_reason:
        return InvalidAnswer("The provider's answer contains no candidate.")
    found = _WORD.fullmatch(feedback.block_reason)
    return ModelRejected(
        f"The provider blocks this prompt{f' ({found[0]})' if found else ''}.",
        hint="Put it otherwise, or use another model.",
        detail=f"{feedback.block_reason}: {feedback.block_reason_message}",
    )


def _blocks(
    parts: list[dict[str, Any]], request: SamplingRequest, encoded: Encoded, notes: Notes, *, cut: bool
) -> list[AnswerBlock]:
    calls = [parsed(part["functionCall"], _FunctionCall) for part in parts if "functionCall" in part]
    # The provider leaves `args` out where a function has none.
    wanted = [Call(call.id, call.name, call.args or {}) for call in calls]
    uses = iter(uses_of(wanted, request, encoded, notes, cut=cut))
    blocks: list[AnswerBlock] = []
    for part in parts:
        text = part.get("text")
        if "functionCall" in part:
            blocks.append(next(uses))
        elif "inlineData" in part:
            blocks += _media(parsed(part["inlineData"], _Blob), notes)
        elif isinstance(text, str):
            if not part.get("thought"):
                blocks.append(TextContent(text=text))
        elif part.keys() - {"thought", "thoughtSignature"}:
            kind = ", ".join(sorted(part.keys() - {"thoughtSignature"}))
            notes.add("content", "dropped", f"A part of type {kind[:60]!r} has no place in an answer.")
    return blocks


def _media(blob: _Blob, notes: Notes) -> list[AnswerBlock]:
    if blob.mime_type.startswith("image/"):
        return [ImageContent(data=blob.data, mime_type=blob.mime_type)]
    if blob.mime_type.startswith("audio/"):
        return [AudioContent(data=blob.data, mime_type=blob.mime_type)]
    notes.add("content", "dropped", f"Data of type {blob.mime_type[:60]!r} has no place in an answer.")
    return []


def _usage(counts: _Counts | None) -> Usage | None:
    if counts is None:
        return None
    # Thoughts are counted apart, and paid as output.
    return Usage(
        input_tokens=counts.prompt_token_count + counts.tool_use_prompt_token_count,
        output_tokens=counts.candidates_token_count + counts.thoughts_token_count,
        cached_input_tokens=counts.cached_content_token_count,
        input_audio_tokens=_of("AUDIO", counts.prompt_tokens_details + counts.tool_use_prompt_tokens_details),
        cached_audio_tokens=_of("AUDIO", counts.cache_tokens_details),
        output_audio_tokens=_of("AUDIO", counts.candidates_tokens_details),
        output_image_tokens=_of("IMAGE", counts.candidates_tokens_details),
        reasoning_tokens=counts.thoughts_token_count,
    )


def _of(modality: str, details: list[_OfModality]) -> int:
    return sum(one.token_count for one in details if one.modality == modality)


def reasoning_of(body: dict[str, Any], uses: Sequence[ToolUse]) -> dict[str, Any]:
    """Signatures of the thoughts behind ``uses``, by the ids that `decode` gave them.

    The provider refuses the next turn without them; a server is never shown them.
    """
    parts = body["candidates"][0].get("content", {}).get("parts", ())
    calls = [part for part in parts if "functionCall" in part]
    return {
        use.id: part["thoughtSignature"] for use, part in zip(uses, calls, strict=False) if part.get("thoughtSignature")
    }
