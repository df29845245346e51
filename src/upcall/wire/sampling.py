"""``sampling/createMessage``: the request's parameters and the result, as values.

`decode_request` and `decode_result` take the JSON object of the wire (already parsed) and refuse what the
schema refuses; `encode` is their inverse. Rules that reach beyond one field are in `upcall.wire.rules`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal, TypeAlias, cast

import msgspec

from upcall.errors import InvalidAnswer, InvalidRequest
from upcall.wire.content import ContentBlock, Role, ToolUse, WireValue, text_of

__all__ = [
    "IncludeContext",
    "METHOD",
    "ModelHint",
    "ModelPreferences",
    "SamplingMessage",
    "SamplingRequest",
    "SamplingResult",
    "StopReason",
    "Tool",
    "ToolChoice",
    "decode_request",
    "decode_result",
    "encode",
]

METHOD = "sampling/createMessage"

IncludeContext: TypeAlias = Literal["none", "thisServer", "allServers"]
StopReason: TypeAlias = str
"""``endTurn``, ``stopSequence``, ``maxTokens``, ``toolUse``, or any other string a provider has."""

_Priority = Annotated[float, msgspec.Meta(ge=0, le=1)]


class SamplingMessage(WireValue, frozen=True, kw_only=True):
    """One turn. ``content`` is one block, or a list of them from 2025-11-25 on."""

    role: Role
    content: ContentBlock | list[ContentBlock]

    @property
    def blocks(self) -> list[ContentBlock]:
        """The content as a list, however it was written."""
        return self.content if isinstance(self.content, list) else [self.content]

    @property
    def text(self) -> str:
        """All text of this turn, joined."""
        return text_of(self.blocks)


class ModelHint(WireValue, frozen=True, kw_only=True):
    """A wish for a model: matched as a substring of its name, in order, first match wins."""

    name: str | None = None


class ModelPreferences(WireValue, frozen=True, kw_only=True):
    """What the server would like of the model; advice, never an order. Priorities run from 0 to 1."""

    hints: list[ModelHint] = []
    cost_priority: _Priority | None = None
    speed_priority: _Priority | None = None
    intelligence_priority: _Priority | None = None


class Tool(WireValue, frozen=True, kw_only=True):
    """A tool that the sampled model may use; ``input_schema`` is a JSON Schema of type object."""

    name: str
    input_schema: dict[str, Any]
    description: str | None = None
    title: str | None = None
    output_schema: dict[str, Any] | None = None
    annotations: dict[str, Any] | None = None


class ToolChoice(WireValue, frozen=True, kw_only=True):
    """``auto``: as the model likes; ``required``: at least one; ``none``: it must not."""

    mode: Literal["auto", "required", "none"] = "auto"


class SamplingRequest(WireValue, frozen=True, kw_only=True):
    """Parameters of ``sampling/createMessage``. ``max_tokens`` is the one limit that MUST be respected."""

    messages: list[SamplingMessage]
    max_tokens: int
    system_prompt: str | None = None
    temperature: float | None = None
    stop_sequences: list[str] | None = None
    model_preferences: ModelPreferences | None = None
    include_context: IncludeContext | None = None
    tools: list[Tool] | None = None
    tool_choice: ToolChoice | None = None
    metadata: dict[str, Any] | None = None

    @property
    def wants_tools(self) -> bool:
        """Whether ``sampling.tools`` must have been declared for this request (SEP-1577)."""
        return self.tools is not None or self.tool_choice is not None


class SamplingResult(WireValue, frozen=True, kw_only=True):
    """Result of ``sampling/createMessage``. ``model`` names the model that really answered."""

    role: Role
    content: ContentBlock | list[ContentBlock]
    model: str
    stop_reason: StopReason | None = None

    @property
    def blocks(self) -> list[ContentBlock]:
        """The content as a list, however it was written."""
        return self.content if isinstance(self.content, list) else [self.content]

    @property
    def text(self) -> str:
        """All text of the answer, joined."""
        return text_of(self.blocks)

    @property
    def tool_uses(self) -> list[ToolUse]:
        """The tools that the model wants called, in its order."""
        return [block for block in self.blocks if isinstance(block, ToolUse)]


def decode_request(params: Any) -> SamplingRequest:
    """Parsed JSON ``params`` → `SamplingRequest`.

    Raises:
        InvalidRequest: A field is missing or of the wrong type; the message names its path.
    """
    try:
        return msgspec.convert(params, SamplingRequest)
    except msgspec.ValidationError as error:
        raise InvalidRequest(f"Malformed sampling request: {error}.") from None


def decode_result(result: Any) -> SamplingResult:
    """Parsed JSON result → `SamplingResult`.

    Raises:
        InvalidAnswer: A field is missing or of the wrong type; the message names its path.
    """
    try:
        return msgspec.convert(result, SamplingResult)
    except msgspec.ValidationError as error:
        raise InvalidAnswer(f"Malformed sampling result: {error}.") from None


def encode(value: msgspec.Struct | Sequence[msgspec.Struct]) -> Any:
    """A wire value → the JSON object (``dict``) or array that carries it."""
    return cast(Any, msgspec.to_builtins(value))
