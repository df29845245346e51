"""Who asks: what this side knows about the origin of a sampling request.

The driver lays the `SamplingContext` out for the time of a model call, so that whatever stands between it and
the model (a wrapper, a chooser) need not carry it. Model code reads it with `current_context`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import msgspec

from upcall.wire import Era, era_of

__all__ = ["ClientRequest", "SamplingContext", "asking", "current_context"]


class ClientRequest(msgspec.Struct, frozen=True, kw_only=True):
    """The client's own request inside which the server samples (SEP-2260: there always is one)."""

    name: str
    """Name of the tool or prompt, or URI of the resource."""
    arguments: dict[str, Any] | None = None
    method: str = "tools/call"


class SamplingContext(msgspec.Struct, frozen=True, kw_only=True):
    """Where a sampling request comes from, and over what kind of connection."""

    server: str
    """The name under which *we* started or reached the server, never what it says about itself."""
    version: str | None = None
    """The connection's protocol version; ``None`` when unknown."""
    request_id: str | int | None = None
    """The JSON-RPC id, or on modern connections the request's key among the ``inputRequests``."""
    during: ClientRequest | None = None
    """The client's request that the server is serving, where this side can tell."""
    call: str | int | None = None
    """Tells that request from others of the same server, for limits per call; ``None`` when this side cannot."""
    batch: int | None = None
    """Sampling requests in the ``input_required`` result that this one came in (2026-07-28), as far as is known."""
    round: int | None = None
    """Which such result of its call that is, from 1; ``None`` when this side cannot tell."""
    so_far: int | None = None
    """Sampling requests of its call up to and with that result, whichever processes they came to; ``None`` when this
    side cannot tell."""
    counted: bool = False
    """Whether limits have counted it: an earlier attempt of it ended with a question for the client."""

    @property
    def era(self) -> Era | None:
        """Era of ``version``."""
        return era_of(self.version) if self.version is not None else None


_NOBODY = SamplingContext(server="")
_current: ContextVar[SamplingContext] = ContextVar("upcall_sampling_context", default=_NOBODY)


def current_context() -> SamplingContext:
    """The context of the request that is being answered; one with an empty ``server`` outside of any."""
    return _current.get()


@contextmanager
def asking(context: SamplingContext) -> Iterator[None]:
    """Make ``context`` the current one inside the block."""
    token = _current.set(context)
    try:
        yield
    finally:
        _current.reset(token)
