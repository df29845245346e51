"""JSON-RPC frames: what kind of message one is, and the same message with one part changed.

A frame is one message, or a batch of messages (2025-03-26). It is read only as far as it has to be: `peek` decodes the
envelope and leaves everything in it as it came. A changed frame is rebuilt along the changed path alone; all other
values stay as they were written, with their numbers, escapes and order of keys.

Where a key stands twice in one object the last one counts, as it does for the peers' own parsers; an object that is
rebuilt has it once. Nothing here raises on what a peer sent.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import UNSET, Raw, UnsetType

from upcall.gateway._deep import deep_envelope

__all__ = [
    "Envelope",
    "Id",
    "UNREADABLE",
    "changed",
    "compact",
    "elements",
    "error",
    "joined",
    "members",
    "peek",
    "raw_id",
    "request",
    "request_id",
    "response",
    "swapped",
]

Id = int | str | float
"""The id of a request. ``1`` and ``1.0`` are the same, as they are for JavaScript; ``"1"`` is another."""


UNREADABLE = (msgspec.DecodeError, RecursionError, UnicodeDecodeError)
"""What decoding raises on a peer's JSON: malformed or of another type, nested too deep, not in UTF-8."""


_PECULIAR = re.compile(rb"\A\xef\xbb\xbf|\bNaN\b|\bInfinity\b|\\u[dD][89a-fA-F]")
"""A byte order mark, numbers that are none, and halves of surrogate pairs: JavaScript or Python take them in JSON."""


class Envelope(msgspec.Struct, gc=False):
    """The members of a JSON-RPC message. What they hold is not looked at."""

    id: int | str | float | UnsetType | None = UNSET
    method: str | UnsetType = UNSET
    params: Raw | UnsetType = UNSET
    result: Raw | UnsetType = UNSET
    error: Raw | UnsetType = UNSET


class _RawId(msgspec.Struct, gc=False):
    id: Raw | UnsetType = UNSET


class _Cancelled(msgspec.Struct, gc=False):
    id: int | str | float | None = msgspec.field(default=None, name="requestId")


_cancelled = msgspec.json.Decoder(_Cancelled)
_envelope = msgspec.json.Decoder(Envelope)
_raw_id = msgspec.json.Decoder(_RawId)
_members = msgspec.json.Decoder(dict[str, Raw])
_elements = msgspec.json.Decoder(list[Raw])
_encode = msgspec.json.Encoder().encode


def peek(frame: bytes | Raw) -> Envelope | None:
    """The envelope of one message; ``None`` for a batch and for what is no JSON-RPC message."""
    try:
        return _envelope.decode(frame)
    except UNREADABLE as error:
        found = _by_brackets(frame, error)
    try:
        return None if found is None else _filled(found)
    except UNREADABLE:
        return None


def elements(frame: bytes) -> list[Raw] | None:
    """The messages of a batch, ``None`` when the frame is no batch."""
    if frame.lstrip()[:1] != b"[":
        return None
    try:
        return _elements.decode(frame)
    except UNREADABLE:
        return None


def members(value: bytes | Raw | UnsetType | None) -> dict[str, Raw] | None:
    """The members of an object, each as it is written; ``None`` when ``value`` is no object."""
    if value is UNSET or value is None:
        return None
    try:
        return _members.decode(value)
    except UNREADABLE as error:
        return _by_brackets(value, error)


def raw_id(frame: bytes) -> bytes:
    """The id of a message that `peek` could read, as it is written there."""
    try:
        found = _raw_id.decode(frame).id
    except UNREADABLE as error:
        found = (_by_brackets(frame, error) or {}).get("id", UNSET)
    return b"null" if found is UNSET else bytes(found)


def request_id(params: bytes | Raw) -> Id | None:
    """Which request a ``notifications/cancelled`` with these params is about."""
    try:
        return _cancelled.decode(params).id
    except UNREADABLE:
        return None


def changed(value: bytes | Raw, changes: Mapping[str, bytes | Raw | None]) -> bytes | None:
    """The object with some members replaced or added, and those that are ``None`` left out.

    ``None`` when ``value`` is no object.
    """
    found = members(value)
    if found is None:
        return None
    for key, member in changes.items():
        if member is None:
            found.pop(key, None)
        else:
            found[key] = Raw(member)
    return joined(found)


def swapped(frame: bytes, old: bytes, new: bytes) -> bytes | None:
    """The frame with one value for another, when what is written as ``old`` stands in it only once."""
    return frame.replace(old, new) if frame.count(old) == 1 else None


def joined(value: Any) -> bytes:
    """The JSON of a value; `msgspec.Raw` in it goes as it is written."""
    return _encode(value)


def compact(frame: bytes) -> bytes:
    """The frame on one line, as the stdio transport demands it; the same object when it is on one already.

    A frame that is no JSON has its line breaks replaced by spaces.
    """
    if b"\n" not in frame and b"\r" not in frame:
        return frame
    try:
        return msgspec.json.format(frame, indent=-1)
    except UNREADABLE:
        return frame.replace(b"\r", b" ").replace(b"\n", b" ")


def request(written_id: bytes | None, method: str, params: bytes | Raw) -> bytes:
    """A request, or a notification where the id is ``None``."""
    found: dict[str, Any] = {"jsonrpc": "2.0"}
    if written_id is not None:
        found["id"] = Raw(written_id)
    return joined({**found, "method": method, "params": Raw(params)})


def response(written_id: bytes, result: bytes) -> bytes:
    """A response with a result."""
    return joined({"jsonrpc": "2.0", "id": Raw(written_id), "result": Raw(result)})


def error(written_id: bytes, wire: Mapping[str, Any]) -> bytes:
    """A response with an error, given as `upcall.errors.UpcallError.to_wire` gives it."""
    return joined({"jsonrpc": "2.0", "id": Raw(written_id), "error": wire})


def _by_brackets(text: bytes | Raw, why: Exception) -> dict[str, Raw] | None:
    """The members of an object that some peer's parser reads though ours does not, lest a request hides in it."""
    written = bytes(text)
    if isinstance(why, RecursionError) or _PECULIAR.search(written):
        return deep_envelope(written.removeprefix(b"\xef\xbb\xbf"))
    return None


def _filled(found: Mapping[str, Raw]) -> Envelope:
    shallow = _envelope.decode(joined({key: found[key] for key in ("id", "method") if key in found}))
    for key in ("params", "result", "error"):
        if key in found:
            setattr(shallow, key, found[key])
    return shallow
