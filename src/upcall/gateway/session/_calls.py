"""The client's requests that are not answered yet.

A call is open from the client's request to the response that the client gets. While it is open it is *upstream* (the
server has a request of it, under the client's id or one of ours), or *held* (nothing of it is upstream: its samples are
being answered). Ids are the client's, so two open calls may have the same one: they stand in a queue, and a response
belongs to the first of them that waits for it, on its own lane if there is one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from msgspec import UNSET, Raw, UnsetType

from upcall.gateway import frames
from upcall.gateway.frames import Id
from upcall.gateway.session.actions import Lane

if TYPE_CHECKING:
    from upcall.gateway.session._round import Round

__all__ = ["ASKING", "Call", "Calls"]

ASKING = frozenset({"tools/call", "prompts/get", "resources/read"})
"""Requests that may be answered with ``input_required`` (SEP-2322)."""


class _Trace(msgspec.Struct):
    traceparent: Annotated[str, msgspec.Meta(max_length=128)] | UnsetType = UNSET
    tracestate: Annotated[str, msgspec.Meta(max_length=1024)] | UnsetType = UNSET
    baggage: Annotated[str, msgspec.Meta(max_length=8192)] | UnsetType = UNSET


class _Traced(msgspec.Struct):
    meta: _Trace | UnsetType = msgspec.field(default=UNSET, name="_meta")


_traced = msgspec.json.Decoder(_Traced)


class Call(msgspec.Struct, eq=False):
    """One request of the client."""

    id: Id
    lane: Lane
    method: str
    frame: bytes
    """As it goes upstream: with what we declare in it."""
    upstream: Id | None
    """The id under which the server has it; ``None`` while it is held."""
    modern: bool = False
    ours: bool = False
    """Whether sampling that it asks for is answered here (modern; for legacy the connection says it)."""
    deferrable: bool = False
    """Whether the client can be asked by elicitation in the result of this call (modern)."""
    version: str | None = None
    label: str = ""
    round: int = 0
    """Results of it so far that asked for sampling (modern)."""
    samples: int = 0
    """Samplings that these asked for."""
    current: Round | None = None
    """What is being answered, while it is held."""
    fresh: bool = True
    """Whether the client's id is still to be used upstream for the first time."""
    serial: int = 0
    """How many calls of the session were opened up to this one."""
    next: Call | None = None
    """The next open call with the same id."""

    @property
    def params(self) -> Raw | UnsetType:
        """Read anew each time, so that a frame is not kept twice."""
        found = frames.peek(self.frame)
        return UNSET if found is None else found.params

    def trace(self) -> dict[str, str]:
        """What ``_meta`` says of the trace that the request is part of."""
        params = self.params
        try:
            meta = UNSET if params is UNSET else _traced.decode(params).meta
        except frames.UNREADABLE:
            return {}
        if meta is UNSET:
            return {}
        return {key: value for key, value in msgspec.structs.asdict(meta).items() if isinstance(value, str)}

    def subject(self) -> tuple[str, bytes | None]:
        """Name, and JSON of the arguments."""
        found = frames.members(self.params) or {}
        arguments = found.get("arguments")
        for key in ("name", "uri"):
            try:
                return msgspec.json.decode(found[key], type=str), None if arguments is None else bytes(arguments)
            except (KeyError, *frames.UNREADABLE):
                continue
        return "", None if arguments is None else bytes(arguments)


class Calls:
    """All open calls of a session, the oldest first."""

    def __init__(self) -> None:
        self._first: dict[Any, Call] = {}
        self._last: dict[Any, Call] = {}
        self._count = 0
        self.opened = 0
        """All that ever were."""

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Call]:
        for call in list(self._first.values()):
            each: Call | None = call
            while each is not None:
                following = each.next
                yield each
                each = following

    def add(self, call: Call) -> None:
        """Open a call."""
        self._count += 1
        self.opened += 1
        call.serial = self.opened
        first = self._first.setdefault(call.id, call)
        if first is not call:
            self._last.get(call.id, first).next = call
            self._last[call.id] = call

    def close(self, call: Call) -> None:
        """End a call; no harm is done when it has ended before."""
        before: Call | None = None
        each = self._first.get(call.id)
        while each is not None and each is not call:
            before, each = each, each.next
        if each is None:
            return
        self._count -= 1
        if before is not None:
            before.next = call.next
            if call.next is None:
                self._last[call.id] = before
        elif call.next is None:
            del self._first[call.id]
            self._last.pop(call.id, None)
        else:
            self._first[call.id] = call.next
        call.next = None

    def named(self, id: Any, lane: Lane) -> Call | None:
        """The call that a client means by an id."""
        return self._pick(id, lane, waiting=False)

    def waiting(self, id: Any, lane: Lane) -> Call | None:
        """The call that a response of the server, under the client's id, is for."""
        first = self._first.get(id)
        if first is not None and first.next is None:
            return first if first.upstream == id else None
        return self._pick(id, lane, waiting=True)

    def around(self, lane: Lane) -> tuple[Call | None, bool]:
        """The call in which the server, on this lane, asks for something, and whether that is certain.

        The lane's, else the only open one, else the latest.
        """
        found = [call for call in self if call.method in ASKING] or [call for call in self if call.method != "ping"]
        own = [call for call in found if call.lane == lane] if lane is not None else []
        found = own or found
        return (found[-1], len(found) == 1) if found else (None, False)

    def _pick(self, id: Any, lane: Lane, *, waiting: bool) -> Call | None:
        call = self._first.get(id)
        found: Call | None = None
        while call is not None:
            if not waiting or call.upstream == id:
                if call.lane == lane:
                    return call
                found = found or call
            call = call.next
        return found
