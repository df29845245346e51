"""A server process full of parked calls: ``python -m benchmarks.parked_process rss|traced COUNT``.

A real client, in memory on 2026-07-28, calls a tool that samples once and never comes back for the answer, ``COUNT``
times. It then obeys the lines on its standard input, with one line of JSON for each:

- first, unasked: ``{"parked": n, "bytes_each": …}``, by resident set size or as traced by ``tracemalloc``;
- ``{"resume": n}``: take up ``n`` parked calls, one after the other, and park as many new ones in between →
  ``{"ms": […]}``, the time from the client's retry to the tool's result.
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
import tracemalloc
from pathlib import Path
from time import perf_counter
from typing import Any

import anyio
import mcp_types as types
from mcp import Client
from mcp.server.mcpserver import MCPServer

from benchmarks.peers import ANSWER, MODEL, MODERN, PROMPT
from upcall.server import Sampling, sample

_WARM_UP = 50
_STRIDE = 7
"""Calls are taken up out of order: every seventh of those that wait."""


async def _never(context: Any, params: Any) -> types.CreateMessageResult:
    raise AssertionError("the client answers by hand here")


class Crowd:
    """The parked calls of one server, and how their client takes them up."""

    def __init__(self, client: Client, sampling: Sampling) -> None:
        self._client = client
        self.sampling = sampling
        self._states: list[str] = []
        self._made = 0

    async def park(self) -> None:
        """One more call that waits."""
        self._made += 1
        arguments = {"text": f"call {self._made}"}
        asked = await self._client.session.call_tool("explain", arguments, allow_input_required=True)
        assert isinstance(asked, types.InputRequiredResult)
        assert asked.request_state is not None
        # With the number, which the state is bound to.
        self._states.append(f"{self._made} {asked.request_state}")

    def kept_by_client(self) -> int:
        """Bytes that this side keeps, which would be another process's."""
        return sum(map(sys.getsizeof, self._states))

    async def resume(self) -> float:
        """Take up one call; milliseconds until its result."""
        number, _, state = self._states.pop(len(self._states) * _STRIDE // (_STRIDE + 1)).partition(" ")
        content = types.TextContent(type="text", text=ANSWER)
        answer = types.CreateMessageResult(role="assistant", model=MODEL, content=content)
        start = perf_counter()
        done = await self._client.session.call_tool(
            "explain",
            {"text": f"call {number}"},
            input_responses={"ask-1": answer},
            request_state=state,
            allow_input_required=True,
        )
        took = (perf_counter() - start) * 1e3
        assert isinstance(done, types.CallToolResult), done
        assert not done.is_error, done
        return took


def _resident() -> int:
    """Bytes of this process in memory now."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS"))


def _used(traced: bool) -> int:
    gc.collect()
    return tracemalloc.get_traced_memory()[0] if traced else _resident()


async def main(how: str, count: int) -> None:
    """Park, then obey."""
    sampling = Sampling(max_parked=2 * count + _WARM_UP, park_lifetime=3600)
    server = MCPServer("bench", middleware=[sampling])

    @server.tool()
    async def explain(text: str) -> str:
        return str(await sample(PROMPT + text, max_tokens=100))

    async with Client(server, mode=MODERN, sampling_callback=_never) as client:
        crowd = Crowd(client, sampling)
        for _ in range(_WARM_UP):
            await crowd.park()
            await crowd.resume()
        if how == "traced":
            tracemalloc.start()
        before = _used(how == "traced")
        for _ in range(count):
            await crowd.park()
        each = (_used(how == "traced") - before - crowd.kept_by_client()) / count
        print(json.dumps({"parked": sampling.parked, "bytes_each": each}), flush=True)
        while line := await asyncio.to_thread(sys.stdin.readline):
            times = []
            for _ in range(json.loads(line)["resume"]):
                times.append(await crowd.resume())
                await crowd.park()
            print(json.dumps({"ms": times}), flush=True)
        await sampling.aclose()


if __name__ == "__main__":
    anyio.run(main, sys.argv[1], int(sys.argv[2]))
