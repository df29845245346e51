"""What MCP says about sampling: values, eras and rules. No I/O, no event loop, no SDK.

::

    JSON object ──decode_request──▶ SamplingRequest ──check_request──▶ (a model) ──▶ SamplingResult ──encode──▶ JSON
"""

from upcall.wire.content import (
    AudioContent,
    ContentBlock,
    EmbeddedResource,
    ImageContent,
    ResourceLink,
    ResultBlock,
    Role,
    TextContent,
    ToolResult,
    ToolUse,
    text_of,
)
from upcall.wire.eras import LATEST_LEGACY, LATEST_MODERN, Era, era_of
from upcall.wire.rules import (
    SamplingCapability,
    check_encodable,
    check_request,
    check_result,
    check_turns,
    missing_capability,
)
from upcall.wire.sampling import (
    METHOD,
    IncludeContext,
    ModelHint,
    ModelPreferences,
    SamplingMessage,
    SamplingRequest,
    SamplingResult,
    StopReason,
    Tool,
    ToolChoice,
    decode_request,
    decode_result,
    encode,
)
from upcall.wire.visible import visible

__all__ = [
    "AudioContent",
    "ContentBlock",
    "EmbeddedResource",
    "Era",
    "ImageContent",
    "IncludeContext",
    "LATEST_LEGACY",
    "LATEST_MODERN",
    "METHOD",
    "ModelHint",
    "ModelPreferences",
    "ResourceLink",
    "ResultBlock",
    "Role",
    "SamplingCapability",
    "SamplingMessage",
    "SamplingRequest",
    "SamplingResult",
    "StopReason",
    "TextContent",
    "Tool",
    "ToolChoice",
    "ToolResult",
    "ToolUse",
    "check_encodable",
    "check_request",
    "check_result",
    "check_turns",
    "decode_request",
    "decode_result",
    "encode",
    "era_of",
    "missing_capability",
    "text_of",
    "visible",
]
