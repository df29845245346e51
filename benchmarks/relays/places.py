"""What is measured: each way between the client and a server, as commands, processes and connections to them."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO, NamedTuple

from benchmarks.envs import ROOT
from benchmarks.processes import ProcessFailed
from benchmarks.relays.calls import Caller
from benchmarks.relays.wire import Http, Pipes, Wire

__all__ = [
    "DIRECT",
    "FASTMCP",
    "FLOOR",
    "OURS",
    "Middle",
    "Place",
    "connected",
    "echo_server",
    "facade",
    "sdk_server",
    "started",
]

DIRECT, FLOOR, OURS, FASTMCP = "direct", "bare line relay", "upcall gateway", "fastmcp 4 proxy"
_UP_SECONDS = 30.0
_POLICY = """
[default]
decision = "allow"

[default.limits]
concurrent = 1_000
per_minute = 1_000_000_000
"""


class Middle(NamedTuple):
    """Who stands between, and what the gateway needs for it."""

    name: str
    folder: Path
    model_port: int

    @property
    def samples(self) -> bool:
        """Whether the client has to sample itself."""
        return self.name != OURS

    def stdio(self, server: list[str]) -> list[str]:
        """The command that a client starts."""
        match self.name:
            case "bare line relay":
                return _module("benchmarks.relays.line_relay", *server)
            case "fastmcp 4 proxy":
                return _module("benchmarks.relays.fastmcp_proxy", "stdio", *server)
            case "upcall gateway":
                return [*self._gateway(), "--", *server]
        return server

    def http(self, url: str, port: int) -> list[str]:
        """The command that serves at ``port`` what is at ``url``."""
        if self.name == FASTMCP:
            return _module("benchmarks.relays.fastmcp_proxy", "http", url, str(port))
        return [*self._gateway(), "--upstream", url, "--listen", f"127.0.0.1:{port}"]

    def _gateway(self) -> list[str]:
        policy = self.folder / "upcall.toml"
        policy.write_text(_POLICY, encoding="utf-8")
        model = f"openai/instant@http://127.0.0.1:{self.model_port}/v1"
        script = str(Path(sys.executable).with_name("upcall"))
        store = str(self.folder / f"{time.monotonic_ns()}.db")
        return [script, "gateway", "--name", "bench", "--policy", str(policy), "--model", model, "--store", store]


class Place(NamedTuple):
    """A way to a server, open."""

    caller: Caller
    pid: int | None
    """Of the process between; ``None`` where there is none."""


@contextmanager
def started(command: list[str]) -> Iterator[subprocess.Popen[bytes]]:
    """A process that is ended at the end, with all that it says on standard error kept for a failure."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore"}
    with tempfile.TemporaryFile("w+b") as errors:
        child = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            bufsize=0,
            env=environment,
            cwd=ROOT,
        )
        try:
            yield child
        except (ProcessFailed, OSError) as error:
            raise ProcessFailed(f"{error}{_said(errors)}") from error
        finally:
            _end(child)


@contextmanager
def connected(
    middle: Middle, server: Callable[[str, int], list[str]], transport: str, era: str, model: Http | None = None
) -> Iterator[Place]:
    """Start everything at once and connect; on HTTP as soon as anybody is there."""
    with ExitStack() as stack:
        wire = Wire() if model is None else model.wire
        caller = Caller(wire, era, model if middle.samples else None)
        direct = middle.name == DIRECT
        if transport == "stdio":
            child = stack.enter_context(started(middle.stdio(server("stdio", 0))))
            assert child.stdout is not None
            assert child.stdin is not None
            peer: Pipes | Http = Pipes(wire, child.stdout.fileno(), child.stdin.fileno(), caller.frame)
        else:
            port = near = free_port()
            child = stack.enter_context(started(server("http", port)))
            if not direct:
                near = free_port()
                child = stack.enter_context(started(middle.http(f"http://127.0.0.1:{port}/mcp", near)))
                _wait_for(port)
            _wait_for(near)
            peer = Http(wire, near, "/mcp", caller.frame)
        stack.callback(_closed, peer)
        caller.connect(peer)
        yield Place(caller, None if direct else child.pid)


@contextmanager
def facade(wire: Wire) -> Iterator[tuple[Http, int]]:
    """The model, and where it is."""
    port = free_port()
    with started(_module("benchmarks.relays.facade", str(port))):
        _wait_for(port)
        model = Http(wire, port, "/v1/chat/completions", lambda frame: None)
        try:
            yield model, port
        finally:
            model.close()


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def sdk_server(transport: str, port: int) -> list[str]:
    """The official SDK's."""
    return _module("benchmarks.peers.serve", "mcp2", transport, str(port))


def echo_server(transport: str, port: int) -> list[str]:
    """The one that does next to nothing."""
    return _module("benchmarks.relays.echo", transport, str(port))


def _module(name: str, *arguments: str) -> list[str]:
    return [sys.executable, "-m", name, *arguments]


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + _UP_SECONDS
    while True:
        with suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port)):
            return
        if time.monotonic() > deadline:
            raise ProcessFailed(f"nobody listened within {_UP_SECONDS:g} s")
        time.sleep(0.002)


def _closed(peer: Pipes | Http) -> None:
    with suppress(KeyError):
        peer.close()


def _said(errors: IO[bytes]) -> str:
    errors.seek(0)
    said = [line for line in errors.read().decode(errors="replace").splitlines() if line.strip(" |+-")]
    return f" ({said[-1].strip()[:200]})" if said else ""


def _end(child: subprocess.Popen[bytes]) -> None:
    assert child.stdin is not None
    assert child.stdout is not None
    child.stdin.close()
    try:
        child.wait(0.2)
    except subprocess.TimeoutExpired:
        child.terminate()
        try:
            child.wait(8)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
    child.stdout.close()
