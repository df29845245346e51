"""Client processes that are told what to measure, and the turns they take. See `benchmarks.peers.worker`."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from benchmarks.envs import ROOT, EnvironmentFailed, python_of

__all__ = ["Lanes", "Worker", "WorkerFailed", "workers"]

GROUPS: tuple[tuple[str | None, tuple[str, ...]], ...] = (
    (None, ("mcp2", "upcall_mcp2")),
    (None, ("fastmcp4", "upcall_fastmcp4")),
    ("fastmcp3", ("fastmcp3",)),
    ("mcp_use1", ("mcp_use1",)),
)
"""Environment, and the peers whose clients share a process of it: what is compared closely sits closely."""


class WorkerFailed(Exception):
    """A client process ended; the last of what it said."""


class Worker:
    """One client process."""

    def __init__(self, process: subprocess.Popen[str], errors: Any) -> None:
        self._process = process
        self._errors = errors
        hello = self._read()
        self.lanes: list[str] = hello["lanes"]
        self.missing: dict[str, str] = hello["missing"]

    def measure(self, lane: str, calls: int, at_once: int | None = None) -> dict[str, Any]:
        """Have ``calls`` calls made; see `benchmarks.peers.worker` for what comes back."""
        order = {"lane": lane, "calls": calls, **({} if at_once is None else {"at_once": at_once})}
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return self._read()

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self._process.wait(timeout=30)
            self._errors.seek(0)
            said = [line for line in self._errors.read().splitlines() if line.strip(" |+-")]
            raise WorkerFailed(said[-1].strip(" |") if said else "it ended without a word")
        answer: dict[str, Any] = json.loads(line)
        return answer


Lanes = dict[str, Worker]
"""Which process measures which lane."""


@contextmanager
def workers(
    transport: str, missing: dict[str, str], say: Callable[[str], None], groups: Sequence[Any] = GROUPS
) -> Iterator[Lanes]:
    """Processes for all peers, connected and warm; ``missing`` gets the reasons of those that cannot be had."""
    lanes: Lanes = {}
    with ExitStack() as stack:
        for environment, peers in groups:
            try:
                worker = stack.enter_context(_worker(python_of(environment, say), transport, peers))
            except (EnvironmentFailed, WorkerFailed) as error:
                missing.update({f"{peer}, {transport}": str(error) for peer in peers})
                continue
            missing.update({f"{peer}, {transport}": reason for peer, reason in worker.missing.items()})
            lanes.update(dict.fromkeys(worker.lanes, worker))
        yield lanes


@contextmanager
def _worker(python: str, transport: str, peers: Sequence[str]) -> Iterator[Worker]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "MCP_USE_ANONYMIZED_TELEMETRY": "false"}
    command = [python, "-m", "benchmarks.peers.worker", transport, *peers]
    with tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env=environment,
            cwd=ROOT,
        )
        try:
            yield Worker(process, errors)
        finally:
            assert process.stdin is not None
            process.stdin.close()
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            assert process.stdout is not None
            process.stdout.close()
