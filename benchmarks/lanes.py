"""Client processes that are told what to measure. See `benchmarks.peers.worker`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from benchmarks.envs import EnvironmentFailed, python_of
from benchmarks.processes import Process, ProcessFailed, process

__all__ = ["Lanes", "measured", "workers"]

_GROUPS: tuple[tuple[str | None, tuple[str, ...]], ...] = (
    (None, ("mcp2", "upcall_mcp2")),
    (None, ("fastmcp4", "upcall_fastmcp4")),
    ("fastmcp3", ("fastmcp3",)),
    ("mcp_use1", ("mcp_use1",)),
)
"""Environment, and the peers whose clients share a process of it: what is compared closely sits closely."""

Lanes = dict[str, Process]
"""Which process measures which lane, by ``peer/way/era``."""


def measured(lanes: Lanes, lane: str, calls: int, at_once: int | None = None) -> dict[str, Any]:
    """Have ``calls`` calls made; see `benchmarks.peers.worker` for what comes back."""
    return lanes[lane].order({"lane": lane, "calls": calls, **({} if at_once is None else {"at_once": at_once})})


@contextmanager
def workers(transport: str, missing: dict[str, str], say: Callable[[str], None]) -> Iterator[Lanes]:
    """Processes for all peers, connected and warm; ``missing`` gets the reasons of those that cannot be had."""
    lanes: Lanes = {}
    with ExitStack() as stack:
        for environment, peers in _GROUPS:
            try:
                python = python_of(environment, say)
                worker = stack.enter_context(process(python, "benchmarks.peers.worker", transport, *peers))
                hello = worker.read()
            except (EnvironmentFailed, ProcessFailed) as error:
                missing.update({f"{peer}, {transport}": str(error) for peer in peers})
                continue
            missing.update({f"{peer}, {transport}": reason for peer, reason in hello["missing"].items()})
            lanes.update(dict.fromkeys(hello["lanes"], worker))
        yield lanes
