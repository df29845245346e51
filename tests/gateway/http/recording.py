"""A server that is none: it keeps what it is sent, and says what a test tells it to. For what no SDK would say."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from tests.gateway.mixed.places import listening

__all__ = ["Asked", "Recorder", "recorder", "reply"]


class Asked(msgspec.Struct):
    """One request that came."""

    method: str
    headers: Mapping[str, str]
    body: bytes
    gone: asyncio.Event
    """Set when the connection closes before the answer's end."""
    send: Callable[[dict[str, Any]], Awaitable[None]]

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.body)


Answer = Callable[[Asked], Awaitable[None]]


async def reply(asked: Asked, body: bytes, status: int = 200, kind: str = "application/json", **headers: str) -> None:
    """A whole response."""
    sent = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    sent += [(b"content-type", kind.encode())] if kind else []
    await asked.send({"type": "http.response.start", "status": status, "headers": sent})
    await asked.send({"type": "http.response.body", "body": body})


class Recorder:
    """Answers in the order of ``answers``, the last of them again and again."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.asked: list[Asked] = []
        self.url = ""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        asked = Asked(scope["method"], headers, body, asyncio.Event(), send)
        self.asked.append(asked)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

        async def watch() -> None:
            await receive()
            asked.gone.set()

        watching = asyncio.create_task(watch())
        try:
            await answer(asked)
        finally:
            watching.cancel()


@asynccontextmanager
async def recorder(*answers: Answer) -> AsyncIterator[Recorder]:
    found = Recorder(*answers)
    async with listening(found) as address:
        found.url = f"{address}/mcp"
        yield found
