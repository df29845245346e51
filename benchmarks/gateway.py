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
from time import monotonic, perf_counter

from benchmarks.envs import EnvironmentFailed
from benchmarks.measure import Goal, Outcome, Table, paired, spread, turns
from benchmarks.peers import LEGACY, MODERN
from benchmarks.processes import ProcessFailed
from benchmarks.relays.places import facade, opened
from benchmarks.relays.rounds import Lane, Plan, measure
from benchmarks.relays.ways import BARE, DIRECT, FASTMCP, LITELLM, NAMES, OURS, Server, Way, echo_server, sdk_server
from benchmarks.relays.wire import Http, Wire

__all__ = ["TITLE", "run"]

TITLE = "gateway: between a client and a server"

_SDK, _ECHO = "mcp 2 server", "echo server"
_SERVERS = {_SDK: sdk_server, _ECHO: echo_server}
_PLAIN, _SAMPLES = "a plain call", "a call that samples once"
_TOOLS = {_PLAIN: {LEGACY: "plain", MODERN: "plain"}, _SAMPLES: {LEGACY: "create_message", MODERN: "by_hand"}}
_PEERS = (FASTMCP, LITELLM)
_FULL = {_PLAIN: Plan(60, 10, 100, 40), _SAMPLES: Plan(12, 10, 100, 15)}
_QUICK = {_PLAIN: Plan(10, 10, 100, 6), _SAMPLES: Plan(3, 5, 50, 4)}
_COLD_ROUNDS, _COLD_SECONDS = 6, 10.0
"""Of cold starts, each way has so many, and after the first no more than fit into so many seconds."""
_LITELLM_STDIO = "it has no stdio side: its clients speak HTTP"
_LEFT_OUT = "left out of a quick run"
_SECONDS = 270.0
"""After so long no other's proxy is begun with, however busy the machine."""
_NO_TIME = f"what came before it took more than {_SECONDS:g} s, on a machine that was too busy"


class _Run:
    def __init__(self, quick: bool, say: Callable[[str], None], folder: Path, model: Http, port: int) -> None:
        self.quick, self.say, self.folder, self.model, self.port = quick, say, folder, model, port
        self.outcome = Outcome()
        self.plans = _QUICK if quick else _FULL
        self.lanes: dict[str, list[Lane]] = {}
        self.starts: dict[str, dict[str, list[str]]] = defaultdict(dict)

    def way(self, name: str) -> Way:
        return Way(name, self.folder, self.port, self.say)

    def warm(self, transport: str, server: str, names: Sequence[str]) -> None:
        """Ways to one server, the direct one among them, in both eras, open all the time."""
        self.say(f"{transport}, {server}: starting {', '.join(names)}")
        with ExitStack() as stack:
            places = {}
            for name in names:
                try:
                    way = stack.enter_context(opened(self.way(name), _SERVERS[server], transport, self.model))
                    places.update({(name, era): way.connect(era) for era in (LEGACY, MODERN)})
                except (EnvironmentFailed, ProcessFailed, OSError) as error:
                    self.outcome.missing[f"{name}, {transport}, {server}"] = str(error)
            for kind in (_PLAIN, _SAMPLES) if server == _SDK else (_PLAIN,):
                self.say(f"{transport}, {server}: {kind}")
                lanes = [
                    Lane(name, era, place, _TOOLS[kind][era], goal=name == OURS and kind == _PLAIN)
                    for era in (LEGACY, MODERN)
                    for (name, of), place in places.items()
                    if of == era and (DIRECT, era) in places and (kind == _PLAIN or name not in BARE)
                ]
                measure(lanes, DIRECT, self.plans[kind])
                known = self.lanes.setdefault(f"{transport}, {server}: {kind}", [])
                known += [lane for lane in lanes if not known or lane.name != DIRECT]
                if kind == _PLAIN and server == _SDK:
                    self._goals(transport, lanes)

    def others(self, transport: str, until: float) -> None:
        """Others' proxies, one by one, so that none of them idles beside what a goal is about."""
        for name in NAMES[transport]:
            if name not in _PEERS:
                continue
            if self.quick or monotonic() > until:
                self.outcome.missing[f"{name}, {transport}"] = _LEFT_OUT if self.quick else _NO_TIME
                continue
            self.cold(transport, _SDK, (DIRECT, name), 1)
            if f"{name}, {transport}, {_SDK}, cold start" not in self.outcome.missing:
                self.warm(transport, _SDK, (DIRECT, name))

    def cold(self, transport: str, server: str, names: Sequence[str], rounds: int) -> None:
        """From nothing to the first answer."""
        self.say(f"{transport}, {server}: cold starts of {', '.join(names)}")
        taken: dict[str, list[float]] = {name: [] for name in names}
        for order in turns(names, rounds):
            for name in order:
                # Once left out is left out for good, so that the n-th starts of all are those of one round.
                if taken[name] and sum(taken[name]) + taken[name][0] > _COLD_SECONDS * 1e3:
                    continue
                try:
                    taken[name].append(self._first_answer(name, _SERVERS[server], transport))
                except (EnvironmentFailed, ProcessFailed, OSError) as error:
                    self.outcome.missing[f"{name}, {transport}, {server}, cold start"] = str(error)
        self.outcome.data[f"{transport}, {server}, cold starts of {', '.join(names)}"] = taken
        rows = self.starts[transport]
        for name in names:
            if not taken[name] or not taken[DIRECT]:
                continue
            if name != DIRECT:
                ratios = paired(taken[name], taken[DIRECT])
                rows[f"{name}, {server}"] = [spread(taken[name]).show(0), ratios.show(), str(len(taken[name]))]
                if name == OURS and server == _SDK:
                    goal = f"{transport}: first answer after a cold start, gateway / direct"
                    remark = f"quartiles {ratios.low:.2f}-{ratios.high:.2f}"
                    self.outcome.goals.append(Goal(goal, ratios.median, 1.25, remark=remark))
            else:
                rows.setdefault(f"{name}, {server}", [spread(taken[name]).show(0), "1", str(len(taken[name]))])

    def report(self) -> None:
        """Tables of all that was measured."""
        for title, lanes in self.lanes.items():
            self._report(title, lanes)
        note = "Everything is started at once, the server too, up to the answer to a first call."
        for transport, rows in self.starts.items():
            title = f"{transport}: from a cold start to the first answer"
            table = Table(title, ["", "ms", "x direct", "starts"], [[name, *row] for name, row in rows.items()], note)
            self.outcome.tables.append(table)

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
                self.outcome.missing[f"{lane.name}, {lane.era}, {title}"] = (
                    lane.failure or "nothing was there to compare it with"
                )
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
    began = monotonic()
    with tempfile.TemporaryDirectory() as folder, facade(Wire()) as (model, port):
        running = _Run(quick, say, Path(folder), model, port)
        for transport in NAMES:
            ours = [name for name in NAMES[transport] if name not in _PEERS]
            for server in _SERVERS:
                running.warm(transport, server, ours)
            for server in (_SDK,) if quick else _SERVERS:
                running.cold(transport, server, (DIRECT, OURS) if quick else ours, 2 if quick else _COLD_ROUNDS)
        for transport in NAMES:
            running.others(transport, began + _SECONDS)
    running.outcome.missing[f"{LITELLM}, stdio"] = _LITELLM_STDIO
    running.report()
    return running.outcome
