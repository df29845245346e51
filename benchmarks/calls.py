"""``calls``: what one tool call costs that samples once, and what a call costs that does not.

Each contender is measured in short blocks, all contenders in every round, one after the other; the order turns with
the round. Ratios are taken block by block. In memory this is repeated in fresh processes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Any, NamedTuple

from benchmarks.lanes import Lanes, measured, workers
from benchmarks.measure import Goal, Outcome, Table, paired, spread, turns
from benchmarks.processes import ProcessFailed

__all__ = ["TITLE", "run"]

TITLE = "calls: one tool call that samples once, instant model"

LEGACY, MODERN = "legacy", "2026-07-28"
_TOGETHER = 50


class Contender(NamedTuple):
    """A row: its lane, its name, and the lane that it is compared with."""

    lane: str
    name: str
    base: str


_SDK_LEGACY, _SDK_MODERN = f"mcp2/create_message/{LEGACY}", f"mcp2/resolve/{MODERN}"
_FM_LEGACY, _FM_MODERN = f"fastmcp4/create_message/{LEGACY}", f"fastmcp4/by_hand/{MODERN}"

SAMPLING = (
    Contender(_SDK_LEGACY, "mcp create_message, legacy", _SDK_LEGACY),
    Contender(f"upcall_mcp2/create_message/{LEGACY}", "upcall create_message, legacy", _SDK_LEGACY),
    Contender(f"upcall_mcp2/sample/{LEGACY}", "upcall sample(), legacy", _SDK_LEGACY),
    Contender(_SDK_MODERN, "mcp Resolve(Sample), modern", _SDK_MODERN),
    Contender(f"mcp2/by_hand/{MODERN}", "mcp InputRequiredResult by hand, modern", _SDK_MODERN),
    Contender(f"upcall_mcp2/create_message/{MODERN}", "upcall create_message, modern", _SDK_MODERN),
    Contender(f"upcall_mcp2/sample/{MODERN}", "upcall sample(), modern", _SDK_MODERN),
    Contender(_FM_LEGACY, "fastmcp 4 create_message, legacy", _FM_LEGACY),
    Contender(f"upcall_fastmcp4/create_message/{LEGACY}", "upcall on fastmcp 4 create_message, legacy", _FM_LEGACY),
    Contender(f"upcall_fastmcp4/sample/{LEGACY}", "upcall on fastmcp 4 sample(), legacy", _FM_LEGACY),
    Contender(_FM_MODERN, "fastmcp 4 InputRequiredResult by hand, modern", _FM_MODERN),
    Contender(f"upcall_fastmcp4/create_message/{MODERN}", "upcall on fastmcp 4 create_message, modern", _FM_MODERN),
    Contender(f"upcall_fastmcp4/sample/{MODERN}", "upcall on fastmcp 4 sample(), modern", _FM_MODERN),
    Contender(f"fastmcp3/ctx_sample/{LEGACY}", "fastmcp 3.4 ctx.sample, legacy", _SDK_LEGACY),
    Contender(f"mcp_use1/ctx_sample/{LEGACY}", "mcp-use 1.7 ctx.sample, legacy", _SDK_LEGACY),
)

PLAIN = tuple(
    Contender(f"{peer}/plain/{era}", f"{name}, {label}", f"{base}/plain/{era}")
    for peer, name, base in (
        ("mcp2", "mcp", "mcp2"),
        ("upcall_mcp2", "mcp with Sampling()", "mcp2"),
        ("fastmcp4", "fastmcp 4", "fastmcp4"),
        ("upcall_fastmcp4", "fastmcp 4 with Sampling()", "fastmcp4"),
    )
    for era, label in ((LEGACY, "legacy"), (MODERN, "modern"))
)


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured on one transport."""

    sittings: int
    """Fresh processes."""
    rounds: int
    calls: int
    """One after the other, in each block."""
    bursts: int
    """Rounds of `_TOGETHER` at once."""
    burst_calls: int


_FULL = {
    "memory": Plan(sittings=3, rounds=24, calls=20, bursts=4, burst_calls=200),
    "stdio": Plan(sittings=1, rounds=24, calls=10, bursts=5, burst_calls=100),
    "http": Plan(sittings=1, rounds=16, calls=10, bursts=3, burst_calls=100),
}
_QUICK = {
    "memory": Plan(sittings=1, rounds=6, calls=15, bursts=1, burst_calls=100),
    "stdio": Plan(sittings=1, rounds=3, calls=5, bursts=1, burst_calls=50),
    "http": Plan(sittings=1, rounds=2, calls=4, bursts=1, burst_calls=50),
}


