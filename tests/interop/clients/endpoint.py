"""The model of a client application: an HTTP endpoint on 127.0.0.1 that does one thing, in the words of any provider.

Asked for the first time it calls one tool; given the tool's result it says it again, after `SAID` or `FAILED`. Where
the client does not offer that tool it says `ABSENT`. So what the client prints in the end is what its model, and hence
its user, got from the tool. A `Dialect` reads and writes a provider's format; all else is here.
"""

from __future__ import annotations

from types import TracebackType
from typing import Any, NamedTuple, Protocol, Self

from aiohttp import web

__all__ = ["ABSENT", "FAILED", "SAID", "Dialect", "Endpoint", "Turn"]

SAID = "The tool said: "
FAILED = "The tool failed: "
ABSENT = "There is no such tool."
_BODY_BYTES = 64 << 20


class Turn(NamedTuple):
    """What a client's request for the next words says."""

    tools: tuple[str, ...]
    """The names of those that the model may call."""
    result: str | None = None
    """Of the tool that was called, as text; ``None`` before."""
    failed: bool = False
    """Whether the result is marked as an error."""


class Dialect(Protocol):
    """A provider's format. What `call` and `say` give is the whole response; ``body`` is the request's."""

    def read(self, path: str, body: Any) -> Turn | None:
        """What a POST to ``path`` asks; ``None`` when it does not ask for words (404 is the answer then)."""

    def call(self, body: Any, tool: str, arguments: dict[str, Any]) -> web.Response:
        """A call of one tool."""

    def say(self, body: Any, text: str) -> web.Response:
        """Text, and the end."""


class Endpoint:
    """Serves on ``url`` within its context. ``turns`` are the requests so far."""

    def __init__(self, dialect: Dialect, tool: str, arguments: dict[str, Any]) -> None:
        self._dialect = dialect
        self._tool = tool
        self._arguments = arguments
        self.turns: list[Turn] = []

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=_BODY_BYTES)
        app.router.add_post("/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._runner.cleanup()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        turn = self._dialect.read(request.path, body)
        if turn is None:
            return web.Response(status=404)
        self.turns.append(turn)
        if turn.result is not None:
            return self._dialect.say(body, (FAILED if turn.failed else SAID) + turn.result)
        if self._tool not in turn.tools:
            return self._dialect.say(body, ABSENT)
        return self._dialect.call(body, self._tool, self._arguments)
