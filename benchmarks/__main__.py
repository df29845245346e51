"""``python -m benchmarks [NAME…] [--quick] [--json FILE] [--markdown FILE]``: measure, print, and keep the numbers."""

from __future__ import annotations

import argparse
import json
import sys
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from time import monotonic
from typing import Any

from benchmarks.machine import describe
from benchmarks.measure import Goal, Outcome
from benchmarks.report import Report, as_markdown, with_sections

NAMES = ("calls", "parked", "wire", "imports", "store", "host", "gateway")
_RESULTS = Path(__file__).resolve().parent / "results"


def main(argv: list[str] | None = None) -> int:
    """Run what the command line names; 0, whether goals are met or not: a busy machine is no failure."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="upcall beside its peers, in one run.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which ones ({', '.join(NAMES)}); all by default")
    parser.add_argument(
        "--quick", action="store_true", help="a few minutes for all of them; for a look, not for a verdict"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all numbers there, too")
    parser.add_argument(
        "--markdown",
        type=Path,
        metavar="FILE",
        help="put the tables between the marks of that document, too, in place of those of the same benchmarks",
    )
    options = parser.parse_args(argv)
    unknown = set(options.names) - set(NAMES)
    if unknown:
        parser.error(f"no benchmark is called {', '.join(sorted(unknown))}; there are {', '.join(NAMES)}")
    if options.markdown:
        try:
            with_sections(options.markdown.read_text(encoding="utf-8"), {}, NAMES)
        except (OSError, ValueError) as error:
            parser.error(str(error))  # before the minutes that it takes to measure
    machine = describe()
    report = Report()
    report.heading(", ".join([machine["python"], machine["system"], f"{machine['cores']} cores", machine["processor"]]))
    found: dict[str, Any] = {"machine": machine, "quick": options.quick, "started": _now(), "benchmarks": {}}
    goals: list[Goal] = []
    about = _about(machine, found["started"], options.quick)
    sections: dict[str, str] = {}
    for name in options.names or NAMES:
        title, outcome = _measured(name, options.quick, report)
        goals += outcome.goals
        sections[name] = as_markdown(title, about, outcome)
        found["benchmarks"][name] = {
            "goals": [goal.as_json() for goal in outcome.goals],
            "missing": outcome.missing,
            "data": outcome.data,
        }
    if len(found["benchmarks"]) > 1:
        report.heading("goals")
        report.goals(goals)
    _RESULTS.mkdir(exist_ok=True)
    for file in filter(None, (_RESULTS / f"{found['started'].replace(':', '')}.json", options.json)):
        file.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
        report.progress(f"numbers in {file}")
    if options.markdown:
        document = options.markdown.read_text(encoding="utf-8")
        options.markdown.write_text(with_sections(document, sections, NAMES), encoding="utf-8")
    return 0


def _measured(name: str, quick: bool, report: Report) -> tuple[str, Outcome]:
    bench = import_module(f"benchmarks.{name}")
    report.heading(bench.TITLE)
    started = monotonic()
    outcome: Outcome = bench.run(quick, report.progress)
    report.outcome(outcome)
    report.progress(f"{name} took {monotonic() - started:.0f} s")
    return bench.TITLE, outcome


def _about(machine: dict[str, Any], started: str, quick: bool) -> str:
    packages = ", ".join(f"{name} {version}" for name, version in machine["packages"].items())
    place = f"{machine['python']}, {machine['system']}, {machine['cores']} shared cores ({machine['processor']})"
    return f"{started[:10]}{', a quick run' if quick else ''}, {place}; {packages}."


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


if __name__ == "__main__":
    sys.exit(main())
