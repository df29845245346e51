"""How both of OpenAI's APIs say what an answer took, under names that differ for the totals alone."""

from __future__ import annotations

import msgspec

from upcall.models.base import Usage
from upcall.models.codecs._numbers import Count

__all__ = ["InputDetails", "OutputDetails", "usage_of"]


class InputDetails(msgspec.Struct):
    """Parts of the input; each may be left out."""

    cached_tokens: Count | None = None
    cache_write_tokens: Count | None = None
    audio_tokens: Count | None = None


class OutputDetails(msgspec.Struct):
    """Parts of the output; each may be left out."""

    reasoning_tokens: Count | None = None
    audio_tokens: Count | None = None


def usage_of(input_tokens: int, output_tokens: int, read: InputDetails | None, written: OutputDetails | None) -> Usage:
    """The totals with what is known of their parts."""
    read, written = read or InputDetails(), written or OutputDetails()
    return Usage(
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        cached_input_tokens=read.cached_tokens or 0,
        cache_write_tokens=read.cache_write_tokens or 0,
        input_audio_tokens=read.audio_tokens or 0,
        output_audio_tokens=written.audio_tokens or 0,
        reasoning_tokens=written.reasoning_tokens or 0,
    )
