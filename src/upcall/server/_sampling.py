"""`Sampling`: the one line that gives tool bodies their model back.

::

    client's request ─▶ Sampling ─▶ rest of the chain, tool body included, with a session that knows the way
                            │
            legacy: in the request's own task, questions over the back channel
            modern: in a task of its own that parks while the client is away (`upcall.server.parking`)
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

import anyio
from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.server.request_state import authenticated_principal
from mcp.shared.exceptions import MCPError
from msgspec import to_builtins

from upcall.errors import ConfigurationError, InvalidRequest, SamplingError, SamplingUnsupported
from upcall.host import ClientRequest, Host
from upcall.server._bodies import Body, Garage
from upcall.server._doors import BackChannel, Door, Parking
from upcall.server._open import OpenRequest
from upcall.server._raising import raisable, tool_error_result
from upcall.server._route import FallbackReason, Route, serving
from upcall.server._session import SamplingSession
from upcall.server.parking import STATE_PREFIX, Binding, Lot, Round
from upcall.wire import Era, era_of

if TYPE_CHECKING:
    from upcall.models import Model

__all__ = ["Sampling"]

logger = logging.getLogger(__name__)

ServerT = TypeVar("ServerT")

_ASKING_METHODS = frozenset({"tools/call", "prompts/get", "resources/read"})
"""The requests that may be answered ``input_required`` (2026-07-28), and so the ones whose handlers may ask."""

_CLOSING_SECONDS = 15.0
"""How long a server that stops waits for its bodies and its fallback to end."""

_SERVER_INFO = "io.modelcontextprotocol/serverInfo"


class Sampling:
    """Middleware that makes sampling work in tools, prompts and resources, on every era and transport.

    Use it as ``MCPServer("logs", middleware=[Sampling()])``, append it to a low-level ``Server.middleware``, or call
    ``Sampling().attach(server)``, which takes FastMCP servers (4.1 or newer) as well and ends parked calls in an
    orderly way when the server stops.

    Args:
        fallback: Answers when the client does not: a model string (``"openai/gpt-5.4-mini"``), a model, a plain
            function ``(messages, params, context) -> str``, or a `Host` with rules of its own.
        fallback_on: When it does: ``"unsupported"`` (the client cannot sample, or not like this), ``"refused"``,
            ``"timed_out"``. It always answers what the client has no round left for.
        timeout: Seconds that a sample may take unless it says otherwise; ``None`` waits for ever.
        progress_interval: Seconds between two signs of life while a ``create_message`` is out; `sample()` has its own.
        max_rounds: How often a modern client comes back before it gives a call up; the SDKs' clients do ten times.
        max_parked: How many calls may wait for their clients at once.
        park_lifetime: Seconds that a call waits for its client. The SDK seals ``requestState`` for 600 s, so a longer
            time needs ``RequestStateSecurity(ttl=…)`` on the server, too.

    Raises:
        ConfigurationError: A setting cannot work.
    """

    def __init__(
        self,
        *,
        fallback: str | Model | Host | Any | None = None,
        fallback_on: Collection[FallbackReason] = frozenset({"unsupported"}),
        timeout: float | None = None,
        progress_interval: float | None = 5.0,
        max_rounds: int = 10,
        max_parked: int = 10_000,
        park_lifetime: float = 600.0,
    ) -> None:
        unknown = set(fallback_on) - {"unsupported", "refused", "timed_out"}
        if unknown:
            raise ConfigurationError(
                f"fallback_on does not know {', '.join(sorted(unknown))}.",
                hint='It takes "unsupported", "refused" and "timed_out".',
            )
        for name, value in {
            "timeout": timeout,
            "max_rounds": max_rounds,
            "max_parked": max_parked,
            "park_lifetime": park_lifetime,
        }.items():
            if value is not None and not value > 0:
                raise ConfigurationError(f"{name} must be more than 0, not {value:g}.")
        self.fallback = fallback if fallback is None or isinstance(fallback, Host) else Host(fallback)
        self.fallback_on = frozenset(fallback_on)
        self.timeout = timeout
        self.progress_interval = progress_interval
        self._garage = Garage(Lot(lifetime=park_lifetime, cap=max_parked, max_rounds=max_rounds))
        self._server: Any = None
        self._server_name = "server"
        self._server_info: Any = None
        self._lifespans = 0

    @property
    def parked(self) -> int:
        """How many calls wait for their clients right now."""
        return len(self._garage.lot)

    async def __call__(self, ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
        """The middleware itself (``mcp.server.context.ServerMiddleware``)."""
        if ctx.method not in _ASKING_METHODS or ctx.request_id is None:
            return self._observed(await call_next(ctx))
        if isinstance(ctx.session, SamplingSession):
            return await call_next(ctx)  # another Sampling stands in front of this one, and one is enough
        modern = era_of(ctx.protocol_version) is Era.MODERN
        serve = self._attended(self._body_for(ctx, call_next)) if modern else self._called(ctx, call_next)
        try:
            return await serve
        except SamplingError as error:
            # -32021 is how a modern server says it (2026-07-28, MissingRequiredClientCapability).
            if ctx.method != "tools/call" or (modern and isinstance(error, SamplingUnsupported)):
                raise raisable(error) from error.__cause__
            told = f"{error} {error.detail}".rstrip()
            # Quoted: both hold words of the client's, which could look like further lines of the log.
            logger.warning("tool %r ended in an error: %r", (ctx.params or {}).get("name"), told)
            result = tool_error_result(error)
            return self._stamped({"resultType": "complete", **result}) if modern else result

    def attach(self, server: ServerT) -> ServerT:
        """Put this in front of ``server``'s handlers and end parked calls when it stops; gives ``server`` back.

        Args:
            server: An ``MCPServer``, a low-level ``Server``, or a ``FastMCP`` (4.1 or newer).

        Raises:
            ConfigurationError: ``server`` is none of these, or this is attached to another server already.
        """
        lowlevel: Any = getattr(server, "_lowlevel_server", None) or getattr(server, "_mcp_server", None) or server
        chain, lifespan = getattr(lowlevel, "middleware", None), getattr(lowlevel, "lifespan", None)
        if not isinstance(chain, list) or lifespan is None:
            raise ConfigurationError(
                f"Sampling cannot attach to a {type(server).__name__}.",
                hint="It takes an MCPServer or Server of mcp 2.2 or newer, or a FastMCP of fastmcp 4.1 or newer.",
            )
        if self._server is lowlevel:
            return server
        if self._server is not None:
            raise ConfigurationError(
                f"This Sampling is attached to {self._server_name} already.",
                hint="Make one for each server: their calls and their names are kept apart by it.",
            )
        if self not in chain:
            chain.append(self)

        @asynccontextmanager
        async def ending(target: Any) -> AsyncIterator[Any]:
            # Some transports enter the lifespan once for each client, so the last one out closes.
            self._lifespans += 1
            try:
                async with lifespan(target) as state:
                    yield state
            finally:
                self._lifespans -= 1
                if not self._lifespans:
                    # Servers are stopped by cancelling them, and what has begun must end then, too.
                    with anyio.move_on_after(_CLOSING_SECONDS, shield=True):
                        await self.aclose()

        lowlevel.lifespan = ending
        self._server = lowlevel
        self._server_name = str(getattr(lowlevel, "name", self._server_name))
        self._server_info = getattr(lowlevel, "server_info_stamp", None)
        return server

    async def aclose(self) -> None:
        """End all parked calls (``SampleAbandoned`` inside them) and close the fallback model."""
        await self._garage.aclose()
        if self.fallback is not None:
            await self.fallback.aclose()

    async def _called(self, ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
        """Legacy: the body runs in the request's own task."""
        route = self._route(ctx, BackChannel(ctx))
        with serving(route):
            return await call_next(replace(ctx, session=SamplingSession(route)))

    def _body_for(self, ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> Body:
        """Modern: the body that this request is about, resumed or started.

        Raises:
            MCPError: ``-32602``, the request does not open the call that its ``requestState`` names.
        """
        params: Mapping[str, Any] = ctx.params or {}
        binding = Binding.of(ctx.method, params, authenticated_principal(ctx))
        state = params.get("requestState")
        if isinstance(state, str) and state.startswith(STATE_PREFIX):
            answers = params.get("inputResponses")
            try:
                body = self._garage.resume(state, binding, answers if isinstance(answers, Mapping) else {})
            except InvalidRequest as error:
                raise MCPError(error.code, str(error), {"reason": "invalid_request_state"}) from None
            body.follow(ctx)
            return body
        body = Body(self._garage, binding)
        route = self._route(ctx, Parking(body))

        # The retry must bring the same arguments, so the body gets some of its own that it may change.
        own = None if ctx.params is None else to_builtins(ctx.params)

        async def run() -> HandlerResult:
            with serving(route):
                return await call_next(replace(ctx, session=SamplingSession(route), params=own))

        body.start(run, route.open_request)
        return body

    async def _attended(self, body: Body) -> HandlerResult:
        outcome = await body.attend()
        if not isinstance(outcome, Round):
            return self._observed(outcome)
        return self._stamped(
            {"resultType": "input_required", "inputRequests": outcome.questions, "requestState": outcome.park_id}
        )

    def _route(self, ctx: ServerRequestContext[Any, Any], door: Door) -> Route:
        return Route(
            open_request=OpenRequest(ctx),
            door=door,
            fallback=self.fallback,
            fallback_on=self.fallback_on,
            server=self._server_name,
            timeout=self.timeout,
            progress_interval=self.progress_interval,
            during=None if self.fallback is None else _client_request(ctx),
            call=None if self.fallback is None else secrets.token_hex(8),
        )

    # The runner stamps the server's identity on complete results only; a result that middleware makes is the
    # middleware's to stamp (2026-07-28, ResultMetaObject: SHOULD). So the stamp is taken from what passes by.

    def _observed(self, result: HandlerResult) -> HandlerResult:
        if self._server_info is None and isinstance(result, dict):
            meta = result.get("_meta")
            self._server_info = meta.get(_SERVER_INFO) if isinstance(meta, dict) else None
        return result

    def _stamped(self, result: dict[str, Any]) -> dict[str, Any]:
        if self._server_info is not None:
            result["_meta"] = {_SERVER_INFO: self._server_info}
        return result


def _client_request(ctx: ServerRequestContext[Any, Any]) -> ClientRequest:
    params: Mapping[str, Any] = ctx.params or {}
    arguments = params.get("arguments")
    return ClientRequest(
        name=str(params.get("name", params.get("uri", ""))),
        arguments=dict(arguments) if isinstance(arguments, Mapping) else None,
        method=ctx.method,
    )
