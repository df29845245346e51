"""`Usage` in the terms of the price list, made consistent: it refuses parts that come to more than the whole."""

from __future__ import annotations

from upcall.models.base import Usage

__all__ = ["listed_tokens"]


def listed_tokens(usage: Usage) -> dict[str, int]:
    """The keyword arguments of ``genai_prices.Usage``.

    A provider may not say how much of the sound came from its cache. Then as little of it did as can be, which is dear.
    """
    read = min(usage.cached_input_tokens, usage.input_tokens)
    written = min(usage.cache_write_tokens, usage.input_tokens - read)
    heard = min(usage.input_audio_tokens, usage.input_tokens)
    heard_from_cache = max(usage.cached_audio_tokens, read + heard - usage.input_tokens)
    spoken = min(usage.output_audio_tokens, usage.output_tokens)
    return {
        "input_tokens": usage.input_tokens,
        "cache_read_tokens": read,
        "cache_write_tokens": written,
        "cache_write_1h_tokens": min(usage.cache_write_1h_tokens, written),
        "input_audio_tokens": heard,
        "cache_audio_read_tokens": min(heard_from_cache, read, heard),
        "output_tokens": usage.output_tokens,
        "output_audio_tokens": spoken,
        "output_image_tokens": min(usage.output_image_tokens, usage.output_tokens - spoken),
        "output_reasoning_tokens": min(usage.reasoning_tokens, usage.output_tokens),
    }
