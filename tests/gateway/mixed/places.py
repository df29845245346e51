"""Gateways of the mixed forms, with what stands on both sides of them."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal

import anyio
import uvicorn

from upcall.gateway.answering import Answering
from upcall.gateway.http.children.hosting import Hosting
from upcall.gateway.http.front.app import App
from upcall.gateway.http.front.guards import Guard
from upcall.gateway.performing import Answers, Frames
from upcall.gateway.session.session import Session
from upcall.gateway.settings import Settings
from upcall.host.policy import load_policy
from upcall.testing import ScriptedModel

__all__ = ["ROOT", "SERVER", "connecting", "hosted", "listening", "settings"]

ROOT = Path(__file__).parents[3]
SERVER = [sys.executable, "-m", "tests.gateway.mixed.server"]


def settings(folder: Path, model: ScriptedModel) -> Settings:
    """Everything is answered by this model."""
    file = folder / "policy.toml"
    file.write_text('[default]\ndecision = "allow"\n')
    return Settings(policy=load_policy(file), model=model, store=folder / "store.sqlite3", keys=(os.urandom(32),))


def connecting(answers: Answering) -> Callable[[str], tuple[Frames, Answers]]:
    def connect(principal: str) -> tuple[Frames, Answers]:
        mine = answers.of("mixed")
        return Session(mine.terms, mine.sealer(), principal=principal), mine

    return connect


@asynccontextmanager
async def listening(app: Any, lifespan: Literal["on", "off"] = "off") -> AsyncIterator[str]:
    """Serve an ASGI app on this event loop; gives its address."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    listener.listen(128)
    config = uvicorn.Config(
        app,
        log_level="error",
        lifespan=lifespan,
        ws="none",
        timeout_graceful_shutdown=1,
        timeout_keep_alive=60,  # with all ends on one loop, a busy one would close what the gateway is about to use
    )
    config.load()
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    state = server.server_state
    with listener:
        await server.startup(sockets=[listener])
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            # Uvicorn's own end is the same with a tenth of a second here and there, which a thousand tests pay.
            for accepting in server.servers:
                accepting.close()
            for connection in list(state.connections):
                connection.shutdown()
            with anyio.move_on_after(1):
                while state.tasks:  # noqa: ASYNC110 - as uvicorn does
                    await anyio.sleep(0.002)
            for task in list(state.tasks):
                task.cancel()
            await server.lifespan.shutdown()


@asynccontextmanager
async def hosted(
    folder: Path,
    *,
    model: ScriptedModel | None = None,
    argv: list[str] | None = None,
    tokens: dict[str, str] | None = None,
    **options: Any,
) -> AsyncIterator[tuple[str, Hosting]]:
    """A gateway that listens on HTTP in front of a server on its pipes; gives its endpoint's address."""
    answers = Answering(settings(folder, model or ScriptedModel("a model's answer", repeat=True)), "mixed")
    hosting = Hosting(
        argv or SERVER, connect=connecting(answers), env={**os.environ, "PYTHONPATH": str(ROOT)}, **options
    )
    app = App(Guard("127.0.0.1", tokens=tokens or {}), {"/mcp": hosting}, body_bytes=1 << 20)
    try:
        async with listening(app) as address:
            try:
                yield f"{address}/mcp", hosting
            finally:
                await app.aclose()
    finally:
        await answers.aclose()
