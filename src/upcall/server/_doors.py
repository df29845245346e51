"""The two ways to a client: its back channel (legacy), and parking (modern)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, cast

import mcp_types as types
from mcp.server.context import ServerRequestContext
from mcp.shared.exceptions import MCPError
from mcp.shared.message import ServerMessageMetadata
from pydantic import RootModel, ValidationError

from upcall.errors import InvalidAnswer
from upcall.server._bodies import Body
from upcall.server._raising import from_client, malformed

__all__ = ["BackChannel", "Door", "Parking"]


class Door(Protocol):
    """How the server's questions reach the client of one request."""

    @property
    def closed(self) -> str:
        """Why nothing can be asked through here, as the end of a sentence; empty when something can."""
        ...

    @property
    def rounds_left(self) -> int | None:
        """How many more times the client can be asked; ``None`` when there is no limit."""
        ...

    async def ask(
        self, method: str, params: dict[str, Any] | None, obstacle: Callable[[], Exception | None]
    ) -> dict[str, Any]:
        """Put one request to the client and give back its result as JSON.

        Args:
            method: The request's method.
            params: Its parameters as JSON.
            obstacle: Why the client cannot be asked this, ``None`` when it can. The caller has looked already; a way
                that takes several requests of the client looks again.

        Raises:
            SamplingError: The client said no, cannot, went away, or answered with something malformed.
        """
        ...


class _RawRequest(types.Request[dict[str, Any] | None, str]):
    """A request whose parameters are JSON already."""


class _RawResult(RootModel[dict[str, Any]]):
    """A result that stays JSON."""


class BackChannel:
    """Legacy: a request of our own, related to the client's open one so that it rides on the same stream."""

    rounds_left = None

    def __init__(self, ctx: ServerRequestContext[Any, Any]) -> None:
        self._session = ctx.session
        self._metadata = ServerMessageMetadata(related_request_id=ctx.request_id)

    @property
    def closed(self) -> str:
        """Stateless HTTP has no back channel in any era, and no request may be sent outside of one (SEP-2260)."""
        if self._session.can_send_request:
            return ""
        return "this connection has no back channel (stateless HTTP, a JSON-only response), or the request has ended"

    async def ask(
        self, method: str, params: dict[str, Any] | None, obstacle: Callable[[], Exception | None]
    ) -> dict[str, Any]:
        """Send the request; cancelling this sends ``notifications/cancelled``."""
        request = _RawRequest(method=method, params=params)
        try:
            answer = await self._session.send_request(cast(Any, request), _RawResult, metadata=self._metadata)
        except ValidationError as error:
            raise malformed(method, error) from None
        except MCPError as error:
            raise from_client(error) from error
        return answer.root


class Parking:
    """Modern: the question goes out with the answer to the client's open request."""

    closed = ""

    def __init__(self, body: Body) -> None:
        self._body = body

    @property
    def rounds_left(self) -> int:
        """Rounds that the client will still take part in."""
        return self._body.call.rounds_left

    async def ask(
        self, method: str, params: dict[str, Any] | None, obstacle: Callable[[], Exception | None]
    ) -> dict[str, Any]:
        """Ask in the next round; cancelling this withdraws the question."""
        question = {"method": method} if params is None else {"method": method, "params": params}
        answer = await self._body.ask(question, obstacle)
        if not isinstance(answer, dict):
            raise InvalidAnswer(f"The client's answer to {method} is not an object.")
        return answer
