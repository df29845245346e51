"""``gateway``: what stands between a client and a server costs. Direct, through upcall, through others.

All ways to one server are open at once, and called in turns. The client is light (raw frames, one thread), so what is
measured is server and gateway. What the middle costs on a processor is the kernel's count for its process.
"""

from __future__ import annotations

import tempfile
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import NamedTuple

from benchmarks.measure import Goal, Outcome, Spread, Table, paired, spread, turns
from benchmarks.peers import LEGACY, MODERN
from benchmarks.processes import ProcessFailed
from benchmarks.relays.places import (
    DIRECT,
    FASTMCP,
    FLOOR,
    OURS,
    Middle,
    Place,
    connected,
    echo_server,
    facade,
    sdk_server,
)
from benchmarks.relays.processor import megabytes, processor_ms
from benchmarks.relays.wire import Http, Wire

__all__ = ["TITLE", "run"]

TITLE = "gateway: between a client and a server"

_TOGETHER = 50
_SLOW_ROUNDS = 3
_SERVERS = {"mcp 2 server": sdk_server, "echo server": echo_server}
_NAMES = {"stdio": (DIRECT, FLOOR, OURS, FASTMCP), "http": (DIRECT, OURS, FASTMCP)}
_TOOLS = {LEGACY: "create_message", MODERN: "by_hand"}
_SDK = "mcp 2 server"
_LITELLM = "it installs and starts in an environment of its own, but no client here speaks to it yet"


class _Block(NamedTuple):
    """One lane in one round."""

    ms: float
    rate: float
    processor_ms: float


