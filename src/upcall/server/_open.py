"""The client's request that is open *now*: whom a body talks to.

After a round it is another one than before, so what a body reports then reaches the client's current request, under
its current progress token. Between two rounds nobody listens, and what is reported then is dropped (2026-07-28:
notifications ride on an open request only).

Much refers to this, and this refers to none of it: a request that is over is freed at once.
"""

from __future__ import annotations

from typing import Any

import mcp_types as types
from mcp.server.context import ServerRequestContext
from mcp.server.session import ServerSession

from upcall.server._heartbeat import Progress

__all__ = ["OpenRequest"]


class OpenRequest:
    """Follows the client from request to request.

    Args:
        ctx: The request that is open first.
    """

    __slots__ = ("_first_token", "_progress", "_token", "listener", "request_id", "session")

    session: ServerSession
    """The SDK's session of the request that was opened last."""
    listener: ServerSession | None
    """The same, while that request is open."""
    request_id: types.RequestId | None

    def __init__(self, ctx: ServerRequestContext[Any, Any]) -> None:
        self.attach(ctx)
        self._first_token = self._token

    def attach(self, ctx: ServerRequestContext[Any, Any]) -> None:
        """``ctx`` is the open request now."""
        self.session = self.listener = ctx.session
        self.request_id = ctx.request_id
        self._token = ctx.meta.get("progress_token") if ctx.meta is not None else None
        self._progress = Progress()

    def detach(self) -> None:
        """No request is open now."""
        self.listener = None

    async def report_progress(self, progress: float, total: float | None = None, message: str | None = None) -> None:
        """Report progress, with values that rise whatever else reports."""
        if self.listener is not None:
            await self.listener.report_progress(self._progress.reported(progress, total), total, message)

    @property
    def wants_progress(self) -> bool:
        """Whether the client of the open request asked to be told of progress."""
        return self._token is not None

    async def beat(self, message: str) -> None:
        """Give a sign of life, if the client asked for progress."""
        if self.listener is not None and self.wants_progress:
            await self.listener.report_progress(self._progress.beat(), self._progress.total, message)

    async def notify(
        self, notification: types.ServerNotification, related_request_id: types.RequestId | None = None
    ) -> None:
        """Send a notification; progress goes out under the open request's own token."""
        if isinstance(notification, types.ProgressNotification):
            params = notification.params
            if params.progress_token == self._first_token:
                await self.report_progress(params.progress, params.total, params.message)
                return
        if self.listener is not None:
            await self.listener.send_notification(notification, related_request_id)
