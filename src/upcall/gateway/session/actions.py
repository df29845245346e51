"""What a session wants done, in order, and what comes back to it.

A *lane* is a driver's own name for the exchange that a frame belongs to: on HTTP one POST of the client (or its
standalone stream), on stdio there is only one, ``None``. A session never looks into it; it remembers on which lane a
request came, and hands it back with everything that concerns that request. ``None`` towards a client with several lanes
means: no lane in particular, so the standalone stream, or whichever is open.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Final, Literal, TypeAlias

import msgspec

from upcall.errors import UpcallError

__all__ = [
    "APART",
    "Action",
    "Answered",
    "Deferred",
    "Elicited",
    "Lane",
    "Once",
    "Outcome",
    "Over",
    "Refused",
    "Sample",
    "StopSample",
    "ToClient",
    "ToServer",
]

Lane: TypeAlias = Hashable

APART: Final = "apart"
"""The lane of what belongs to no exchange of the client. On HTTP its requests are POSTs of their own, and its samples
go on when the exchange that they came from is over."""


class ToServer(msgspec.Struct, frozen=True):
    """Send this frame upstream."""

    frame: bytes
    """One JSON-RPC message, or a batch; the very object that came in where nothing was changed."""
    lane: Lane = None


class ToClient(msgspec.Struct, frozen=True):
    """Send this frame downstream."""

    frame: bytes
    lane: Lane = None


class Once(msgspec.Struct, frozen=True):
    """Which samples of several processes are one and the same. Digests: they tell nothing of what they stand for."""

    task: str
    """The task that it is for."""
    name: str
    """Principal, server, task, the server's key and what is asked."""


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """Have this request answered, and tell `Session.answered`. Until then the lane stays open."""

    number: int
    """Names the request in this session."""
    params: bytes
    """JSON of the ``params`` of ``sampling/createMessage``."""
    version: str | None
    """The connection's protocol version."""
    request_id: str | int
    """The server's id for it, or its key among the ``inputRequests``."""
    call: str
    """Tells the client's request around it from all others, in every process: limits per call count by it."""
    method: str
    """That request's method, such as ``tools/call``; empty when none is open."""
    name: str
    """Its tool, prompt or URI."""
    arguments: bytes | None
    """JSON of its ``arguments``."""
    batch: int | None
    """How many came in the same result (2026-07-28)."""
    round: int | None
    """Which such result of the call that was, from 1 (2026-07-28)."""
    so_far: int | None = None
    """Samplings of the call up to and with that result, whichever processes they came to (2026-07-28)."""
    asks: Literal["inline", "deferred", "no"]
    """Whether the client can be asked for a person's decision by elicitation: at once, by `Session.elicit` (legacy);
    by ending this attempt with `Deferred` and being started again with the answer (2026-07-28); or not at all."""
    given: Mapping[str, bytes] = {}
    """What was answered before, by `Deferred.key`: JSON of each ``ElicitResult``."""
    trace: Mapping[str, str] = {}
    """Trace context of the client's request, where its ``_meta`` has one: ``traceparent``, ``tracestate``, ``baggage``
    (SEP-414). What the sampling brings along itself goes before it."""
    once: Once | None = None
    """Other processes may be shown it, too, and one of them is to ask; ``None``: it is this process's own."""
    lane: Lane = None


class StopSample(msgspec.Struct, frozen=True):
    """Nobody waits for this one any more: cancel it. It gets no `Session.answered`."""

    number: int


class Over(msgspec.Struct, frozen=True):
    """A task that other processes may know has ended: nobody needs what is asked for it, nor what was answered."""

    task: str
    """As in `Once`."""


class Elicited(msgspec.Struct, frozen=True):
    """The client has answered what `Session.elicit` asked."""

    number: int
    """Of the `Sample`."""
    question: int
    """As `Session.elicit` was given it."""
    result: bytes | None
    """JSON of the ``ElicitResult``; ``None`` when the client gave an error or went away."""


Action: TypeAlias = ToServer | ToClient | Sample | StopSample | Elicited | Over


class Answered(msgspec.Struct, frozen=True):
    """The host answered: JSON of the ``CreateMessageResult``."""

    result: bytes
    elsewhere: bool = False
    """Another process had it answered, and tells the server (`Sample.once`)."""


class Refused(msgspec.Struct, frozen=True):
    """The host did not: why, as far as the peer may know it. `SampleAbandoned` where nobody needs it any more
    (`Sample.once`)."""

    error: UpcallError


class Deferred(msgspec.Struct, frozen=True):
    """A person has to be asked through the client first (2026-07-28)."""

    key: str
    """A digest of the question, so that an answer counts for exactly this one."""
    params: bytes
    """JSON of the ``params`` of ``elicitation/create``."""


Outcome: TypeAlias = Answered | Refused | Deferred
