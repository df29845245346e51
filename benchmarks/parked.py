"""``parked``: what a parked call keeps in memory, and whether their number slows down the one that is taken up."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import ExitStack
from statistics import median, quantiles

from benchmarks.measure import Goal, Outcome, Table, paired, spread, turns
from benchmarks.processes import process

__all__ = ["TITLE", "run"]

TITLE = "parked: calls that wait for their clients, in one server process"

_LEVELS = (100, 1_000, 10_000)
_TRACED = 2_000
"""Enough for bytes each by tracemalloc, which is slow."""
_LIMIT_KB = 20.0
_FILL_SECONDS = 300
_FLAT = 1.1
"""How much slower than among a hundred a resume among ten thousand may be and count as independent of the number."""


def run(quick: bool, say: Callable[[str], None]) -> Outcome:
    """Fill one process per level, then take calls up in each of them in turns."""
    rounds, calls = (10, 10) if quick else (60, 25)
    outcome = Outcome()
    with ExitStack() as stack:
        say(f"parking {', '.join(f'{level:,}' for level in _LEVELS)} calls")
        crowds = {
            level: stack.enter_context(process(sys.executable, "benchmarks.parked_process", "rss", str(level)))
            for level in _LEVELS
        }
        kilobytes = {level: crowd.read(_FILL_SECONDS)["bytes_each"] / 1e3 for level, crowd in crowds.items()}
        say("taking them up")
        blocks: dict[int, list[float]] = {level: [] for level in _LEVELS}
        single: dict[int, list[float]] = {level: [] for level in _LEVELS}
        for order in turns(_LEVELS, rounds):
            for level in order:
                times = crowds[level].order({"resume": calls})["ms"]
                single[level] += times
                blocks[level].append(median(times))
    with process(sys.executable, "benchmarks.parked_process", "traced", str(_TRACED)) as crowd:
        traced = crowd.read(_FILL_SECONDS)["bytes_each"] / 1e3

    few, many = _LEVELS[0], _LEVELS[-1]
    outcome.tables.append(
        Table(
            title="memory and time by number of parked calls",
            columns=["parked", "kB each (resident)", "ms to resume one", "95th percentile", f"x among {few}"],
            rows=[
                [
                    f"{level:,}",
                    f"{kilobytes[level]:.1f}",
                    spread(blocks[level]).show(3),
                    f"{quantiles(single[level], n=20)[-1]:.3f}",
                    "1" if level == few else paired(blocks[level], blocks[few]).show(),
                ]
                for level in _LEVELS
            ],
            note=f"{traced:.1f} kB each by tracemalloc, among {_TRACED:,}. The SDK's own ways keep nothing on the "
            "server: their state travels (see `wire`). The time is from the client's retry to the tool's result.",
        )
    )
    outcome.goals += [
        Goal(f"memory of a parked call among {many:,}, resident", kilobytes[many], _LIMIT_KB, "kB"),
        Goal(f"resume among {many:,} / among {few}", paired(blocks[many], blocks[few]).median, _FLAT),
    ]
    outcome.data = {"kilobytes_each": kilobytes, "kilobytes_each_traced": traced, "resume_ms": blocks}
    return outcome
