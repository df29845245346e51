"""The gateway: what one owes who stands between a client and a server, and what it is for."""

from __future__ import annotations

from tests.requirements.gateway.ends import ENDS
from tests.requirements.gateway.guarding import GUARDING
from tests.requirements.gateway.operating import OPERATING
from tests.requirements.gateway.passing import PASSING
from tests.requirements.gateway.sampling import SAMPLING
from tests.requirements.gateway.state import STATE
from tests.requirements.rows import Group

__all__ = ["GATEWAY"]

GATEWAY = Group(
    "The gateway",
    "What a gateway owes both sides: to change only what sampling takes, and to be a good client to one and a good "
    "server to the other.",
    (*PASSING, *SAMPLING, *STATE, *ENDS, *GUARDING, *OPERATING),
)
