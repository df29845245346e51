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

from benchmarks.envs import EnvironmentFailed
from benchmarks.measure import Goal, Outcome, Table, paired, spread, turns
from benchmarks.peers import LEGACY, MODERN
from benchmarks.processes import ProcessFailed
from benchmarks.relays.places import Opened, facade, opened
from benchmarks.relays.rounds import Lane, Plan, measure
from benchmarks.relays.ways import DIRECT, FASTMCP, FLOORS, LITELLM, NAMES, OURS, Server, Way, echo_server, sdk_server
from benchmarks.relays.wire import Http, Wire

__all__ = ["TITLE", "run"]

TITLE = "gateway: between a client and a server"

_SDK, _ECHO = "mcp 2 server", "echo server"
_SERVERS = {_SDK: sdk_server, _ECHO: echo_server}
_PLAIN, _SAMPLES = "a plain call", "a call that samples once"
_TOOLS = {_PLAIN: {LEGACY: "plain", MODERN: "plain"}, _SAMPLES: {LEGACY: "create_message", MODERN: "by_hand"}}
_PEERS = (FASTMCP, LITELLM)
_FULL = {_PLAIN: Plan(40, 10, 100, 40), _SAMPLES: Plan(12, 10, 100, 15)}
_QUICK = {_PLAIN: Plan(10, 10, 100, 6), _SAMPLES: Plan(3, 5, 50, 4)}
_COLD_ROUNDS, _COLD_SECONDS = 6, 10.0
"""Of cold starts, each way has so many, and after the first no more than fit into so many seconds."""
_LITELLM_STDIO = "it has no stdio side: its clients speak HTTP"
_LEFT_OUT = "left out of a quick run"


