"""Gemini (``POST /models/<model>:generateContent``).

What differs from MCP: turns are made of parts, the model's role is ``model``; a tool's result is an object that names
the function again; schemas are of a part of JSON Schema; results carry no images, which follow them in the same turn;
thoughts are signed, and Gemini 3 and later refuse a call of their own that comes back without its signature.
"""

from __future__ import annotations

import re
from typing import Any

from upcall.models.codecs._draft import Draft
from upcall.models.codecs._encoded import Encoded, Notes, Recall, nothing_recalled
from upcall.models.codecs._gemini_answer import decode, reasoning_of
from upcall.models.codecs._media import checked_audio, checked_image
from upcall.models.codecs._names import CallIds, ToolNames
from upcall.models.codecs._results import Placed, Readable, spoken
from upcall.models.codecs._schemas import reduced
from upcall.models.codecs._stops import divide
from upcall.models.codecs._turns import Turn
from upcall.wire import AudioContent, ImageContent, SamplingRequest, TextContent, Tool, ToolResult, ToolUse

__all__ = ["decode", "encode", "reasoning_of"]

_NAME_LIMIT = 64
_ID_LIMIT = 64
_MOST_STOPS = 5
_CHOICES = {"auto": "AUTO", "required": "ANY", "none": "NONE"}
_NEGOTIABLE = frozenset({"temperature", "stopSequences"})
_IMAGES = frozenset({"image/png", "image/jpeg", "image/webp", "image/heic", "image/heif"})
_SOUNDS = frozenset({"audio/wav", "audio/mp3", "audio/aiff", "audio/aac", "audio/ogg", "audio/flac"})
_WANTS_SIGNATURES = re.compile(r"gemini-(?:[3-9]|\d\d)")
_UNSIGNED = "skip_thought_signature_validator"
"""What Google's guide on thought signatures tells to send for a call that the model did not make, or whose signature
is lost."""


def encode(
    request: SamplingRequest,
    *,
    model: str,
    refused: frozenset[str] = frozenset(),
    recall: Recall = nothing_recalled,
) -> Encoded:
    """The body of the request to Gemini. The model is no part of it; it stands in the address.

    Args:
        request: What was asked.
        model: The provider's name for the model.
        refused: Parameters that this model is known to refuse.
        recall: Gives back the signature that came with a tool use (see `reasoning_of`).

    Raises:
        InvalidRequest: The request breaks a rule of the protocol.
        UnsupportedContent: An image or a sound of another type, a resource that is neither text, image nor sound.
    """
    draft = Draft(request, model=model, refused=refused, name_limit=_NAME_LIMIT, any_start=False)
    notes, names = draft.notes, draft.names
    signed = _WANTS_SIGNATURES.search(model) is not None
    body: dict[str, Any] = {"contents": _Contents(names, notes, recall, signed=signed).of(draft.turns)}
    if (system_prompt := draft.system_prompt()) is not None:
        body["systemInstruction"] = {"parts": [{"text": system_prompt}]}
    settings: dict[str, Any] = {"maxOutputTokens": request.max_tokens}
    if (temperature := draft.temperature(2.0)) is not None:
        settings["temperature"] = temperature
    can_stop = "stopSequences" not in refused
    stops, cut_at = divide(request.stop_sequences, notes, takes=lambda _: can_stop, most=_MOST_STOPS)
    if stops:
        settings["stopSequences"] = stops
    body["generationConfig"] = settings
    if request.tools:
        declared = [_tool(index, tool, names, notes) for index, tool in enumerate(request.tools)]
        body["tools"] = [{"functionDeclarations": declared}]
        if request.tool_choice is not None:
            body["toolConfig"] = {"functionCallingConfig": {"mode": _CHOICES[request.tool_choice.mode]}}
    return draft.encoded(body, cut_at=cut_at, negotiable=_NEGOTIABLE & settings.keys())


def _tool(index: int, tool: Tool, names: ToolNames, notes: Notes) -> dict[str, Any]:
    function: dict[str, Any] = {"name": names.sent(tool.name)}
    if tool.description is not None:
        function["description"] = tool.description
    schema, changed = reduced({"type": "object", **tool.input_schema})
    # `$schema` says nothing about the input.
    if told := [keyword for keyword in changed if keyword != "$schema"]:
        reason = f"The provider does not know these keywords, or not here: {', '.join(told)[:200]}."
        notes.add(f"tools[{index}].inputSchema", "converted", reason)
    function["parametersJsonSchema"] = schema
    return function


class _Contents:
    """Turns → contents of the provider."""

    def __init__(self, names: ToolNames, notes: Notes, recall: Recall, *, signed: bool) -> None:
        self._names = names
        self._notes = notes
        self._recall = recall
        self._signed = signed
        self._ids = CallIds(limit=_ID_LIMIT, notes=notes)
        self._functions: dict[str, str] = {}
        """Id as sent → name of the function as sent."""

    def of(self, turns: list[Turn]) -> list[dict[str, Any]]:
        # Signatures are looked for in the calls since the last turn in which the user said something.
        current = max((index for index, turn in enumerate(turns) if _says_something(turn)), default=-1)
        return [
            {"role": "model", "parts": self._model(turn, must_sign=self._signed and index > current)}
            if turn.role == "assistant"
            else {"role": "user", "parts": self._user(turn)}
            for index, turn in enumerate(turns)
        ]

    def _model(self, turn: Turn, *, must_sign: bool) -> list[dict[str, Any]]:
        parts: list[dict[str, Any]] = []
        for where, block in turn.parts:
            if isinstance(block, TextContent):
                parts.append({"text": block.text})
            elif isinstance(block, ToolUse):
                part = self._call(block, where)
                # Of calls that were made together, only the first is signed.
                first = not any("functionCall" in each for each in parts)
                signature = self._recall(block) or (_UNSIGNED if must_sign and first else None)
                parts.append({**part, "thoughtSignature": signature} if signature else part)
        return parts

    def _call(self, use: ToolUse, where: str) -> dict[str, Any]:
        sent, name = self._ids.of_use(use.id, where), self._names.sent(use.name)
        self._functions[sent] = name
        return {"functionCall": {"id": sent, "name": name, "args": use.input}}

    def _user(self, turn: Turn) -> list[dict[str, Any]]:
        results: list[dict[str, Any]] = []
        rest: list[Placed] = []
        for where, block in turn.parts:
            if isinstance(block, ToolResult):
                text, moved = spoken(block, where, self._notes, after=rest)
                rest.extend(moved)
                results.append(self._result(block, text))
            elif not isinstance(block, ToolUse):
                rest.append((where, block))
        return [*results, *(_part(block, where) for where, block in rest)]

    def _result(self, result: ToolResult, text: str) -> dict[str, Any]:
        sent = self._ids.of_result(result.tool_use_id)
        response = {"error" if result.is_error else "output": text}
        return {"functionResponse": {"id": sent, "name": self._functions[sent], "response": response}}


def _says_something(turn: Turn) -> bool:
    return turn.role == "user" and not all(isinstance(part.block, ToolResult) for part in turn.parts)


def _part(block: Readable, where: str) -> dict[str, Any]:
    match block:
        case TextContent():
            return {"text": block.text}
        case ImageContent():
            return {"inlineData": {"mimeType": checked_image(block, where, taken=_IMAGES), "data": block.data}}
        case AudioContent():
            return {"inlineData": {"mimeType": checked_audio(block, where, taken=_SOUNDS), "data": block.data}}
