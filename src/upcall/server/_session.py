"""The session that a body sees: the SDK's, whose questions take upcall's way.

It stands for the session of whichever request is open *now*, so what a body reports after a round reaches the
client's current request, under its current progress token. Between two rounds nobody listens, and what is
reported then is dropped (2026-07-28: notifications ride on an open request only).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import mcp_types as types
from mcp.server.context import ServerRequestContext
from mcp.server.session import ServerSession
from mcp.shared.dispatcher import ProgressFnT
from mcp.shared.exceptions import MCPError
from mcp.shared.message import ServerMessageMetadata
from pydantic import BaseModel, ValidationError

from upcall.errors import MISSING_CLIENT_CAPABILITY, SamplingError
from upcall.server._doors import Door
from upcall.server._heartbeat import Progress
from upcall.server._raising import limited, malformed, raisable
from upcall.wire import METHOD

__all__ = ["SamplingSession"]

ResultT = TypeVar("ResultT", bound=BaseModel)

Ask = Callable[[dict[str, Any], float | None], Awaitable[dict[str, Any]]]
"""Answers one sampling request: JSON parameters and a limit in seconds to the JSON result. Raises `SamplingError`."""


class SamplingSession(ServerSession):
    """Looks like a ``ServerSession`` in every way. Attributes it does not have are the current session's.

    Args:
        ctx: The request that is open first.
        door: The way of other questions where they have no back channel.
    """

    ask: Ask
    """Takes ``sampling/createMessage`` on; set before the body starts."""

    def __init__(self, ctx: ServerRequestContext[Any, Any], door: Door) -> None:
        # Deliberately without `super().__init__()`: instance state comes from the current session.
        self._current: ServerSession | None = ctx.session
        self._last = ctx.session
        self._door = door
        self._request_id = ctx.request_id
        self._token = _progress_token(ctx)
        self._first_token = self._token
        self._progress = Progress()

    def __getattr__(self, name: str) -> Any:
        if name == "_last":
            raise AttributeError(name)
        return getattr(self._last, name)

    def attach(self, ctx: ServerRequestContext[Any, Any]) -> None:
        """``ctx`` is the open request now."""
        self._current = self._last = ctx.session
        self._request_id = ctx.request_id
        self._token = _progress_token(ctx)
        self._progress = Progress()

    def detach(self) -> None:
        """No request is open now."""
        self._current = None

    async def create_message(
        self,
        messages: list[types.SamplingMessage],
        *,
        max_tokens: int,
        system_prompt: str | None = None,
        include_context: types.IncludeContext | None = None,
        temperature: float | None = None,
        stop_sequences: list[str] | None = None,
        metadata: dict[str, Any] | None = None,
        model_preferences: types.ModelPreferences | None = None,
        tools: list[types.Tool] | None = None,
        tool_choice: types.ToolChoice | None = None,
        related_request_id: types.RequestId | None = None,
    ) -> Any:
        """The SDK's ``create_message``, on every era. ``related_request_id`` is known and may be left out.

        Returns:
            ``CreateMessageResult``, or ``CreateMessageResultWithTools`` when tools or a choice were given.

        Raises:
            SamplingError: See `upcall.errors`; each is an ``MCPError`` as well.
        """
        params = types.CreateMessageRequestParams(
            messages=messages,
            max_tokens=max_tokens,
            system_prompt=system_prompt,
            include_context=include_context,
            temperature=temperature,
            stop_sequences=stop_sequences,
            metadata=metadata,
            model_preferences=model_preferences,
            tools=tools,
            tool_choice=tool_choice,
        )
        answer = await self.ask(params.model_dump(by_alias=True, mode="json", exclude_none=True), None)
        with_tools = tools is not None or tool_choice is not None
        return _typed(types.CreateMessageResultWithTools if with_tools else types.CreateMessageResult, METHOD, answer)

    async def send_request(
        self,
        request: types.ServerRequest,
        result_type: type[ResultT],
        request_read_timeout_seconds: float | None = None,
        metadata: ServerMessageMetadata | None = None,
        progress_callback: ProgressFnT | None = None,
    ) -> ResultT:
        """Sampling goes upcall's way; so do elicitation and roots where they have no back channel any more."""
        wire = request.model_dump(by_alias=True, mode="json", exclude_none=True)
        if isinstance(request, types.CreateMessageRequest):
            answer = await self.ask(wire["params"], request_read_timeout_seconds)
            return _typed(result_type, METHOD, answer)
        if isinstance(request, types.ElicitRequest | types.ListRootsRequest) and self._door.rounds_left is not None:
            answer = await self._ask_next_round(request, wire.get("params"), request_read_timeout_seconds)
            return _typed(result_type, request.method, answer)
        if metadata is None or metadata.related_request_id is None:
            # Unrelated, it would take the standalone stream on HTTP, where nobody may listen (SEP-2260).
            metadata = ServerMessageMetadata(related_request_id=self._request_id)
        return await self._last.send_request(
            request, result_type, request_read_timeout_seconds, metadata, progress_callback
        )

    async def _ask_next_round(
        self, request: types.ElicitRequest | types.ListRootsRequest, params: dict[str, Any] | None, limit: float | None
    ) -> dict[str, Any]:
        def obstacle() -> MCPError | None:
            return _undeclared(self.client_capabilities, request)

        if (missing := obstacle()) is not None:
            raise missing
        try:
            with limited(limit, "The client"):
                return await self._door.ask(request.method, params, obstacle)
        except SamplingError as error:
            raise raisable(error) from error.__cause__

    async def report_progress(self, progress: float, total: float | None = None, message: str | None = None) -> None:
        """Report progress to the open request, with values that rise whatever else reports."""
        if self._current is not None:
            await self._current.report_progress(self._progress.reported(progress, total), total, message)

    @property
    def wants_progress(self) -> bool:
        """Whether the client of the open request asked to be told of progress."""
        return self._token is not None

    async def beat(self, message: str) -> None:
        """A sign of life for the open request, if its client asked for progress."""
        if self._current is not None and self._token is not None:
            await self._current.report_progress(self._progress.beat(), self._progress.total, message)

    async def send_notification(
        self, notification: types.ServerNotification, related_request_id: types.RequestId | None = None
    ) -> None:
        """Send a notification; progress goes out under the open request's own token."""
        if isinstance(notification, types.ProgressNotification):
            params = notification.params
            if params.progress_token == self._first_token:
                await self.report_progress(params.progress, params.total, params.message)
                return
        if self._current is not None:
            await self._current.send_notification(notification, related_request_id)

    async def _notify(self, notification: types.ServerNotification, *, request_scoped: bool) -> None:
        # Where the SDK's log messages come through.
        if self._current is not None:
            await super()._notify(notification, request_scoped=request_scoped)