class _Run:
    def __init__(self, quick: bool, say: Callable[[str], None], folder: Path, model: Http, port: int) -> None:
        self.quick, self.say, self.folder, self.model, self.port = quick, say, folder, model, port
        self.outcome = Outcome()
        self.plans = _QUICK if quick else _FULL

    def way(self, name: str) -> Way:
        return Way(name, self.folder, self.port, self.say)

    def names(self, transport: str, server: str) -> list[str]:
        """Others' proxies only before a real server, and not in a hurry."""
        peers = not self.quick and server == _SDK
        return [name for name in NAMES[transport] if peers or name not in _PEERS]

    def warm(self, transport: str, server: str) -> None:
        """All ways to one server, in both eras, open all the time."""
        with ExitStack() as stack:
            self.say(f"{transport}, {server}: starting")
            ways: dict[str, Opened] = {}
            for name in self.names(transport, server):
                try:
                    ways[name] = stack.enter_context(opened(self.way(name), _SERVERS[server], transport, self.model))
                except (EnvironmentFailed, ProcessFailed, OSError) as error:
                    self.outcome.missing[f"{name}, {transport}, {server}"] = str(error)
            places = {}
            for era in (LEGACY, MODERN):
                for name, way in ways.items():
                    try:
                        places[name, era] = way.connect(era)
                    except (ProcessFailed, OSError) as error:
                        self.outcome.missing[f"{name}, {era}, {transport}, {server}"] = str(error)
            for kind in (_PLAIN, _SAMPLES) if server == _SDK else (_PLAIN,):
                self.say(f"{transport}, {server}: {kind}")
                lanes = [
                    Lane(name, era, place, _TOOLS[kind][era], goal=name == OURS and kind == _PLAIN)
                    for (name, era), place in places.items()
                    if kind == _PLAIN or name not in FLOORS.values()
                ]
                measure(lanes, DIRECT, self.plans[kind])
                self._report(f"{transport}, {server}: {kind}", lanes)
                if kind == _PLAIN and server == _SDK:
                    self._goals(transport, lanes)

    def cold(self, transport: str) -> None:
        """From nothing to the first answer."""
        rows = []
        for server, command in _SERVERS.items():
            if self.quick and server != _SDK:
                continue
            self.say(f"{transport}, {server}: cold starts")
            taken: dict[str, list[float]] = defaultdict(list)
            names = [name for name in self.names(transport, server) if not self.quick or name in (DIRECT, OURS)]
            for order in turns(names, 2 if self.quick else _COLD_ROUNDS):
                for name in order:
                    # Once left out is left out for good, so that the n-th starts of all are those of one round.
                    if taken[name] and sum(taken[name]) + taken[name][0] > _COLD_SECONDS * 1e3:
                        continue
                    try:
                        taken[name].append(self._first_answer(name, command, transport))
                    except (EnvironmentFailed, ProcessFailed, OSError) as error:
                        self.outcome.missing[f"{name}, {transport}, {server}, cold start"] = str(error)
            self.outcome.data[f"{transport}, {server}, cold starts"] = dict(taken)
            for name in names:
                if taken[name] and taken[DIRECT]:
                    ratio = "1" if name == DIRECT else paired(taken[name], taken[DIRECT]).show()
                    rows.append([f"{name}, {server}", spread(taken[name]).show(0), ratio])
            if server == _SDK and taken[OURS] and taken[DIRECT]:
                ratios = paired(taken[OURS], taken[DIRECT])
                name = f"{transport}: first answer after a cold start, gateway / direct"
                self.outcome.goals.append(
                    Goal(name, ratios.median, 1.25, remark=f"quartiles {ratios.low:.2f}-{ratios.high:.2f}")
                )
        note = "Everything is started at once, the server too, up to the answer to a first call."
        self.outcome.tables.append(
            Table(f"{transport}: from a cold start to the first answer", ["", "ms", "x direct"], rows, note)
        )

    def _first_answer(self, name: str, command: Server, transport: str) -> float:
        """Milliseconds, without those in which an environment is made."""
        way = self.way(name)
        way.prepare()
        begin = perf_counter()
        with opened(way, command, transport, self.model) as started:
            started.connect(LEGACY).caller.one_by_one("plain", 1)
            return (perf_counter() - begin) * 1e3

    def _report(self, title: str, lanes: Sequence[Lane]) -> None:
        columns = ["", "ms per call", "ms added", "calls/s, 50 at once", "x direct", "processor ms", "MB (own share)"]
        rows = []
        for lane in lanes:
            if lane.failure or not lane.blocks:
                self.outcome.missing[f"{lane.name}, {lane.era}, {title}"] = lane.failure or "direct, it gave no answer"
                continue
            row = [f"{lane.name}, {lane.era}", spread([block.ms for block in lane.blocks]).show()]
            rate = f"{median(block.rate for block in lane.blocks):.0f}"
            if lane.name == DIRECT:
                row += ["", rate, "1", "", ""]
            else:
                resident, own = lane.memory
                row += [lane.added.show(), rate, lane.rates.show()]
                row += [f"{median(block.processor_ms for block in lane.blocks):.3f}", f"{resident:.0f} ({own:.0f})"]
            rows.append([*row, str(len(lane.blocks))])
        note = "Added and x: median (quartiles) over rounds. Processor: of what stands between, per call of 50 at once."
        self.outcome.tables.append(Table(title, [*columns, "rounds"], rows, note))
        self.outcome.data[title] = {
            f"{lane.name}, {lane.era}": {
                "blocks": [list(block) for block in lane.blocks],
                "direct": [list(block) for block in lane.base],
            }
            for lane in lanes
        }

    def _goals(self, transport: str, lanes: Sequence[Lane]) -> None:
        for lane in lanes:
            if lane.name != OURS or not lane.blocks:
                continue
            rates = paired([block.rate for block in lane.base], [block.rate for block in lane.blocks])
            name = f"{transport}, plain calls, {lane.era}"
            self.outcome.goals += [
                Goal(
                    f"{name}: calls/s direct / through the gateway",
                    rates.median,
                    1 / 0.9,
                    remark=f"{1 / rates.median:.2f} x direct; quartiles {rates.low:.2f}-{rates.high:.2f}",
                ),
                Goal(
                    f"{name}: added to the median",
                    lane.added.median,
                    0.3,
                    "ms",
                    remark=f"quartiles {lane.added.low:.2f}-{lane.added.high:.2f}",
                ),
            ]


def run(quick: bool, say: Callable[[str], None]) -> Outcome:
    """Measure plain calls, calls that sample, and cold starts, on both transports."""
    with tempfile.TemporaryDirectory() as folder, facade(Wire()) as (model, port):
        running = _Run(quick, say, Path(folder), model, port)
        for transport in ("stdio", "http"):
            for server in _SERVERS:
                running.warm(transport, server)
        for transport in ("stdio", "http"):
            running.cold(transport)
    missing = running.outcome.missing
    missing[f"{LITELLM}, stdio"] = _LITELLM_STDIO
    if quick:
        missing.update(dict.fromkeys(_PEERS, _LEFT_OUT))
    return running.outcome
