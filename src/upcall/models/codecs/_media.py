"""Images and sounds: what a provider takes, and data URLs."""

from __future__ import annotations

import binascii
import re

from upcall.errors import InvalidRequest, UnsupportedContent
from upcall.wire import AudioContent, ImageContent

__all__ = ["COMMON_IMAGES", "audio_format", "checked_audio", "checked_image", "data_url", "image_of_data_url"]

COMMON_IMAGES = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp"})
"""What Anthropic and OpenAI take."""

_SAME_TYPE = {
    "image/jpg": "image/jpeg",
    "image/pjpeg": "image/jpeg",
    "image/x-png": "image/png",
    "audio/wave": "audio/wav",
    "audio/x-wav": "audio/wav",
    "audio/vnd.wave": "audio/wav",
    "audio/mpeg": "audio/mp3",
    "audio/x-mp3": "audio/mp3",
    "audio/x-aiff": "audio/aiff",
    "audio/x-aac": "audio/aac",
    "audio/x-flac": "audio/flac",
}
_WAV_AND_MP3 = frozenset({"audio/wav", "audio/mp3"})
_IMAGE_TYPE = re.compile(r"image/[a-z0-9][a-z0-9.+-]*")
_DATA_URL = re.compile(r"data:(image/[a-zA-Z0-9.+-]+);base64,(.+)", re.DOTALL)


def _plain_type(mime_type: str) -> str:
    bare = mime_type.partition(";")[0].strip().lower()
    return _SAME_TYPE.get(bare, bare)


def _check_base64(data: str, where: str) -> None:
    try:
        # A trial, so that a provider is not asked in vain; strict as providers are.
        good = bool(binascii.a2b_base64(data.encode("ascii"), strict_mode=True))
    except ValueError:
        good = False
    if not good:
        raise InvalidRequest(f"{where}: the data is not base64.")


def checked_image(block: ImageContent, where: str, *, taken: frozenset[str] | None) -> str:
    """The image's MIME type in its usual spelling.

    Args:
        block: The image.
        where: Its place in the request, for messages.
        taken: Types that the provider takes; ``None`` leaves the choice to the server that gets it.

    Raises:
        UnsupportedContent: The provider does not take this type.
        InvalidRequest: The data is not base64 (schema: ``format: byte``).
    """
    kind = _plain_type(block.mime_type)
    if _IMAGE_TYPE.fullmatch(kind) is None or (taken is not None and kind not in taken):
        raise UnsupportedContent(
            f"{where}: the model does not take images of type {block.mime_type[:60]!r}.",
            hint=f"Convert the image to {' or '.join(sorted(taken or COMMON_IMAGES))}.",
        )
    _check_base64(block.data, where)
    return kind


def checked_audio(block: AudioContent, where: str, *, taken: frozenset[str]) -> str:
    """The sound's MIME type, in the spelling of ``taken``.

    Raises:
        UnsupportedContent: The provider does not take this type.
        InvalidRequest: The data is not base64 (schema: ``format: byte``).
    """
    kind = _plain_type(block.mime_type)
    if kind not in taken:
        raise UnsupportedContent(
            f"{where}: the model does not take audio of type {block.mime_type[:60]!r}.",
            hint="Convert the audio to WAV or MP3.",
        )
    _check_base64(block.data, where)
    return kind


def audio_format(block: AudioContent, where: str) -> str:
    """``wav`` or ``mp3``; raises as `checked_audio` for any other."""
    return checked_audio(block, where, taken=_WAV_AND_MP3).removeprefix("audio/")


def data_url(kind: str, data: str) -> str:
    """A ``data:`` URL (RFC 2397) of base64 data."""
    return f"data:{kind};base64,{data}"


def image_of_data_url(url: object) -> ImageContent | None:
    """The image that a ``data:`` URL carries, or ``None`` where it carries none."""
    found = _DATA_URL.fullmatch(url) if isinstance(url, str) else None
    return ImageContent(data=found[2], mime_type=_plain_type(found[1])) if found else None
