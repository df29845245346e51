"""What is sealed of a call when its round goes to the client, and what it is bound to."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from msgspec import UNSET, Raw, UnsetType

from upcall.gateway import frames

__all__ = ["Kept", "digest_of", "kept_from", "kept_to"]

_OWN_PARAMS = frozenset({"_meta", "inputResponses", "requestState"})
"""Parameters that change from round to round, or say nothing of what is asked."""


class Kept(msgspec.Struct, omit_defaults=True):
    """A call between two rounds."""

    call: str
    """`Sample.call`."""
    round: int
    state: Raw | UnsetType = UNSET
    """The server's own ``requestState``, as it is written."""
    answers: dict[str, Raw] = {}
    """What is answered already, by the server's key."""
    pending: dict[str, Raw] = {}
    """Params of samplings that are not, by the server's key."""
    batch: int = 0
    """How many samplings came in that round."""
    samples: int = 0
    """How many samplings there were up to and with that round."""
    asked: dict[str, str] = {}
    """What the client is asked for us: its key there → the question's own key."""
    given: dict[str, Raw] = {}
    """What the client answered us before, by the question's own key."""


_kept = msgspec.json.Decoder(Kept)


def kept_to(kept: Kept) -> bytes:
    """Its JSON."""
    return msgspec.json.encode(kept)


def kept_from(text: bytes) -> Kept | None:
    """From its JSON; ``None`` when it is of a shape that is not known here."""
    try:
        return _kept.decode(text)
    except frames.UNREADABLE:
        return None


def digest_of(params: Mapping[str, Raw]) -> bytes:
    """32 bytes that stand for a request's parameters, however their objects are ordered and their strings escaped."""
    import hashlib  # only calls that are sealed pay for loading it

    digest = hashlib.sha256()
    for key in sorted(params.keys() - _OWN_PARAMS):
        value = bytes(params[key])
        try:
            value = msgspec.json.encode(msgspec.json.decode(value), order="sorted")
        except (msgspec.MsgspecError, RecursionError, UnicodeError, ValueError):
            value = bytes(params[key])
        for part in (key.encode("utf-8", "surrogatepass"), value):
            digest.update(len(part).to_bytes(8, "big"))
            digest.update(part)
    return digest.digest()