def _progress_token(ctx: ServerRequestContext[Any, Any]) -> str | int | None:
    return ctx.meta.get("progress_token") if ctx.meta is not None else None


def _typed(result_type: type[ResultT], method: str, answer: dict[str, Any]) -> ResultT:
    try:
        return result_type.model_validate(answer, by_name=False)
    except ValidationError as error:
        raise raisable(malformed(method, error)) from None


def _undeclared(
    declared: types.ClientCapabilities | None, request: types.ElicitRequest | types.ListRootsRequest
) -> MCPError | None:
    """A server never asks for what was not declared (2026-07-28, multi round-trip requests)."""
    needed: dict[str, Any]
    if isinstance(request, types.ListRootsRequest):
        name, needed = "roots", {"roots": {}}
        has_it = declared is not None and declared.roots is not None
    else:
        mode = request.params.mode
        name, needed = f"elicitation.{mode}", {"elicitation": {mode: {}}}
        modes = declared.elicitation if declared is not None else None
        # A bare ``elicitation: {}`` is older than the modes, and means forms.
        has_it = modes is not None and (getattr(modes, mode) is not None or (mode == "form" and modes.url is None))
    if has_it:
        return None
    return MCPError(
        code=MISSING_CLIENT_CAPABILITY,
        message=f"The client did not declare the {name} capability.",
        data={"requiredCapabilities": needed},
    )
