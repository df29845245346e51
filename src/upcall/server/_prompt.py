"""What an author writes, as messages of the wire.

A string, a picture, a message, or a list of these. Each becomes a message of its own: revisions before 2025-11-25
know one block per message, and every provider joins neighbours of one role.
"""

from __future__ import annotations

import base64
import mimetypes
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias, TypeGuard

from upcall.errors import InvalidRequest
from upcall.wire import (
    AudioContent,
    ContentBlock,
    ImageContent,
    ModelHint,
    ModelPreferences,
    SamplingMessage,
    TextContent,
    decode_request,
)

__all__ = ["Audio", "Image", "Part", "Preferences", "Prompt", "as_messages", "as_preferences"]

_SIGNATURES = (
    (b"\x89PNG\r\n\x1a\n", 0, "image/png"),
    (b"\xff\xd8\xff", 0, "image/jpeg"),
    (b"GIF8", 0, "image/gif"),
    (b"WEBP", 8, "image/webp"),
    (b"WAVE", 8, "audio/wav"),
    (b"ID3", 0, "audio/mpeg"),
    (b"\xff\xfb", 0, "audio/mpeg"),
    (b"OggS", 0, "audio/ogg"),
    (b"fLaC", 0, "audio/flac"),
)
"""How files of the common types begin: bytes, their offset, MIME type."""


class _Media:
    kind = ""

    def __init__(self, source: bytes | str | Path, type: str | None = None) -> None:
        self.data = source if isinstance(source, bytes) else Path(source).read_bytes()
        name = "" if isinstance(source, bytes) else str(source)
        self.type = type or mimetypes.guess_type(name)[0] or _sniffed(self.data)
        if not self.type.startswith(f"{self.kind}/"):
            raise InvalidRequest(
                f"{self.__class__.__name__} needs a MIME type of {self.kind}/…, and {self.type or 'none'} was found.",
                hint=f'Say it: {self.__class__.__name__}(data, type="{self.kind}/…").',
            )

    def __repr__(self) -> str:
        return f"{self.__class__.__name__}({len(self.data)} bytes, type={self.type!r})"


class Image(_Media):
    """A picture for a prompt.

    Args:
        source: The file's bytes, or its path.
        type: MIME type; found from the name or the first bytes when left out.

    Raises:
        InvalidRequest: The type is not an image's, or cannot be told.
        OSError: The file cannot be read.
    """

    kind = "image"


class Audio(_Media):
    """A sound for a prompt; the arguments are those of `Image`."""

    kind = "audio"


Part: TypeAlias = str | Image | Audio | ContentBlock | SamplingMessage | Mapping[str, Any] | Any
"""A piece of a prompt. ``Any`` stands for the SDK's objects: messages, content blocks, ``Image``, ``Audio``."""
Prompt: TypeAlias = Part | Sequence[Part]
Preferences: TypeAlias = str | Sequence[str] | ModelPreferences | Mapping[str, Any] | Any
"""A hint, several in order, or the whole object (a value, the SDK's, or JSON)."""


def as_messages(prompt: Prompt) -> list[SamplingMessage]:
    """The messages that ``prompt`` stands for; whatever has no role is the user's.

    Raises:
        InvalidRequest: A part is of a kind that has no place in a prompt, or there is none.
    """
    parts = prompt if _is_list(prompt) else [prompt]
    if not parts:
        raise InvalidRequest("The prompt is empty.", hint="Give sample() a string or at least one message.")
    return [_message(part) for part in parts]


def as_preferences(preferences: Preferences) -> ModelPreferences:
    """``preferences`` in full.

    Raises:
        InvalidRequest: A priority is outside 0 to 1, or the object is of no known form.
    """
    if isinstance(preferences, ModelPreferences):
        return preferences
    if isinstance(preferences, str):
        return ModelPreferences(hints=[ModelHint(name=preferences)])
    if _is_list(preferences):
        return ModelPreferences(hints=[ModelHint(name=str(name)) for name in preferences])
    probe = {"messages": [], "maxTokens": 1, "modelPreferences": _json(preferences)}
    return decode_request(probe).model_preferences or ModelPreferences()


def _message(part: Part) -> SamplingMessage:
    if isinstance(part, SamplingMessage):
        return part
    if isinstance(part, str):
        return SamplingMessage(role="user", content=TextContent(text=part))
    if isinstance(part, Image | Audio):
        data = base64.b64encode(part.data).decode()
        block = ImageContent if isinstance(part, Image) else AudioContent
        return SamplingMessage(role="user", content=block(data=data, mime_type=part.type))
    if isinstance(part, ContentBlock):
        return SamplingMessage(role="user", content=part)
    wire = _json(part)
    if "role" not in wire:
        wire = {"role": "user", "content": wire}
    return decode_request({"messages": [wire], "maxTokens": 1}).messages[0]


def _json(part: Any) -> dict[str, Any]:
    # The SDK's helper classes for media know how to become content; its models, how to become JSON.
    for method in ("to_image_content", "to_audio_content"):
        if hasattr(part, method):
            part = getattr(part, method)()
    if hasattr(part, "model_dump"):
        part = part.model_dump(by_alias=True, mode="json", exclude_none=True)
    if not isinstance(part, Mapping):
        raise InvalidRequest(
            f"A {type(part).__name__} has no place in a sampling request.",
            hint="Prompts are made of strings, Image, Audio, content blocks and messages.",
        )
    return dict(part)


def _is_list(value: Any) -> TypeGuard[Sequence[Any]]:
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)


def _sniffed(data: bytes) -> str:
    return next((mime for start, at, mime in _SIGNATURES if data[at : at + len(start)] == start), "")
