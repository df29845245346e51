"""What is measured, running: the processes of each way between the client and a server, and connections to them."""

from __future__ import annotations

import os
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import IO, NamedTuple

from benchmarks.envs import ROOT
from benchmarks.processes import ProcessFailed
from benchmarks.relays.calls import Caller
from benchmarks.relays.ways import DIRECT, Server, Way, module
from benchmarks.relays.wire import Http, Pipes, Wire

__all__ = ["Opened", "Place", "facade", "opened"]

_UP_SECONDS = 120.0


class Place(NamedTuple):
    """A way to a server, connected."""

    caller: Caller
    pid: int | None
    """Of the process between; ``None`` where there is none."""


class _Started(NamedTuple):
    child: subprocess.Popen[bytes]
    errors: IO[bytes]

    def said(self) -> str:
        """The last of what it said on standard error."""
        self.errors.seek(0)
        said = [line for line in self.errors.read().decode(errors="replace").splitlines() if line.strip(" |+-")]
        return f" ({said[-1].strip()[:200]})" if said else ""


class Opened:
    """One way to one server. On HTTP its processes serve all connections; on stdio each connection has its own."""

    def __init__(self, stack: ExitStack, way: Way, server: Server, transport: str, model: Http) -> None:
        self._stack, self._way, self._server, self._model = stack, way, server, model
        self._front: _Started | None = None
        self._port = 0
        if transport == "http":
            self._serve()

    def connect(self, era: str) -> Place:
        """A connection, after the hello where the era wants one.

        Raises:
            ProcessFailed: It ended, said nothing, or no.
        """
        caller = Caller(self._model.wire, era, self._model if self._way.samples else None)
        front = self._front
        if front is None:
            front = self._stack.enter_context(_started(self._way.stdio(self._server("stdio", 0))))
            assert front.child.stdout is not None
            assert front.child.stdin is not None
            pipes = (front.child.stdout.fileno(), front.child.stdin.fileno())
            peer: Pipes | Http = Pipes(self._model.wire, *pipes, caller.frame, caller.fail)
        else:
            path, always = self._way.endpoint(era)
            peer = Http(self._model.wire, self._port, path, caller.frame, caller.fail, always)
        self._stack.callback(_closed, peer)
        try:
            caller.connect(peer)
        except (ProcessFailed, OSError) as error:
            raise ProcessFailed(f"{error}{front.said()}") from error
        return Place(caller, None if self._way.name == DIRECT else front.child.pid)

    def _serve(self) -> None:
        port = self._port = free_port()
        server = self._front = self._stack.enter_context(_started(self._server("http", port)))
        if self._way.name != DIRECT:
            self._port = free_port()
            self._front = self._stack.enter_context(_started(self._way.http(port, self._port)))
            _wait_for(port, server)
        _wait_for(self._port, self._front)


@contextmanager
def opened(way: Way, server: Server, transport: str, model: Http) -> Iterator[Opened]:
    """Start everything at once; on HTTP wait until anybody is there.

    Raises:
        EnvironmentFailed: What stands between could not be installed.
        ProcessFailed: A process ended, or nobody listened.
    """
    with ExitStack() as stack:
        yield Opened(stack, way, server, transport, model)


@contextmanager
def facade(wire: Wire) -> Iterator[tuple[Http, int]]:
    """The model, and where it is."""
    port = free_port()
    with _started(module("benchmarks.relays.facade", str(port))) as started:
        _wait_for(port, started)
        model = Http(wire, port, "/v1/chat/completions", lambda frame: None, _lost)
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


@contextmanager
def _started(command: list[str]) -> Iterator[_Started]:
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
            yield _Started(child, errors)
        finally:
            _end(child)


def _wait_for(port: int, started: _Started) -> None:
    deadline = time.monotonic() + _UP_SECONDS
    while True:
        with suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port)):
            return
        if started.child.poll() is not None:
            raise ProcessFailed(f"it ended before it listened{started.said()}")
        if time.monotonic() > deadline:
            raise ProcessFailed(f"nobody listened within {_UP_SECONDS:g} s{started.said()}")
        time.sleep(0.002)


def _lost(error: Exception) -> None:
    raise error


def _closed(peer: Pipes | Http) -> None:
    with suppress(KeyError):
        peer.close()


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
