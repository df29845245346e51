"""A client process: ``python -m benchmarks.peers.worker memory|stdio|http PEER…``.

It connects to every peer given, once per era, and then does what the lines on its standard input say, one JSON object
each, and answers each with a line:

- first, unasked: ``{"lanes": ["peer/way/era", …], "missing": {…}}``;
- ``{"lane": …, "calls": n}``: ``n`` calls one after the other → ``{"ms": […], "cpu_ms": mean of this process}``;
- ``{"lane": …, "calls": n, "at_once": k}``: ``n`` calls, ``k`` of them at any time → ``{"per_second": …}``.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from importlib import import_module
from time import perf_counter, process_time
from typing import Any

import anyio

from benchmarks.peers import ANSWER, Call, Peer, Target, Unmeasurable

_CONNECT_SECONDS = 60
_WARM_UP = 10


async def one_by_one(call: Call, tool: str, calls: int) -> dict[str, Any]:
    """Milliseconds of each call, and those that this process computed in the mean."""
    times = []
    cpu = process_time()
    for _ in range(calls):
        start = perf_counter()
        text = await call(tool)
        times.append((perf_counter() - start) * 1e3)
        assert text == ANSWER, text
    return {"ms": times, "cpu_ms": (process_time() - cpu) / calls * 1e3}


async def at_once(call: Call, tool: str, calls: int, together: int) -> dict[str, Any]:
    """Calls per second with ``together`` of them open at any time."""
    left = iter(range(calls))

    async def caller() -> None:
        for _ in left:
            assert await call(tool) == ANSWER

    start = perf_counter()
    async with anyio.create_task_group() as tasks:
        for _ in range(together):
            tasks.start_soon(caller)
    return {"per_second": calls / (perf_counter() - start)}


@contextmanager
def http_server(name: str) -> Iterator[str]:
    """A peer's server in a process of its own; gives its URL."""
    command = [sys.executable, "-m", "benchmarks.peers.serve", name, "http"]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}/mcp"
        finally:
            process.kill()


async def connected(transport: str, names: list[str], stack: AsyncExitStack) -> tuple[dict[str, Call], dict[str, str]]:
    """Each lane's call, and the reasons of those that are missing."""
    lanes: dict[str, Call] = {}
    missing: dict[str, str] = {}
    for name in names:
        peer: Peer = import_module(f"benchmarks.peers.{name}")
        target = Target(peer=name)
        if transport == "http":
            target = Target(peer=name, url=stack.enter_context(http_server(name)))
        for era in dict.fromkeys(era for eras in peer.WAYS.values() for era in eras):
            if transport == "memory":
                target = Target(peer=name, server=peer.make())
            try:
                # No time limit around the connection itself: its task group would have to end inside.
                call = await stack.enter_async_context(peer.connect(target, era))
            except Unmeasurable as reason:
                missing[name] = str(reason)
                continue
            for way, eras in peer.WAYS.items():
                if era in eras:
                    with anyio.fail_after(_CONNECT_SECONDS):
                        await one_by_one(call, way, _WARM_UP)
                    lanes[f"{name}/{way}/{era}"] = call
    return lanes, missing


async def main(*arguments: str) -> None:
    """Connect, then obey."""
    transport, *names = arguments
    # Nothing but answers may go out where the answers go.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    logging.disable(logging.CRITICAL)
    async with AsyncExitStack() as stack:
        lanes, missing = await connected(transport, names, stack)
        print(json.dumps({"lanes": list(lanes), "missing": missing}), file=answers, flush=True)
        while line := await asyncio.to_thread(sys.stdin.readline):
            order = json.loads(line)
            call, tool = lanes[order["lane"]], order["lane"].split("/")[1]
            if "at_once" in order:
                done = await at_once(call, tool, order["calls"], order["at_once"])
            else:
                done = await one_by_one(call, tool, order["calls"])
            print(json.dumps(done), file=answers, flush=True)


if __name__ == "__main__":
    anyio.run(main, *sys.argv[1:])
