"""Which model answers: the client's, the server's fallback, or none.

The client is asked when it declared what the request needs and can be reached. The fallback steps in for the
reasons its owner listed (``fallback_on``), and always where the client would throw the answer away.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from msgspec import structs

from upcall.errors import RoundsExhausted, SamplingError, SamplingUnsupported
from upcall.host import ClientRequest, Host
from upcall.server._doors import Door
from upcall.server._elicitation import person_at_client
from upcall.server._heartbeat import OnProgress, heartbeat
from upcall.server._open import OpenRequest
from upcall.server._raising import limited, raisable
from upcall.wire import (
    METHOD,
    SamplingCapability,
    SamplingMessage,
    SamplingRequest,
    SamplingResult,
    check_encodable,
    check_turns,
    decode_request,
    decode_result,
    encode,
    missing_capability,
)
from upcall.wire.eras import allows_tools

__all__ = ["Answer", "FallbackReason", "Route", "RouteName", "current_route", "serving"]

FallbackReason: TypeAlias = Literal["unsupported", "refused", "timed_out"]
RouteName: TypeAlias = Literal["client", "fallback"]

current_route: ContextVar[Route | None] = ContextVar("upcall_route", default=None)
"""The route of the request that the running code serves; what `sample()` finds without a ``ctx``."""


@contextmanager
def serving(route: Route) -> Iterator[None]:
    """The block serves the request of ``route``."""
    token = current_route.set(route)
    try:
        yield
    finally:
        with suppress(ValueError):  # thrown away with its event loop, a body is closed in a context not its own
            current_route.reset(token)


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer, and where it came from."""

    result: SamplingResult
    raw: dict[str, Any]
    """The same as JSON, as it came."""
    route: RouteName


@dataclass(frozen=True, slots=True)
class Route:
    """The way of one client request's samples. Limits are in seconds; ``None`` waits for ever."""

    open_request: OpenRequest
    door: Door
    fallback: Host | None
    fallback_on: frozenset[FallbackReason]
    server: str
    timeout: float | None
    progress_interval: float | None
    during: ClientRequest | None = None
    """The client's request, for the fallback's record."""
    call: str | None = None
    """Tells it from others, for the fallback's limits."""

    @property
    def declared(self) -> SamplingCapability | None:
        """What the client of the open request declared under ``sampling``."""
        capabilities = self.open_request.session.client_capabilities
        if capabilities is None or capabilities.sampling is None:
            return None
        sampling = capabilities.sampling
        # A version without tools in sampling has no such declaration, whatever the object holds.
        tools = sampling.tools is not None and allows_tools(self.open_request.session.protocol_version)
        return SamplingCapability(tools={} if tools else None, context=None if sampling.context is None else {})

    @property
    def rounds_left(self) -> int | None:
        """How many more rounds the client takes part in; ``None`` when nothing limits them."""
        return self.door.rounds_left

    @property
    def can_fall_back(self) -> bool:
        """Whether a fallback answers for a client that cannot."""
        return self.fallback is not None and "unsupported" in self.fallback_on

    @property
    def has_tools(self) -> bool:
        """Whether whoever would answer takes tools: the client where it can be asked, else the fallback."""
        declared = self.declared
        if declared is None or self.door.closed:
            return self.can_fall_back
        return declared.tools is not None

    def obstacle(self, request: SamplingRequest) -> SamplingUnsupported | None:
        """Why the client cannot be asked for this, or ``None`` when it can."""
        # First, because stateless HTTP does not even know what a legacy client declared.
        if self.door.closed:
            return SamplingUnsupported(
                f"The client cannot be asked: {self.door.closed}.",
                required={"sampling": {}},
                hint="Serve this client statefully or on protocol 2026-07-28, or give the server a fallback model: "
                "Sampling(fallback=...).",
            )
        missing = missing_capability(request, self.declared)
        if missing is not None:
            names = ", ".join(f"sampling.{name}" for name in missing["sampling"]) or "sampling"
            return SamplingUnsupported(
                f"The client did not declare the {names} capability, which this request needs.",
                required=missing,
                hint="Use a client that samples, put it behind a gateway that does, or give the server a fallback "
                "model: Sampling(fallback=...).",
            )
        return None

    async def ask(
        self,
        params: dict[str, Any],
        *,
        timeout: float | None = None,
        progress_interval: float | None = None,
        on_progress: OnProgress | None = None,
    ) -> Answer:
        """Get one sampling request answered.

        Args:
            params: Parameters of ``sampling/createMessage``, as JSON.
            timeout: Seconds for each of client and fallback; the route's own limit when ``None``.
            progress_interval: Seconds between signs of life; the route's own when ``None``.
            on_progress: Told at each sign of life.

        Raises:
            SamplingError: As an ``MCPError``, too.
        """
        limit = self.timeout if timeout is None else timeout
        interval = self.progress_interval if progress_interval is None else progress_interval
        try:
            request = decode_request(params)
            check_turns(request.messages)
            check_encodable(params)
            # Where nobody listens there is no timer: for parked calls they would add up.
            heard = self.open_request.wants_progress or on_progress is not None
            with heartbeat(interval if heard else None, self.open_request.beat, on_progress):
                return await self._answer(request, params, limit)
        except SamplingError as error:
            raise raisable(error) from error.__cause__

    async def _answer(self, request: SamplingRequest, params: dict[str, Any], limit: float | None) -> Answer:
        obstacle: SamplingError | None = self.obstacle(request)
        if obstacle is None:
            if not allows_tools(self.open_request.session.protocol_version):
                params = {**params, "messages": encode(_one_block_each(request.messages))}
            try:
                with limited(limit, "The client's model"):
                    raw = await self.door.ask(METHOD, params, lambda: self.obstacle(request))
                return Answer(decode_result(raw), raw, "client")
            except SamplingError as error:
                obstacle = error
        if self.fallback is None or not self._covers(obstacle):
            raise obstacle
        with limited(limit, "The fallback model"), person_at_client(self.open_request, self.door):
            completion = await self.fallback.answer(
                request,
                server=self.server,
                request_id=self.open_request.request_id,
                during=self.during,
                call=self.call,
            )
        return Answer(completion.result, encode(completion.result), "fallback")

    def _covers(self, obstacle: SamplingError) -> bool:
        # Out of rounds is no matter of taste: the client would throw away what it pays for.
        return isinstance(obstacle, RoundsExhausted) or obstacle.label in self.fallback_on


def _one_block_each(messages: Sequence[SamplingMessage]) -> list[SamplingMessage]:
    """Before 2025-11-25 a message has one block, so a list of them becomes as many messages of its role."""
    return [structs.replace(message, content=block) for message in messages for block in message.blocks]