class _Run:
    def __init__(self, quick: bool, say: Callable[[str], None], folder: Path, model: Http, port: int) -> None:
        self.quick, self.say, self.folder, self.model, self.port = quick, say, folder, model, port
        self.outcome = Outcome()

    def middle(self, name: str) -> Middle:
        return Middle(name, self.folder, self.port)

    def warm(self, transport: str, server: str, samples: bool) -> None:
        """All ways to one server, in both eras."""
        kind = "a call that samples once" if samples else "a plain call"
        self.say(f"{transport}, {server}, {kind}")
        names = [name for name in _NAMES[transport] if not (samples and name == FLOOR)]
        if server != _SDK or (transport == "http" and (samples or self.quick)):
            names.remove(FASTMCP)  # it makes connections anew for each call, and takes minutes
        rounds, calls, many = (3, 15, 100) if self.quick else (8, 30, 300)
        if samples:
            rounds, calls, many = (2, 8, 50) if self.quick else (6, 16, 150)
        eras = (MODERN,) if samples and self.quick else (LEGACY, MODERN)
        blocks: dict[tuple[str, str], list[_Block]] = defaultdict(list)
        memory: dict[tuple[str, str], tuple[float, float]] = {}
        with ExitStack() as stack:
            places: dict[tuple[str, str], Place] = {}
            for era in eras:
                for name in names:
                    tool = _TOOLS[era] if samples else "plain"
                    try:
                        opened = connected(self.middle(name), _SERVERS[server], transport, era, self.model)
                        place = stack.enter_context(opened)
                        place.caller.one_by_one(tool, 5)
                        place.caller.at_once(tool, _TOGETHER, _TOGETHER)
                    except (ProcessFailed, OSError) as error:
                        self.outcome.missing[f"{name}, {era}, {transport}, {server}, {kind}"] = str(error)
                        continue
                    places[name, era] = place
            for number, order in enumerate(turns(list(places), rounds)):
                for key in order:
                    slow = key[0] == FASTMCP and transport == "http"
                    if slow and number >= _SLOW_ROUNDS:
                        continue
                    counts = (calls // 5, _TOGETHER) if slow else (calls, many)
                    blocks[key].append(_block(places[key], _TOOLS[key[1]] if samples else "plain", *counts))
            for key, place in places.items():
                if place.pid is not None:
                    memory[key] = megabytes(place.pid)
        self._table(f"{transport}, {server}: {kind}", blocks, memory)
        if server == _SDK and not samples:
            self._goals(transport, blocks)
        self.outcome.data[f"{transport}, {server}, {kind}"] = {
            f"{name}, {era}": [list(block) for block in taken] for (name, era), taken in blocks.items()
        }

    def cold(self, transport: str) -> None:
        """From nothing to the first answer."""
        self.say(f"{transport}, cold starts")
        rounds = 2 if self.quick else 5
        names = [name for name in _NAMES[transport] if not (self.quick and name == FASTMCP)]
        rows = []
        for server, command in _SERVERS.items():
            if self.quick and server != _SDK:
                continue
            taken: dict[str, list[float]] = defaultdict(list)
            for order in turns(names, rounds):
                for name in order:
                    if name == FASTMCP and (server != _SDK or transport == "http"):
                        continue
                    begin = perf_counter()
                    with connected(self.middle(name), command, transport, LEGACY, self.model) as place:
                        place.caller.one_by_one("plain", 1)
                        taken[name].append((perf_counter() - begin) * 1e3)
            for name in names:
                if name not in taken:
                    continue
                ratio = "1" if name == DIRECT else paired(taken[name], taken[DIRECT]).show()
                rows.append([f"{name}, {server}", spread(taken[name]).show(0), ratio])
            self.outcome.data[f"{transport}, {server}, cold starts"] = dict(taken)
            if server == _SDK:
                ratios = paired(taken[OURS], taken[DIRECT])
                self.outcome.goals.append(
                    Goal(f"{transport}: first answer after a cold start, gateway / direct", ratios.median, 1.25)
                )
        note = "Everything is started at once, the server too, up to the answer to a first call."
        self.outcome.tables.append(
            Table(f"{transport}: from a cold start to the first answer", ["", "ms", "x direct"], rows, note)
        )

    def _table(
        self,
        title: str,
        blocks: dict[tuple[str, str], list[_Block]],
        memory: dict[tuple[str, str], tuple[float, float]],
    ) -> None:
        columns = ["", "ms per call", "ms added", "calls/s, 50 at once", "x direct", "processor ms", "MB (own share)"]
        rows = []
        for (name, era), taken in blocks.items():
            base = blocks.get((DIRECT, era))
            row = [f"{name}, {era}", spread([block.ms for block in taken]).show()]
            if name == DIRECT or base is None:
                row += ["", _median_rate(taken), "1", "", ""]
            else:
                added, rates = _added(taken, base), paired(_rates(taken), _rates(base))
                resident, own = memory[name, era]
                row += [added.show(), _median_rate(taken), rates.show()]
                row += [f"{median(block.processor_ms for block in taken):.3f}", f"{resident:.0f} ({own:.0f})"]
            rows.append(row)
        note = "Added and x: median (quartiles) over rounds. Processor: of what stands between, per call of 50 at once."
        self.outcome.tables.append(Table(title, columns, rows, note))

    def _goals(self, transport: str, blocks: dict[tuple[str, str], list[_Block]]) -> None:
        for era in (LEGACY, MODERN):
            ours, direct = blocks.get((OURS, era)), blocks.get((DIRECT, era))
            if not ours or not direct:
                continue
            rates = paired(_rates(direct), _rates(ours))
            added = _added(ours, direct)
            name = f"{transport}, plain calls, {era}"
            self.outcome.goals += [
                Goal(
                    f"{name}: calls/s direct / through the gateway",
                    rates.median,
                    1 / 0.9,
                    remark=f"{1 / rates.median:.2f} x direct; quartiles {rates.low:.2f}-{rates.high:.2f}",
                ),
                Goal(
                    f"{name}: added to the median",
                    added.median,
                    0.3,
                    "ms",
                    remark=f"quartiles {added.low:.2f}-{added.high:.2f}",
                ),
            ]


def run(quick: bool, say: Callable[[str], None]) -> Outcome:
    """Measure plain calls, calls that sample, and cold starts, on both transports."""
    with tempfile.TemporaryDirectory() as folder, facade(Wire()) as (model, port):
        running = _Run(quick, say, Path(folder), model, port)
        for transport in ("stdio", "http"):
            for server in _SERVERS:
                running.warm(transport, server, samples=False)
            running.warm(transport, _SDK, samples=True)
        for transport in ("stdio", "http"):
            running.cold(transport)
    running.outcome.missing["litellm's MCP gateway"] = _LITELLM
    return running.outcome


def _block(place: Place, tool: str, calls: int, many: int) -> _Block:
    ms = place.caller.median(tool, calls)
    before = processor_ms(place.pid) if place.pid is not None else 0.0
    rate = place.caller.at_once(tool, many, _TOGETHER)
    after = processor_ms(place.pid) if place.pid is not None else 0.0
    return _Block(ms, rate, (after - before) / many)


def _rates(taken: Sequence[_Block]) -> list[float]:
    return [block.rate for block in taken]


def _median_rate(taken: Sequence[_Block]) -> str:
    return f"{median(_rates(taken)):.0f}"


def _added(taken: Sequence[_Block], base: Sequence[_Block]) -> Spread:
    return spread([own.ms - other.ms for own, other in zip(taken, base, strict=False)])
