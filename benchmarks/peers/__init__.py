"""The contenders: one module each, all with the same face (`Peer`).

A peer's module is imported by the interpreter of the environment that the peer lives in, by `serve` (a server
process) and by `worker` (a client process), so nothing here may need more than that environment has.
"""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, NamedTuple, Protocol

__all__ = ["ANSWER", "LEGACY", "MODEL", "MODERN", "PROMPT", "TEXT", "Call", "Peer", "Target", "Unmeasurable"]

LEGACY, MODERN = "legacy", "2026-07-28"

TEXT = "upcall keeps sampling working on every client."
PROMPT = "Summarize: "
ANSWER = "Sampling works."
MODEL = "instant"

Call = Callable[[str], Awaitable[str]]
"""Calls the tool of that name once; gives the text of its result."""


class Unmeasurable(Exception):
    """This peer has no such transport."""


class Target(NamedTuple):
    """Where the server is: in this process, behind a command, or at a URL."""

    server: Any = None
    peer: str = ""
    url: str = ""

    @property
    def command(self) -> list[str]:
        """Starts the peer's server on stdio, with this interpreter."""
        return [sys.executable, "-m", "benchmarks.peers.serve", self.peer, "stdio"]

    @property
    def env(self) -> dict[str, str]:
        """What that command needs."""
        return {"PYTHONPATH": str(Path(__file__).parents[2]), "MCP_USE_ANONYMIZED_TELEMETRY": "false"}


class Peer(Protocol):
    """What every module here offers."""

    WAYS: Mapping[str, tuple[str, ...]]
    """The tools of the server, and the eras on which each works. ``plain`` asks nothing."""

    def make(self) -> Any:
        """A server with those tools."""
        ...

    async def serve_stdio(self, server: Any) -> None:
        """Serve standard input and output until they close."""
        ...

    def asgi(self, server: Any) -> Any:
        """The server as an ASGI application with the endpoint ``/mcp``."""
        ...

    def connect(self, target: Target, era: str) -> AbstractAsyncContextManager[Call]:
        """A client of this peer's own, whose model answers `ANSWER` at once.

        Raises:
            Unmeasurable: This peer cannot reach such a target.
        """
        ...
