"""On which terms the gateway stands between a client and a server: what the policy says, as the session needs it."""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

__all__ = ["Answers", "Protocol", "Terms"]

Answers: TypeAlias = Literal["client", "gateway", "prefer-client"]
"""Who answers sampling: the client alone, the gateway alone, or the client where it can and else the gateway."""

Protocol: TypeAlias = Literal["auto", "legacy"]
"""Which revisions may be spoken: what client and server agree on, or those up to 2025-11-25 alone."""


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """Asked for with each connection, or on 2026-07-28 with each request, so that a changed policy holds soon."""

    server: str
    """Our name for the server."""
    answers: Answers = "prefer-client"
    allowed: bool = True
    """Whether the policy lets this server sample at all. If not, the gateway declares nothing; and where it alone
    answers, a client's own sampling is taken out, too, and what the server asks all the same is refused."""
    protocol: Protocol = "auto"
    """What holds at the first request of a connection stays with it."""
    tools: bool = True
    """Whether requests may carry tools: declares ``sampling.tools`` (from 2025-11-25)."""
