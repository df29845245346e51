"""Lanes measured in turns: which are slow, how often each is measured, and which blocks are compared.

A lane's blocks are compared, one by one, with those of the direct lane that were measured right beside them:
`Lane.base` has as many as `Lane.blocks`. Lanes that a first probe finds slow come after the others, in fewer rounds of
their own, so that they part nobody from the block it is compared with. A lane that a goal is about is never set aside.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from statistics import median
from time import monotonic
from typing import NamedTuple

from benchmarks.measure import Spread, paired, spread, turns
from benchmarks.processes import ProcessFailed
from benchmarks.relays.places import Place
from benchmarks.relays.processor import megabytes, processor_ms

__all__ = ["TOGETHER", "Block", "Lane", "Plan", "is_slow", "measure"]

TOGETHER = 50
_PROBES = 3
_SLOW_FACTOR, _SLOW_SECONDS = 3.0, 0.25
_LEAST = 2
"""Rounds that are measured however long they take."""


class Plan(NamedTuple):
    """How much is measured."""

    rounds: int
    calls: int
    """One after the other, in a block."""
    many: int
    """With `TOGETHER` of them open at a time, in a block."""
    seconds: float
    """No round is begun after so long, once there are `_LEAST`."""

    @property
    def slow(self) -> Plan:
        """For each lane that is slow."""
        return Plan(max(_LEAST, self.rounds // 4), max(3, self.calls // 3), TOGETHER, self.seconds / 8)


class Block(NamedTuple):
    """One lane in one round."""

    ms: float
    rate: float
    processor_ms: float


@dataclass(slots=True)
class Lane:
    """One way in one era."""

    name: str
    era: str
    place: Place
    tool: str
    goal: bool = False
    """Whether a goal is about it."""
    blocks: list[Block] = field(default_factory=list)
    base: list[Block] = field(default_factory=list)
    """The direct lane's, of the same rounds."""
    memory: tuple[float, float] = (0.0, 0.0)
    """Megabytes, resident and its own share, after the last round."""
    failure: str = ""

    @property
    def added(self) -> Spread:
        """Milliseconds over the direct lane's."""
        return spread([own.ms - other.ms for own, other in zip(self.blocks, self.base, strict=True)])

    @property
    def rates(self) -> Spread:
        """Calls per second over the direct lane's."""
        return paired([block.rate for block in self.blocks], [block.rate for block in self.base])


def is_slow(ms: float, direct_ms: float, plan: Plan) -> bool:
    """Whether a lane takes several times the direct one's time, and that long enough to hold up the others."""
    return ms > _SLOW_FACTOR * direct_ms and ms * (plan.calls + plan.many) / 1e3 > _SLOW_SECONDS


def measure(lanes: Sequence[Lane], direct: str, plan: Plan) -> None:
    """Measure all lanes, each beside the one named ``direct`` of its era; one that fails says why, and is left out."""
    bases = {lane.era: lane for lane in lanes if lane.name == direct}
    probes = {id(lane): _probed(lane) for lane in lanes}
    fast: dict[str, list[Lane]] = {era: [] for era in bases}
    slow: list[Lane] = []
    for lane in lanes:
        if lane.failure:
            continue
        if not lane.goal and is_slow(probes[id(lane)], probes[id(bases[lane.era])], plan):
            slow.append(lane)
            continue
        fast[lane.era].append(lane)
        with _noting(lane):
            lane.place.caller.at_once(lane.tool, TOGETHER, TOGETHER)  # opens the connections that will be needed
    orders = [list(turns(taking_part, plan.rounds)) for taking_part in fast.values() if len(taking_part) > 1]
    began = monotonic()
    for number in range(plan.rounds):
        if number >= _LEAST and monotonic() - began > plan.seconds:
            break
        for order in orders[:: -1 if number % 2 else 1]:
            _round(order[number], bases[order[number][0].era], plan)
    for lane in slow:
        direct_lane = bases[lane.era]
        _beside(replace(direct_lane, blocks=[], base=[]) if direct_lane.blocks else direct_lane, lane, plan.slow)
    for lane in lanes:
        if lane.place.pid is not None:
            lane.memory = megabytes(lane.place.pid)


def _probed(lane: Lane) -> float:
    """Milliseconds of a call, the first ones left out; 0 when it fails."""
    taken: list[float] = []
    with _noting(lane):
        taken += lane.place.caller.one_by_one(lane.tool, 2 * _PROBES)
    return median(taken[_PROBES:]) * 1e3 if taken else 0.0


def _beside(direct: Lane, lane: Lane, plan: Plan) -> None:
    began = monotonic()
    for number, order in enumerate(turns((direct, lane), plan.rounds), start=1):
        _round(order, direct, plan)
        if (monotonic() - began) * (number + 1) / number > plan.seconds:  # one more would not fit
            return


def _round(order: Sequence[Lane], direct: Lane, plan: Plan) -> None:
    """First the single calls of all, then those at once of all: what is compared lies close together."""
    single: dict[int, float] = {}
    blocks: dict[int, Block] = {}
    for lane in order:
        if lane.failure:
            continue
        with _noting(lane):
            single[id(lane)] = lane.place.caller.median(lane.tool, plan.calls)
    for lane in order:
        if lane.failure:
            continue
        with _noting(lane):
            blocks[id(lane)] = _block(lane, single[id(lane)], plan.many)
    for lane in order:
        if id(lane) in blocks and id(direct) in blocks:
            lane.blocks.append(blocks[id(lane)])
            lane.base.append(blocks[id(direct)])


def _block(lane: Lane, ms: float, many: int) -> Block:
    pid = lane.place.pid
    before = processor_ms(pid) if pid is not None else 0.0
    rate = lane.place.caller.at_once(lane.tool, many, TOGETHER)
    after = processor_ms(pid) if pid is not None else 0.0
    return Block(ms, rate, (after - before) / many)


@contextmanager
def _noting(lane: Lane) -> Iterator[None]:
    try:
        yield
    except (ProcessFailed, OSError) as error:
        lane.failure = str(error)
        lane.place.caller.fail(error)
