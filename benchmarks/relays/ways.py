"""The ways from a client to a server: what stands between, as commands, and where its clients call."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from benchmarks.envs import python_of
from benchmarks.relays.litellm_proxy import KEY, PATHS

__all__ = [
    "BARE",
    "DIRECT",
    "FASTMCP",
    "FLOORS",
    "LITELLM",
    "NAMES",
    "OURS",
    "PASSING",
    "Server",
    "Way",
    "echo_server",
    "module",
    "sdk_server",
]

DIRECT, OURS, FASTMCP, LITELLM = "direct", "upcall gateway", "fastmcp 4 proxy", "litellm proxy"
PASSING = "bare ASGI pass-through"
"""What the gateway stands on, without the gateway."""
FLOORS = {"stdio": "bare line relay", "http": "bare TCP relay"}
"""The least that one process in between can cost, by transport."""
BARE = (*FLOORS.values(), PASSING)
"""Those that know no sampling."""
NAMES = {
    "stdio": (DIRECT, FLOORS["stdio"], OURS, FASTMCP),
    "http": (DIRECT, FLOORS["http"], PASSING, OURS, FASTMCP, LITELLM),
}
_POLICY = """
[default]
decision = "allow"

[default.limits]
concurrent = 1_000
per_minute = 1_000_000_000
"""

Server = Callable[[str, int], list[str]]
"""From a transport and a port to the command of a server."""


class Way(NamedTuple):
    """Who stands between, and what the gateways need for it."""

    name: str
    folder: Path
    model_port: int
    say: Callable[[str], None]

    @property
    def samples(self) -> bool:
        """Whether the client has to sample itself."""
        return self.name not in (OURS, LITELLM)

    def prepare(self) -> None:
        """Install what it needs, unless it is.

        Raises:
            EnvironmentFailed: It could not be.
        """
        self._python()

    def endpoint(self, era: str) -> tuple[str, bytes]:
        """Path and header lines of a client's requests."""
        if self.name == LITELLM:
            return PATHS[era], b"Authorization: Bearer %b\r\n" % KEY.encode()
        return "/mcp", b""

    def stdio(self, server: list[str]) -> list[str]:
        """The command that a client starts."""
        if self.name == FLOORS["stdio"]:
            return module("benchmarks.relays.line_relay", *server)
        if self.name == FASTMCP:
            return module("benchmarks.relays.fastmcp_proxy", "stdio", *server)
        return [*self._gateway(), "--", *server] if self.name == OURS else server

    def http(self, upstream: int, port: int) -> list[str]:
        """The command that serves at ``port`` what is at ``upstream``, a port too."""
        url = f"http://127.0.0.1:{upstream}/mcp"
        if self.name == FLOORS["http"]:
            return module("benchmarks.relays.tcp_relay", str(port), str(upstream))
        if self.name == PASSING:
            return module("benchmarks.relays.asgi_relay", str(port), url)
        if self.name == FASTMCP:
            return module("benchmarks.relays.fastmcp_proxy", "http", url, str(port))
        if self.name == LITELLM:
            arguments = (url, str(port), str(self.model_port))
            return module("benchmarks.relays.litellm_proxy", *arguments, python=self._python())
        return [*self._gateway(), "--upstream", url, "--listen", f"127.0.0.1:{port}"]

    def _python(self) -> str:
        return python_of("litellm" if self.name == LITELLM else None, self.say)

    def _gateway(self) -> list[str]:
        policy = self.folder / "upcall.toml"
        policy.write_text(_POLICY, encoding="utf-8")
        model = f"openai/instant@http://127.0.0.1:{self.model_port}/v1"
        script = str(Path(sys.executable).with_name("upcall"))
        store = str(self.folder / f"{time.monotonic_ns()}.db")
        return [script, "gateway", "--name", "bench", "--policy", str(policy), "--model", model, "--store", store]


def sdk_server(transport: str, port: int) -> list[str]:
    """The official SDK's."""
    return module("benchmarks.peers.serve", "mcp2", transport, str(port))


def echo_server(transport: str, port: int) -> list[str]:
    """The one that does next to nothing."""
    return module("benchmarks.relays.echo", transport, str(port))


def module(name: str, *arguments: str, python: str = sys.executable) -> list[str]:
    """The command that runs a module."""
    return [python, "-m", name, *arguments]
