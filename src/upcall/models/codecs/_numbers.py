"""Numbers that a provider takes, or gives, within bounds."""

from __future__ import annotations

import math
from typing import Annotated, TypeAlias

import msgspec

from upcall.models.codecs._encoded import Notes

__all__ = ["Count", "temperature_within"]

Count: TypeAlias = Annotated[int, msgspec.Meta(ge=0)]
"""Tokens, as a provider counts them. Below 0 they would fill a budget up again."""


def temperature_within(asked: float | None, most: float, notes: Notes, *, refused: bool) -> float | None:
    """The temperature to send, from 0 to ``most``, or ``None`` to send none."""
    if asked is None:
        return None
    if refused or not math.isfinite(asked):
        notes.add("temperature", "dropped", "The model takes no temperature." if refused else "It is no number.")
        return None
    allowed = min(max(asked, 0.0), most)
    if allowed != asked:
        notes.add("temperature", "clamped", f"The model takes 0 to {most:g}; it was sent {allowed:g}.")
    return allowed
