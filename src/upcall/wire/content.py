"""Content of sampling messages (2025-11-25 and 2026-07-28, ``SamplingMessageContentBlock``).

Values are frozen. Field names are Python's; ``msgspec`` writes the wire's camelCase. Blocks that may stand
only inside a tool result (`ResourceLink`, `EmbeddedResource`) keep their payload as it came.
"""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import msgspec

__all__ = [
    "AudioContent",
    "ContentBlock",
    "EmbeddedResource",
    "ImageContent",
    "ResourceLink",
    "ResultBlock",
    "Role",
    "TextContent",
    "ToolResult",
    "ToolUse",
    "WireValue",
    "text_of",
]

Role: TypeAlias = Literal["user", "assistant"]


class WireValue(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """Base of every value on the wire: frozen, camelCase outside, defaults left out, ``_meta`` kept."""

    meta: dict[str, Any] | None = msgspec.field(default=None, name="_meta")


class _Media(WireValue, frozen=True, kw_only=True):
    data: str
    """The bytes, base64."""
    mime_type: str
    annotations: dict[str, Any] | None = None


class TextContent(WireValue, frozen=True, kw_only=True, tag_field="type", tag="text"):
    """Plain text."""

    text: str
    annotations: dict[str, Any] | None = None


class ImageContent(_Media, frozen=True, kw_only=True, tag_field="type", tag="image"):
    """An image, base64, with its MIME type."""


class AudioContent(_Media, frozen=True, kw_only=True, tag_field="type", tag="audio"):
    """A sound, base64, with its MIME type."""


class ToolUse(WireValue, frozen=True, kw_only=True, tag_field="type", tag="tool_use"):
    """The assistant wants a tool of the request called."""

    id: str
    name: str
    input: dict[str, Any]


class ResourceLink(WireValue, frozen=True, kw_only=True, tag_field="type", tag="resource_link"):
    """A pointer to a resource, inside a tool result."""

    uri: str
    name: str = ""
    title: str | None = None
    description: str | None = None
    mime_type: str | None = None
    size: int | None = None
    annotations: dict[str, Any] | None = None


class EmbeddedResource(WireValue, frozen=True, kw_only=True, tag_field="type", tag="resource"):
    """A resource's contents, inside a tool result."""

    resource: dict[str, Any]
    annotations: dict[str, Any] | None = None


ResultBlock: TypeAlias = TextContent | ImageContent | AudioContent | ResourceLink | EmbeddedResource
"""What a tool result may contain."""


class ToolResult(WireValue, frozen=True, kw_only=True, tag_field="type", tag="tool_result"):
    """What the tool gave back, in a user message of its own kind only."""

    tool_use_id: str
    content: list[ResultBlock]
    structured_content: Any = None
    is_error: bool = False


ContentBlock: TypeAlias = TextContent | ImageContent | AudioContent | ToolUse | ToolResult
"""What a sampling message may contain."""


def text_of(blocks: list[ContentBlock] | list[ResultBlock]) -> str:
    """All text among ``blocks``, joined without a separator; other kinds are passed over."""
    return "".join(block.text for block in blocks if isinstance(block, TextContent))
