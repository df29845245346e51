"""The session that a body sees: the SDK's, whose questions take upcall's way."""

from __future__ import annotations

from typing import Any, TypeVar

import mcp_types as types
from mcp.server.session import ServerSession
from mcp.shared.dispatcher import ProgressFnT
from mcp.shared.exceptions import MCPError
from mcp.shared.message import ServerMessageMetadata
from pydantic import BaseModel, ValidationError

from upcall.errors import SamplingError
from upcall.server._elicitation import undeclared
from upcall.server._raising import limited, malformed, raisable
from upcall.server._route import Route
from upcall.wire import METHOD

__all__ = ["SamplingSession"]

ResultT = TypeVar("ResultT", bound=BaseModel)


class SamplingSession(ServerSession):
    """Looks like a ``ServerSession`` in every way. Attributes it does not have are the open request's session's."""

    def __init__(self, route: Route) -> None:
        # Deliberately without `super().__init__()`: instance state comes from the open request's session.
        self._route = route
        self._open = route.open_request

    def __getattr__(self, name: str) -> Any:
        if name == "_open":
            raise AttributeError(name)
        return getattr(self._open.session, name)

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
        answer = await self._route.ask(params.model_dump(by_alias=True, mode="json", exclude_none=True))
        with_tools = tools is not None or tool_choice is not None
        kind = types.CreateMessageResultWithTools if with_tools else types.CreateMessageResult
        return _typed(kind, METHOD, answer.raw)

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
            sampled = await self._route.ask(wire["params"], timeout=request_read_timeout_seconds)
            return _typed(result_type, METHOD, sampled.raw)
        if (
            isinstance(request, types.ElicitRequest | types.ListRootsRequest)
            and self._route.door.rounds_left is not None
        ):
            answer = await self._ask_next_round(request, wire.get("params"), request_read_timeout_seconds)
            return _typed(result_type, request.method, answer)
        if metadata is None or metadata.related_request_id is None:
            # Unrelated, it would take the standalone stream on HTTP, where nobody may listen (SEP-2260).
            metadata = ServerMessageMetadata(related_request_id=self._open.request_id)
        return await self._open.session.send_request(
            request, result_type, request_read_timeout_seconds, metadata, progress_callback
        )

    async def _ask_next_round(
        self, request: types.ElicitRequest | types.ListRootsRequest, params: dict[str, Any] | None, limit: float | None
    ) -> dict[str, Any]:
        def obstacle() -> MCPError | None:
            return undeclared(self.client_capabilities, request)

        if (missing := obstacle()) is not None:
            raise missing
        try:
            with limited(limit, "The client"):
                return await self._route.door.ask(request.method, params, obstacle)
        except SamplingError as error:
            raise raisable(error) from error.__cause__

    async def report_progress(self, progress: float, total: float | None = None, message: str | None = None) -> None:
        """Report progress to the open request, with values that rise whatever else reports."""
        await self._open.report_progress(progress, total, message)

    async def send_notification(
        self, notification: types.ServerNotification, related_request_id: types.RequestId | None = None
    ) -> None:
        """Send a notification; progress goes out under the open request's own token."""
        await self._open.notify(notification, related_request_id)

    async def _notify(self, notification: types.ServerNotification, *, request_scoped: bool) -> None:
        # Where the SDK's log messages come through.
        if self._open.listener is not None:
            await super()._notify(notification, request_scoped=request_scoped)


def _typed(result_type: type[ResultT], method: str, answer: dict[str, Any]) -> ResultT:
    try:
        return result_type.model_validate(answer, by_name=False)
    except ValidationError as error:
        raise raisable(malformed(method, error)) from None
