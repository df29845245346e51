"""How large a request is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from upcall.errors import InvalidRequest
from upcall.wire import (
    AudioContent,
    ContentBlock,
    EmbeddedResource,
    ImageContent,
    ResultBlock,
    SamplingRequest,
    ToolResult,
)

if TYPE_CHECKING:
    from upcall.host.policy import MediaKind

__all__ = ["Media", "media_in", "prompt_chars"]


class Media(NamedTuple):
    """One piece of media in a request."""

    kind: MediaKind
    data: str
    """Base64, as it came."""

    @property
    def size(self) -> int:
        """Bytes once decoded; what is no base64 counts as if it were."""
        return len(self.data) * 3 // 4 - self.data[-2:].count("=")


def media_in(request: SamplingRequest) -> list[Media]:
    """All media of ``request``, those inside tool results included."""
    return [media for message in request.messages for media in _media(message.blocks)]


def prompt_chars(request: SamplingRequest) -> int:
    """Characters of the JSON that carries ``request``, the data of media left out.

    All of it counts, not only what a model reads: a server cannot hide bulk in a tool's schema or in ``metadata``.

    Raises:
        InvalidRequest: The request holds half a surrogate pair, which no JSON can carry, or is nested too deeply.
    """
    try:
        text = msgspec.json.encode(request).decode()
    except UnicodeEncodeError:
        raise InvalidRequest("The request contains text that is no Unicode (half a surrogate pair).") from None
    except RecursionError:
        raise InvalidRequest("The request is nested too deeply.") from None
    return len(text) - sum(len(media.data) for media in media_in(request))


def _media(blocks: Sequence[ContentBlock | ResultBlock]) -> Iterator[Media]:
    for block in blocks:
        match block:
            case ImageContent():
                yield Media(kind="image", data=block.data)
            case AudioContent():
                yield Media(kind="audio", data=block.data)
            case EmbeddedResource(resource={"blob": str(blob), **rest}):
                yield Media(kind=_kind(rest.get("mimeType")), data=blob)
            case ToolResult():
                yield from _media(block.content)


def _kind(mime_type: object) -> MediaKind:
    match str(mime_type).lower().partition("/")[0]:
        case "image":
            return "image"
        case "audio":
            return "audio"
        case _:
            return "file"
