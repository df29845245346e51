"""What requests have used, summed up."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, TypeAlias

import msgspec

__all__ = ["By", "UsageRow"]

By: TypeAlias = Literal["server", "model", "outcome", "day", "hour"]
"""What to sum by. Days and hours are those of UTC."""


class UsageRow(msgspec.Struct, frozen=True, kw_only=True):
    """The sum over the records that share what was summed by; the rest of the first four fields is ``None``."""

    server: str | None = None
    model: str | None = None
    outcome: str | None = None
    since: datetime | None = None
    """Start of the day or hour."""
    calls: int
    """Records, with and without an outcome."""
    answered: int
    input_tokens: int
    output_tokens: int
    cached_tokens: int
    micro_usd: int
    """Of those records whose price is known."""
    uncounted: int
    """Answers for which the provider gave no tokens."""
    unpriced: int
    """Records with tokens and without a price: ``micro_usd`` lacks them."""
