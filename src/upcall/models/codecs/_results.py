"""A tool result, reduced to what models read: text, images and sounds."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

from upcall.errors import UnsupportedContent
from upcall.models.codecs._encoded import Notes
from upcall.wire import (
    AudioContent,
    EmbeddedResource,
    ImageContent,
    ResourceLink,
    ResultBlock,
    TextContent,
    ToolResult,
)

__all__ = ["Placed", "Readable", "Spoken", "failed", "readable", "spoken"]

Readable: TypeAlias = TextContent | ImageContent | AudioContent
Placed: TypeAlias = tuple[str, Readable]
"""A block with its place in the request."""


class Spoken(NamedTuple):
    """A tool result for a provider whose results are text only."""

    text: str
    moved: list[Placed]
    """Its images and sounds, each after the label by which the text calls it; they follow the results."""


def failed(where: str, notes: Notes) -> str:
    """What stands in a result for ``isError``, where the provider has no mark for it."""
    notes.add(f"{where}.isError", "converted", "The provider has no mark for it; the text says so.")
    return "[The tool failed.]"


def spoken(result: ToolResult, where: str, notes: Notes, *, after: Sequence[Placed]) -> Spoken:
    """``result`` as text; its images and sounds move out of it. ``isError`` is left to the caller.

    Args:
        result: The tool result.
        where: Its place in the request.
        notes: Takes what was moved and converted.
        after: What has moved out of earlier results of the same turn.

    Raises:
        UnsupportedContent: An embedded resource that is neither text, image nor sound.
    """
    texts: list[str] = []
    moved: list[Placed] = []
    seen = sum(not isinstance(block, TextContent) for _, block in after)
    for place, block in readable(result, where, notes):
        if isinstance(block, TextContent):
            texts.append(block.text)
            continue
        notes.add(place, "converted", "A tool's result is text only; this follows in a message of the user.")
        seen += 1
        label = f"attachment {seen} of the tools' results"
        texts.append(f"[{label}: see the next message]")
        moved += [(place, TextContent(text=f"[{label}]")), (place, block)]
    return Spoken("\n".join(texts), moved)


def readable(result: ToolResult, where: str, notes: Notes) -> list[Placed]:
    """Each part of ``result`` with its place in the request. Empty text is left out.

    Raises:
        UnsupportedContent: An embedded resource that is neither text, image nor sound.
    """
    parts: list[Placed] = []
    for index, block in enumerate(result.content):
        place = f"{where}.content[{index}]"
        part = _as_readable(block, place, notes)
        if isinstance(part, TextContent) and not part.text:
            notes.add(place, "dropped", "Empty text is not sent.")
        else:
            parts.append((place, part))
    if result.structured_content is not None:
        if parts:
            notes.add(f"{where}.structuredContent", "dropped", "The model reads the result's content.")
        else:
            notes.add(f"{where}.structuredContent", "converted", "The structured content is passed on as JSON text.")
            text = json.dumps(result.structured_content, ensure_ascii=False)
            parts.append((f"{where}.structuredContent", TextContent(text=text)))
    return parts


def _as_readable(block: ResultBlock, place: str, notes: Notes) -> Readable:
    match block:
        case ResourceLink():
            notes.add(place, "converted", "A link to a resource is passed on as text.")
            return TextContent(text=_link_text(block))
        case EmbeddedResource():
            notes.add(place, "converted", "An embedded resource is passed on by its content.")
            return _resource_content(block, place)
        case _:
            return block


def _link_text(link: ResourceLink) -> str:
    about = f": {link.description}" if link.description else ""
    return f"[resource {link.title or link.name or 'link'} <{link.uri}>{about}]"


def _resource_content(block: EmbeddedResource, place: str) -> Readable:
    resource = block.resource
    kind, text, blob = str(resource.get("mimeType", "")), resource.get("text"), resource.get("blob")
    if isinstance(text, str):
        return TextContent(text=f"[resource <{resource.get('uri', '')}>]\n{text}")
    if isinstance(blob, str) and kind.lower().startswith("image/"):
        return ImageContent(data=blob, mime_type=kind)
    if isinstance(blob, str) and kind.lower().startswith("audio/"):
        return AudioContent(data=blob, mime_type=kind)
    raise UnsupportedContent(
        f"{place}: the model does not take a resource of type {kind[:60]!r}.",
        hint="Pass its content on as text or as an image.",
    )
