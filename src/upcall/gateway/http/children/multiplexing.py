"""`Multiplexer`: many exchanges of 2026-07-28 over one pipe to one server. No I/O.

An *exchange* is one POST of one client. Its requests are *open* until the server answers them; then they are forgotten.
One that is cancelled before is *abandoned*: what still comes for it is dropped.

Invariants: a request goes to the server under a number that was never used before, as its id and, if it has one, as
its progress token; so a frame of the server that names a request names exactly one. It goes to that one's exchange,
with the client's own id, token and subscription id put back, and to no other. A frame that names none goes to the
exchange of the only open request, provided nothing else was abandoned a moment ago that it could belong to; else
nowhere. Nothing comes back to an exchange that is gone. What is not rewritten passes verbatim.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Iterator
from typing import Final, Generic, TypeAlias, TypeVar

import msgspec
from msgspec import Raw

from upcall.gateway._decoding import decoded
from upcall.gateway.frames import elements, joined, members

__all__ = ["Delivery", "Multiplexer"]

E = TypeVar("E", bound=Hashable)
"""Names an exchange."""
_Object: TypeAlias = dict[str, Raw]

_SUBSCRIPTION: Final = "io.modelcontextprotocol/subscriptionId"
_LINGER: Final = 30.0
"""Seconds for which a cancelled request may still have something to say."""


class Delivery(msgspec.Struct, Generic[E], frozen=True):
    """What the server sent for an exchange."""

    exchange: E
    frame: bytes | None
    """``None``: the server ended this subscription. On stdio it says so by ``notifications/cancelled``, on HTTP by
    the end of the stream (2026-07-28, ``CancelledNotification``)."""


class _Open(msgspec.Struct, Generic[E]):
    exchange: E
    id: Raw
    token: Raw | None
    listens: bool


class Multiplexer(Generic[E]):
    """One per server process. ``now`` tells seconds."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._last = 0
        self._open: dict[int, _Open[E]] = {}
        self._lingering: dict[int, float] = {}

    @property
    def open(self) -> int:
        """Requests that are not answered yet."""
        return len(self._open)

    def to_server(self, exchange: E, frame: bytes) -> bytes | None:
        """What to send for this frame of the exchange. ``None``: nothing, for only requests and their cancellation
        have a meaning here (2026-07-28, ``ClientNotification``), and what is no JSON object has none at all."""
        message = members(frame)
        if message is None or "method" not in message:
            return None
        method = decoded(message["method"])
        params = members(message.get("params")) or {}
        if "id" not in message:
            return self._cancel(exchange, message, params) if method == "notifications/cancelled" else None
        self._last += 1
        number = Raw(b"%d" % self._last)
        meta = members(params.get("_meta"))
        token = meta.get("progressToken") if meta else None
        self._open[self._last] = _Open(exchange, _own(message["id"]), token and _own(token), method == _LISTEN)
        message["id"] = number
        if meta is not None and token is not None:
            params["_meta"] = _raw({**meta, "progressToken": number})
            message["params"] = _raw(params)
        return joined(message)

    def from_server(self, frame: bytes) -> list[Delivery[E]]:
        """To which exchanges this frame goes, and as what. A batch goes apart."""
        parts = elements(frame)
        if parts is None:
            return list(self._deliver(frame))
        return [delivery for part in parts for delivery in self._deliver(bytes(part))]

    def gone(self, exchange: E) -> list[bytes]:
        """Nobody waits for this exchange any more: what to tell the server."""
        numbers = [number for number, request in self._open.items() if request.exchange == exchange]
        for number in numbers:
            self._abandon(number)
        return [_CANCELLED % number for number in numbers]

    def _cancel(self, exchange: E, message: _Object, params: _Object) -> bytes | None:
        wanted = decoded(params.get("requestId"))
        for number in reversed(self._open):
            request = self._open[number]
            if request.exchange == exchange and _same(decoded(request.id), wanted):
                self._abandon(number)
                params["requestId"] = Raw(b"%d" % number)
                message["params"] = _raw(params)
                return joined(message)
        return None

    def _abandon(self, number: int) -> None:
        del self._open[number]
        self._lingering[number] = self._now() + _LINGER

    def _deliver(self, frame: bytes) -> Iterator[Delivery[E]]:
        message = members(frame)
        if message is None:
            return
        if "method" not in message:
            yield from self._answer(message)
        elif "id" not in message:  # a server of this revision sends no requests
            yield from self._notify(frame, message)

    def _answer(self, message: _Object) -> Iterator[Delivery[E]]:
        number = decoded(message.get("id"))
        if number is None and "error" in message:  # of a request that it could not read
            number = self._only()
        if type(number) is not int:
            return
        self._lingering.pop(number, None)
        request = self._open.pop(number, None)
        if request is None:
            return
        message["id"] = request.id
        if request.listens:
            result = members(message.get("result"))
            meta = members(result.get("_meta")) if result else None
            if result is not None and meta is not None and _SUBSCRIPTION in meta:
                result["_meta"] = _raw({**meta, _SUBSCRIPTION: request.id})
                message["result"] = _raw(result)
        yield Delivery(request.exchange, joined(message))

    def _notify(self, frame: bytes, message: _Object) -> Iterator[Delivery[E]]:
        method = decoded(message["method"])
        params = members(message.get("params")) or {}
        meta = members(params.get("_meta")) or {}
        if method == "notifications/cancelled":
            request = self._named(params.get("requestId"))
            if request is not None and request.listens:
                del self._open[decoded(params["requestId"])]
                yield Delivery(request.exchange, None)
        elif method == "notifications/progress":
            request = self._named(params.get("progressToken"))
            if request is not None and request.token is not None:
                params["progressToken"] = request.token
                yield Delivery(request.exchange, joined({**message, "params": _raw(params)}))
        elif _SUBSCRIPTION in meta:
            request = self._named(meta[_SUBSCRIPTION])
            if request is not None and request.listens:
                params["_meta"] = _raw({**meta, _SUBSCRIPTION: request.id})
                yield Delivery(request.exchange, joined({**message, "params": _raw(params)}))
        else:
            only = self._only()
            if only is not None:
                yield Delivery(self._open[only].exchange, frame)

    def _named(self, number: Raw | None) -> _Open[E] | None:
        value = decoded(number)
        return self._open.get(value) if type(value) is int else None

    def _only(self) -> int | None:
        """The only request that a frame without a name can belong to."""
        now = self._now()
        for number in [number for number, until in self._lingering.items() if until <= now]:
            del self._lingering[number]
        numbers = [number for number, request in self._open.items() if not request.listens]
        return numbers[0] if len(numbers) == 1 and not self._lingering else None


_LISTEN: Final = "subscriptions/listen"
_CANCELLED: Final = (
    b'{"jsonrpc":"2.0","method":"notifications/cancelled",'
    b'"params":{"requestId":%d,"reason":"The client closed the response stream."}}'
)


def _same(one: object, other: object) -> bool:
    return one == other and isinstance(one, bool) == isinstance(other, bool)


def _raw(message: _Object) -> Raw:
    return Raw(joined(message))


def _own(raw: Raw) -> Raw:
    return raw.copy()  # else it would hold the whole frame
