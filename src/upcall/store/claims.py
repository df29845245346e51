"""Claims: what several processes could do, one does for all of them.

A claim is *held* by whoever made it first, who renews it. From there it is *settled*, with a result for the others, or
it ends: it is released, or it lapses, because its holder died; then the next one has it. A settled one is kept until it
expires. All claims about one thing can be *dropped* together, held or settled: their results go, and for a while
whoever holds one, waits for it or would make it learns that nobody needs it.

Invariants: of those who claim one name at once, one holds it. A result that is there is never replaced by another, so
whoever asks gets the same one. Nothing outlasts its time by more than an hour.
"""

from __future__ import annotations

from datetime import datetime

import msgspec

__all__ = ["Claim"]


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """A claim as it stands."""

    name: str
    """Of what is done once, the same in all processes."""
    holder: str
    """Who made it."""
    result: str | None = None
    """What came of it; ``None`` while it is held, empty when it was dropped."""
    expires_at: datetime
    """When it lapses, or its result goes."""
