"""What a server says that knows the legacy revisions alone: to requests of 2026-07-28, so that a client falls back.

A client that speaks both eras asks ``server/discover`` first. Any error but ``-32022`` means an older server to it, and
on HTTP a 400 that is none of 2026-07-28's own; then it sends ``initialize`` (2026-07-28, basic/versioning).
"""

from __future__ import annotations

from typing import Final

from msgspec import UNSET

from upcall.errors import INVALID_REQUEST, METHOD_NOT_FOUND
from upcall.gateway import frames
from upcall.gateway.frames import Envelope
from upcall.gateway.session._declaring import CAPABILITIES, VERSION
from upcall.wire.eras import LATEST_LEGACY

__all__ = ["UNSUPPORTED", "is_of_modern_era", "refusal"]

UNSUPPORTED: Final = f"Unsupported protocol version: this server speaks those up to {LATEST_LEGACY}; initialize first."
_DISCOVER: Final = "server/discover"
_INITIALIZE: Final = "initialize"


def is_of_modern_era(message: Envelope) -> bool:
    """Whether a client's message is of 2026-07-28 or later: by its ``_meta``, or because it asks for that era.

    ``initialize`` never is, for it does not exist there; whatever it asks for, an older server answers it.
    """
    if message.method is UNSET or message.method == _INITIALIZE:
        return False
    if message.method == _DISCOVER:
        return True
    meta = frames.members((frames.members(message.params) or {}).get("_meta")) or {}
    return VERSION in meta or CAPABILITIES in meta


def refusal(frame: bytes, message: Envelope) -> bytes | None:
    """The answer to such a message; ``None`` where it asks for none."""
    if message.id is UNSET:
        return None
    if message.method == _DISCOVER:
        wire = {"code": METHOD_NOT_FOUND, "message": "Method not found"}
    else:
        wire = {"code": INVALID_REQUEST, "message": UNSUPPORTED}
    return frames.error(frames.raw_id(frame), wire)