class Blocks:
    """Everything measured on one transport: for each lane one number per block."""

    def __init__(self) -> None:
        self.ms: dict[str, list[float]] = defaultdict(list)
        """The median of each block."""
        self.cpu_ms: dict[str, list[float]] = defaultdict(list)
        self.per_second: dict[str, list[float]] = defaultdict(list)
        self.failed: dict[str, str] = {}
        """Lanes that gave up on the way, and why. What they had measured until then counts."""

    def measure(self, lanes: Lanes, plan: Plan) -> None:
        """Add one sitting."""
        for order in turns(list(lanes), plan.rounds):
            for lane in order:
                if done := self._done(lanes, lane, plan.calls):
                    self.ms[lane].append(median(done["ms"]))
                    self.cpu_ms[lane].append(done["cpu_ms"])
        for order in turns(list(lanes), plan.bursts):
            for lane in order:
                if done := self._done(lanes, lane, plan.burst_calls, _TOGETHER):
                    self.per_second[lane].append(done["per_second"])

    def _done(self, lanes: Lanes, lane: str, calls: int, at_once: int | None = None) -> dict[str, Any] | None:
        if lane in self.failed:
            return None
        try:
            return measured(lanes, lane, calls, at_once)
        except ProcessFailed as error:
            # The others of the same process are gone with it.
            gone = [name for name, process in lanes.items() if process is lanes[lane]]
            what = f"{at_once} at once" if at_once else "one by one"
            self.failed.update(dict.fromkeys(gone, f"gave up at {lane}, {what}: {error}"))
            return None

    def as_json(self) -> dict[str, Any]:
        """All blocks."""
        return {"ms": dict(self.ms), "cpu_ms": dict(self.cpu_ms), "per_second": dict(self.per_second)}


def run(quick: bool, say: Callable[[str], None]) -> Outcome:
    """Measure all transports."""
    outcome = Outcome()
    wanted = {contender.lane for contender in (*SAMPLING, *PLAIN)}
    for transport, plan in (_QUICK if quick else _FULL).items():
        blocks = Blocks()
        for sitting in range(plan.sittings):
            say(f"{transport}, processes {sitting + 1} of {plan.sittings}")
            with workers(transport, outcome.missing, say) as lanes:
                blocks.measure({lane: worker for lane, worker in lanes.items() if lane in wanted}, plan)
        outcome.data[transport] = blocks.as_json()
        outcome.missing.update({f"rest of {lane}, {transport}": reason for lane, reason in blocks.failed.items()})
        outcome.tables.append(_table(transport, blocks, SAMPLING, "a call that samples once"))
        outcome.tables.append(_table(transport, blocks, PLAIN, "a call that asks nothing"))
        if transport == "memory":
            outcome.goals += _goals(blocks)
    return outcome


def _table(transport: str, blocks: Blocks, contenders: tuple[Contender, ...], what: str) -> Table:
    rows = []
    for contender in contenders:
        if contender.lane not in blocks.ms:
            rows.append([contender.name, "-", "-", "-"])
            continue
        ratio = "-"
        if contender.base in blocks.ms:
            own = contender.base == contender.lane
            ratio = "1" if own else paired(blocks.ms[contender.lane], blocks.ms[contender.base]).show()
        rows.append(
            [
                contender.name,
                spread(blocks.ms[contender.lane]).show(),
                f"{spread(rates).median:.0f}" if (rates := blocks.per_second.get(contender.lane)) else "-",
                ratio,
            ]
        )
    return Table(
        title=f"{transport}: {what}",
        columns=["", "ms per call", f"calls/s, {_TOGETHER} at once", "x the first of its kind"],
        rows=rows,
        note="median (quartiles) over blocks, ratios block by block; fastmcp 3.4, mcp-use beside mcp create_message.",
    )


def _goals(blocks: Blocks) -> list[Goal]:
    goals = []
    for lane, base, name, limit in (
        (f"upcall_mcp2/sample/{LEGACY}", _SDK_LEGACY, "sample() / SDK create_message, legacy, in memory", 1.05),
        (f"upcall_mcp2/sample/{MODERN}", _SDK_MODERN, "sample() / SDK Resolve(Sample), modern, in memory", 1.0),
    ):
        ratio, cpu = paired(blocks.ms[lane], blocks.ms[base]), paired(blocks.cpu_ms[lane], blocks.cpu_ms[base])
        remark = (
            f"quartiles {ratio.low:.2f}-{ratio.high:.2f} over {ratio.size} blocks; processor time {cpu.median:.2f} x"
        )
        goals.append(Goal(name, ratio.median, limit, remark=remark))
    return goals
