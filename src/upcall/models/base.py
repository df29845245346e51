"""`Model`: one completion from one model.

A model knows nothing of policy, people or storage. It takes a valid `SamplingRequest`, asks its provider
once, and gives back a `Completion`, or raises a `ModelError`.
"""

from __future__ import annotations

from typing import Literal, Protocol, runtime_checkable

import msgspec

from upcall.wire import SamplingRequest, SamplingResult

__all__ = ["Adjustment", "Completion", "Model", "Usage"]


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """Tokens that the provider says it counted. The first two are all of them; the others are parts of these, which
    may have prices of their own, and are 0 where the provider does not tell them apart."""

    input_tokens: int
    output_tokens: int
    cached_input_tokens: int = 0
    """Part of ``input_tokens`` that was served from the provider's cache."""
    cache_write_tokens: int = 0
    """Part of ``input_tokens`` that was written to it."""
    cache_write_1h_tokens: int = 0
    """Part of ``cache_write_tokens`` that it keeps for an hour."""
    input_audio_tokens: int = 0
    """Part of ``input_tokens`` that is sound."""
    cached_audio_tokens: int = 0
    """Part of ``input_audio_tokens`` that was served from the cache, and of ``cached_input_tokens`` as well."""
    output_audio_tokens: int = 0
    """Part of ``output_tokens`` that is sound."""
    output_image_tokens: int = 0
    """Part of ``output_tokens`` that is images."""
    reasoning_tokens: int = 0
    """Part of ``output_tokens`` that the model thought and did not say."""

    @property
    def total_tokens(self) -> int:
        """Input and output together."""
        return self.input_tokens + self.output_tokens


class Adjustment(msgspec.Struct, frozen=True, kw_only=True):
    """One thing of the request that the model does not do as asked. Nothing is dropped in silence."""

    field: str
    """The request's field in the wire's spelling: ``temperature``, ``stopSequences``, ``tools[2].name`` …"""
    action: Literal[
        "dropped",
        "clamped",
        "renamed",
        "merged",
        "emulated",
        "converted",
        "cut",
        "edited",
        "redacted",
        "repeated",
        "replaced",
    ]
    """``edited``: by a person. The last two are of the field ``model``: it was asked again, or another one was asked in
    its place."""
    reason: str
    """One sentence for the person who reads the record."""


class Completion(msgspec.Struct, frozen=True, kw_only=True):
    """What a model gave back: the result for the wire, what it cost, and what was done otherwise."""

    result: SamplingResult
    usage: Usage | None = None
    """``None`` when the provider did not say."""
    adjustments: tuple[Adjustment, ...] = ()
    attempts: int = 1
    """Calls of a provider that were made for it. ``usage`` is that of the last one."""
    unaccounted: int = 0
    """Those of the calls before the last one that failed and may have been paid all the same: ``usage`` lacks them."""
    answered_by: str = ""
    """Model string of the one that answered, where that is another than the one that was asked."""


@runtime_checkable
class Model(Protocol):
    """One model that can complete a request.

    Contract: never more than ``request.max_tokens`` tokens; cancelling the awaiting task stops the work and closes
    the provider's connection; concurrent calls are allowed (a model that cannot run two at once queues them).
    """

    @property
    def name(self) -> str:
        """The model string under which this model is chosen and recorded, such as ``anthropic/claude-sonnet-5``."""
        ...

    async def complete(self, request: SamplingRequest) -> Completion:
        """Complete ``request`` once.

        Raises:
            UnsupportedContent: The request contains what this model cannot take.
            ModelError: Any other failure, as the narrowest class of `upcall.errors` that fits.
        """
        ...

    async def aclose(self) -> None:
        """Release connections and memory. A closed model may be used again; it reopens what it needs."""
        ...
