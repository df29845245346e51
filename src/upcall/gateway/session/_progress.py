"""Progress of our own, while the server waits for us and so has none to tell (``notifications/progress``).

Invariants: no frame of the server is changed. Each value of ours is higher than any before it on the same token, the
server's and ours, by next to nothing, so that what the server says next is very likely higher still. A token that the
client uses anew begins anew.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from typing import Any, Final

import msgspec
from msgspec import UNSET, Raw, UnsetType

from upcall.gateway import frames
from upcall.gateway.session._calls import Call
from upcall.gateway.session.actions import ToClient

__all__ = ["PROGRESS", "Progress"]

PROGRESS: Final = "notifications/progress"
_STEP: Final = 1e-6
_REMEMBERED: Final = 1024
_MESSAGE: Final = "Waiting for the answer to a sampling request."


class _Told(msgspec.Struct):
    token: int | str = msgspec.field(name="progressToken")
    progress: float
    total: Raw | UnsetType = UNSET


class _Meta(msgspec.Struct):
    token: int | str | UnsetType = msgspec.field(default=UNSET, name="progressToken")


class _Params(msgspec.Struct):
    meta: _Meta | UnsetType = msgspec.field(default=UNSET, name="_meta")


_told = msgspec.json.Decoder(_Told)
_params = msgspec.json.Decoder(_Params)


class Progress:
    """Of one session."""

    def __init__(self) -> None:
        self._last: OrderedDict[int | str, tuple[float, bytes | None]] = OrderedDict()

    def __bool__(self) -> bool:
        return bool(self._last)

    def told(self, params: Raw) -> None:
        """The server has told some."""
        try:
            found = _told.decode(params)
        except frames.UNREADABLE:
            return
        before = self._last.get(found.token, (found.progress, None))[0]
        total = None if found.total is UNSET else bytes(found.total)
        self._keep(found.token, max(before, found.progress), total)

    def opened(self, call: Call) -> None:
        """The client has sent a request, with a token of its own or one that it had used before."""
        token = _token_of(call)
        if token is not None:
            self._last.pop(token, None)

    def beat(self, call: Call) -> list[ToClient]:
        """A sign of life for a call, if the client wants progress of it."""
        token = _token_of(call)
        if token is None:
            return []
        last, total = self._last.get(token, (0.0, None))
        value = max(last + _STEP, math.nextafter(last, math.inf))
        if not math.isfinite(value):
            return []
        self._keep(token, value, total)
        params: dict[str, Any] = {"progressToken": token, "progress": value}
        if total is not None:
            params["total"] = Raw(total)
        params["message"] = _MESSAGE
        return [ToClient(frames.request(None, PROGRESS, frames.joined(params)), call.lane)]

    def _keep(self, token: int | str, value: float, total: bytes | None) -> None:
        self._last[token] = (value, total)
        self._last.move_to_end(token)
        if len(self._last) > _REMEMBERED:
            self._last.popitem(last=False)


def _token_of(call: Call) -> int | str | None:
    params = call.params
    try:
        meta = UNSET if params is UNSET else _params.decode(params).meta
    except frames.UNREADABLE:
        return None
    return None if meta is UNSET or meta.token is UNSET else meta.token
