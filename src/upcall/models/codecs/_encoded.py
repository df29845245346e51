"""What an encoder gives back, and how it takes notes on the way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, TypeAlias

import msgspec

from upcall.models.base import Adjustment
from upcall.wire import SamplingCapability, SamplingRequest, ToolUse, check_request

__all__ = ["Encoded", "Notes", "Recall", "nothing_recalled", "start"]

Recall: TypeAlias = Callable[[ToolUse], Any]
"""Gives back what a provider wants to see again beside a tool use of its own, or ``None``."""

_Action: TypeAlias = Literal["dropped", "clamped", "renamed", "merged", "emulated", "converted", "cut"]
_EVERYTHING = SamplingCapability(tools={}, context={})


class Encoded(msgspec.Struct, frozen=True, kw_only=True):
    """A request in a provider's words, with what its decoder needs to read the answer."""

    model: str
    """The provider's name for the model."""
    body: dict[str, Any]
    """The JSON object to send."""
    headers: dict[str, str] = {}
    """Headers that the body needs beside the usual ones."""
    adjustments: tuple[Adjustment, ...] = ()
    names: dict[str, str] = {}
    """Tool names as sent → as the request has them; only those that differ."""
    cut_at: tuple[str, ...] = ()
    """Stop sequences that were not sent; the decoder cuts the answer at them."""
    negotiable: frozenset[str] = frozenset()
    """What was sent and can be left out, or put otherwise, if the provider refuses it: parameters, `quirks.PREFILL`."""


class Notes:
    """Collects adjustments in order, each once."""

    def __init__(self) -> None:
        self._kept: dict[Adjustment, None] = {}

    def add(self, field: str, action: _Action, reason: str) -> None:
        """Note that ``field`` is not done as asked."""
        self._kept[Adjustment(field=field, action=action, reason=reason)] = None

    def all(self) -> tuple[Adjustment, ...]:
        """What was noted so far."""
        return tuple(self._kept)


def nothing_recalled(use: ToolUse) -> None:
    """The `Recall` of a model that keeps nothing between requests."""


def start(request: SamplingRequest) -> Notes:
    """Check ``request``, and note what no provider is ever sent.

    Raises:
        InvalidRequest: The request breaks a rule of the protocol (`upcall.wire.check_request`).
    """
    check_request(request, declared=_EVERYTHING)
    notes = Notes()
    if request.metadata:
        notes.add("metadata", "dropped", "Metadata is not passed on to a provider.")
    if request.include_context not in (None, "none"):
        notes.add("includeContext", "dropped", "No context of the client is shared with the request.")
    for member, spelled in (("title", "title"), ("output_schema", "outputSchema"), ("annotations", "annotations")):
        if any(getattr(tool, member) is not None for tool in request.tools or ()):
            notes.add(f"tools.{spelled}", "dropped", "A provider's tool has a name, a description and an input schema.")
    if any(getattr(block, "annotations", None) for message in request.messages for block in message.blocks):
        notes.add("messages.content.annotations", "dropped", "Annotations are for the client, not for the model.")
    return notes
