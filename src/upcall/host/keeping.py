"""What is kept of prompts and replies in the record, as the policy's ``record`` says.

Applied before an entry is handed to anybody: store, observers, log. Bodies are ``full``, ``redacted`` (each secret
replaced), ``hashed``, or ``none``. Where they are not to be kept at all, nothing that could quote them is either:
arguments of the client's call, excerpts of flags, what a provider said about an error.
"""

from __future__ import annotations

import hashlib
import logging
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec.structs import replace

from upcall.host.context import SamplingContext
from upcall.host.engine import Keep
from upcall.host.records import Entry, Fault
from upcall.host.scanning import redact, redact_reply
from upcall.wire import SamplingMessage, SamplingRequest, TextContent

if TYPE_CHECKING:
    from upcall.store import Keeping

__all__ = ["keeping"]

_log = logging.getLogger("upcall.host")


def keeping(mode: Keeping) -> Keep | None:
    """What takes out of an entry that which is not to be kept; ``None`` where everything is.

    It never raises: of an entry that it cannot handle, nothing but the facts is kept.
    """
    if mode == "full":
        return None

    def keep(entry: Entry) -> Entry:
        try:
            return _redacted(entry) if mode == "redacted" else _without(entry, mode)
        except Exception:
            _log.exception("A record could not be %s; it is kept without prompt and reply", mode)
            return _without(entry, "none")

    return keep


def _redacted(entry: Entry) -> Entry:
    return replace(
        entry,
        kept="redacted",
        context=_with_arguments(entry.context, keep=True),
        request=redact(entry.request)[0] if entry.request is not None else None,
        raw=_clean(entry.raw),
        result=redact_reply(entry.result)[0] if entry.result is not None else None,
        fault=_fault(entry.fault, keep=True),
    )


def _without(entry: Entry, mode: Keeping) -> Entry:
    request = entry.raw if entry.request is None else entry.request
    return replace(
        entry,
        kept=mode,
        context=_with_arguments(entry.context, keep=False),
        request=None,
        raw=None,
        result=None,
        request_hash=_hash(request) if mode == "hashed" else None,
        result_hash=_hash(entry.result) if mode == "hashed" else None,
        fault=_fault(entry.fault, keep=False),
        flags=tuple(replace(flag, excerpt="") for flag in entry.flags),
    )


def _hash(value: Any) -> str | None:
    if value is None:
        return None
    return hashlib.sha256(msgspec.json.encode(value, order="sorted")).hexdigest()


def _fault(fault: Fault | None, *, keep: bool) -> Fault | None:
    return None if fault is None else replace(fault, detail=_clean(fault.detail) if keep else "")


def _with_arguments(context: SamplingContext, *, keep: bool) -> SamplingContext:
    if context.during is None or not context.during.arguments:
        return context
    arguments = _clean(context.during.arguments) if keep else None
    return replace(context, during=replace(context.during, arguments=arguments))


def _clean(value: Any) -> Any:
    """Parsed JSON with the secrets in its texts replaced."""
    match value:
        case str():
            message = SamplingMessage(role="user", content=TextContent(text=value))
            return redact(SamplingRequest(messages=[message], max_tokens=1))[0].messages[0].text
        case dict():
            return {_clean(key): _clean(inner) for key, inner in value.items()}
        case list():
            return [_clean(inner) for inner in value]
        case _:
            return value
