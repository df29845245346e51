"""A gateway between HTTP and HTTP, with real servers behind it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
from mcp.server.mcpserver import Context, MCPServer
from mcp_types import SamplingMessage, TextContent
from pydantic import BaseModel

from tests.gateway.mixed.places import listening
from upcall.gateway.answering import Answering
from upcall.gateway.http.client.upstream import Upstream
from upcall.gateway.http.front.app import App
from upcall.gateway.http.front.guards import Guard
from upcall.gateway.http.front.listening import Listener, bound
from upcall.gateway.http.proxy.owning import OwnedIds
from upcall.gateway.http.proxy.proxying import Proxy
from upcall.gateway.http.serving import connect_for
from upcall.gateway.settings import Settings
from upcall.host.policy import load_policy
from upcall.server import Sampling
from upcall.testing import ScriptedModel

__all__ = ["ANSWER", "Gateway", "Thinking", "between", "gateway", "mcp_server", "served", "settings_in"]

ANSWER = "a model's answer"
_POLICY = """
[default]
decision = "allow"
limits.per_minute = 100000
limits.concurrent = 2000
"""


class Colour(BaseModel):
    colour: str


class Thinking(ScriptedModel):
    """A model that never has its answer. Says when it is asked, and when it need not go on."""

    def __init__(self) -> None:
        super().__init__(self._think)
        self.started, self.stopped = asyncio.Event(), asyncio.Event()

    async def _think(self, request: Any) -> str:
        self.started.set()
        try:
            await anyio.sleep_forever()
        finally:
            self.stopped.set()
        return ""


def mcp_server() -> MCPServer:
    """Tools that answer, report and ask, in both eras."""
    server = MCPServer("real", middleware=[Sampling()])

    @server.tool()
    async def add(a: int, b: int) -> int:
        return a + b

    @server.tool()
    async def steps(count: int, ctx: Context) -> str:
        for step in range(count):
            await ctx.report_progress(step + 1, count)
        return "done"

    @server.tool()
    async def ask(question: str, ctx: Context) -> str:
        message = SamplingMessage(role="user", content=TextContent(type="text", text=question))
        result = await ctx.session.create_message([message], max_tokens=20)
        assert isinstance(result.content, TextContent)
        return f"{question}: {result.content.text}"

    @server.tool()
    async def both(question: str, ctx: Context) -> str:
        async def person() -> str:
            got = await ctx.elicit("Which colour?", Colour)
            return got.data.colour if got.action == "accept" else got.action

        return " ".join(await asyncio.gather(ask(question, ctx), person()))

    return server


@asynccontextmanager
async def served(server: MCPServer | None = None, **options: Any) -> AsyncIterator[str]:
    """Serve over streamable HTTP; gives the URL."""
    app = (server or mcp_server()).streamable_http_app(**options)
    async with app.router.lifespan_context(app), listening(app) as address:
        yield f"{address}/mcp"


class Gateway:
    """One that runs."""

    def __init__(self, url: str, proxy: Proxy, listener: Listener) -> None:
        self.url, self.proxy, self.listener = url, proxy, listener


def settings_in(folder: Path, model: Any = None, *, key: bytes | None = None, policy: str = "") -> Settings:
    """Everything is allowed, and answered by one model. With a key there may be replicas."""
    file = folder / "policy.toml"
    file.write_text(policy or _POLICY)
    return Settings(
        policy=load_policy(file),
        model=model or ScriptedModel(ANSWER, repeat=True),
        store=folder / "store.sqlite3",
        keys=(key or os.urandom(32),),
        replicas=key is not None,
    )


@asynccontextmanager
async def gateway(
    settings: Settings,
    upstream: str,
    *,
    tokens: dict[str, str] | None = None,
    headers: dict[str, str] | None = None,
    body_bytes: int = 1 << 24,
    allow_origins: Sequence[str] = (),
    **options: Any,
) -> AsyncIterator[Gateway]:
    """A gateway in front of this address."""
    answering = Answering(settings)
    several = len(tokens or {}) > 1
    ids = OwnedIds(settings.keys, "real", events=several) if several or settings.replicas else None
    connect = connect_for(answering, "real", replicas=settings.replicas)
    proxy = Proxy(Upstream(upstream, headers=headers), connect, ids=ids, **options)
    guard = Guard("127.0.0.1", tokens=tokens, allow_origins=allow_origins)
    socket = bound("127.0.0.1", 0)
    listener = Listener(App(guard, {"/mcp": proxy}, body_bytes=body_bytes), socket)
    ready = anyio.Event()
    running = asyncio.create_task(listener.run(ready.set))
    try:
        with anyio.fail_after(10):
            await ready.wait()
        yield Gateway(f"{listener.address}/mcp", proxy, listener)
    finally:
        listener.stop()
        await running
        socket.close()
        await answering.aclose()


@asynccontextmanager
async def between(folder: Path, model: Any = None, **options: Any) -> AsyncIterator[Gateway]:
    """A gateway and a server behind it."""
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(served(**options))
        yield await stack.enter_async_context(gateway(settings_in(folder, model), url))
