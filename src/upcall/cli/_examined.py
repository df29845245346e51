"""How an examination looks: a block for each server, its lines marked, and below each what to do about it."""

from __future__ import annotations

from upcall.cli._pen import Pen
from upcall.gateway.examining import Called, Finding, Report

__all__ = ["show_call", "show_report"]

_MARKS = {"ok": ("✓", ""), "info": ("·", "dim"), "note": ("!", "yellow"), "missing": ("✗", "red")}


def show_report(pen: Pen, report: Report) -> None:
    """One server."""
    spoken = f"{report.version} ({report.era})" if report.era and report.version else ""
    entry = f"entry {report.entry}" if report.entry not in ("", report.name) else ""
    pen.heading("", report.name, entry, report.server, spoken, report.file or "")
    if report.shown:
        pen.text(report.shown, style="dim", indent=2)
    starting = [one for one in report.findings if one.topic in ("config", "start")]
    for finding in starting:
        _show(pen, finding)
    if report.samples:
        pen.text(f"{_MARKS['info'][0]} tools that sample:", indent=2)
        pen.fields([(one.tool, "; ".join(one.how)) for one in report.samples], indent=4)
    for finding in report.findings:
        if finding not in starting:
            _show(pen, finding)


def show_call(pen: Pen, called: Called) -> None:
    """The call that was asked for."""
    pen.blank()
    pen.heading("", f"{called.tool}, called through a gateway")
    for number, one in enumerate(called.samples, 1):
        mark, style = _MARKS["ok" if one.answered else "missing"]
        title = f"sample {number}: {'answered' if one.answered else 'not answered'}"
        pen.heading(mark, title, one.model, f"{one.seconds:.1f} s", style=style, indent=2)
        came = " ".join(filter(None, (one.reply, one.hint)))
        rows = [("asked", one.prompt), ("said" if one.answered else "why", came)]
        pen.fields([row for row in rows if row[1]], indent=6)
    if not called.samples:
        pen.text("· It did not sample.", indent=2)
    mark, style = _MARKS["missing" if called.failed or called.is_error else "ok"]
    title = "no result" if called.failed else "the tool failed" if called.is_error else "result"
    pen.heading(mark, title, style=style, indent=2)
    pen.text(called.failed or called.text, indent=6)
    if called.hint:
        pen.text(f"→ {called.hint}", indent=4)


def _show(pen: Pen, finding: Finding) -> None:
    mark, style = _MARKS[finding.level]
    pen.text(f"{mark} {finding.text}", style=style, indent=2)
    for line in finding.lines:
        pen.text(f"| {line}", style="dim", indent=4)
    if finding.remedy:
        pen.text(f"→ {finding.remedy}", indent=4)
