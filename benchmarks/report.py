"""How results are shown: tables and goals, on a terminal, in a pipe, and as Markdown."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.table import Table as RichTable

from benchmarks.measure import Goal, Outcome, Table

__all__ = ["Report", "as_markdown", "with_sections"]

_BEGIN, _END = "<!-- bench: begin -->\n", "<!-- bench: end -->"


class Report:
    """Prints to standard output: with colour and frames on a terminal, as plain aligned text in a pipe."""

    def __init__(self) -> None:
        self._console = Console(highlight=False) if sys.stdout.isatty() else None

    def outcome(self, outcome: Outcome) -> None:
        """One benchmark's tables, what it could not measure, and its goals."""
        for table in outcome.tables:
            self._table(table)
        for name, reason in outcome.missing.items():
            self._line(f"not measured: {name}: {reason}", "yellow")
        self.goals(outcome.goals)

    def goals(self, goals: list[Goal]) -> None:
        """Each goal in a line."""
        for goal in goals:
            verdict = "met    " if goal.met else "NOT MET"
            remark = f"  ({goal.remark})" if goal.remark else ""
            self._line(
                f"{verdict}  {goal.name}: {goal.measured:.4g} {goal.unit}, limit {goal.limit:g} {goal.unit}{remark}",
                "green" if goal.met else "red",
            )

    def heading(self, text: str) -> None:
        """The title of a benchmark."""
        self._line(f"\n{text}", "bold")

    @staticmethod
    def progress(text: str) -> None:
        """What goes on, on standard error."""
        print(f"  … {text}", file=sys.stderr, flush=True)

    def _line(self, text: str, style: str) -> None:
        if self._console is None:
            print(text, flush=True)
        else:
            self._console.print(text, style=style, markup=False)

    def _table(self, table: Table) -> None:
        if self._console is not None:
            drawn = RichTable(title=table.title, caption=table.note or None, title_justify="left")
            for number, column in enumerate(table.columns):
                drawn.add_column(column, justify="right" if number else "left", no_wrap=not number)
            for row in table.rows:
                drawn.add_row(*row)
            self._console.print(drawn)
            return
        print(f"\n{table.title}")
        widths = [max(len(cell) for cell in column) for column in zip(table.columns, *table.rows, strict=True)]
        for row in (table.columns, ["-" * width for width in widths], *table.rows):
            first, *rest = (cell.ljust(w) if not n else cell.rjust(w) for n, (cell, w) in enumerate(zip(row, widths)))  # noqa: B905
            print("  ".join([first, *rest]).rstrip())
        if table.note:
            print(table.note)
        print(flush=True)


def as_markdown(title: str, about: str, outcome: Outcome) -> str:
    """One benchmark as a section of a document; ``about`` says when and where it was measured."""
    lines = [f"### {title}", "", about, ""]
    for table in outcome.tables:
        lines += [f"**{table.title}**", ""]
        lines += [_row(table.columns), "|---|" + "---:|" * (len(table.columns) - 1)]
        lines += [*map(_row, table.rows), ""]
        if table.note:
            lines += [table.note, ""]
    lines += [f"Not measured: {name}: {reason}." for name, reason in outcome.missing.items()]
    lines += [""] if outcome.missing else []
    for goal in outcome.goals:
        verdict = "met" if goal.met else "**not met**"
        remark = f" ({goal.remark})" if goal.remark else ""
        lines.append(
            f"- {goal.name}: {goal.measured:.4g} {goal.unit}, limit {goal.limit:g} {goal.unit}, {verdict}{remark}"
        )
    return "\n".join([*lines, ""])


def with_sections(document: str, sections: Mapping[str, str], order: Sequence[str]) -> str:
    """``document`` with these sections between its two marks; what else is there between them stays.

    Args:
        document: Markdown, with the marks.
        sections: By name, each beginning with the heading ``### <name>: …``.
        order: All names, as they are to follow one another.

    Raises:
        ValueError: A mark is missing.
    """
    before, begin, rest = document.partition(_BEGIN)
    results, end, after = rest.partition(_END)
    if not begin or not end:
        raise ValueError(f"the document has no {_BEGIN.strip()} … {_END}")
    first, *found = re.split(r"^(?=### )", results, flags=re.MULTILINE)
    kept = {section[4:].partition(":")[0].strip(): section for section in found} | dict(sections)
    there = [*filter(kept.__contains__, order), *(name for name in kept if name not in order)]
    parts = [part.strip() for part in (first, *(kept[name] for name in there))]
    return f"{before}{begin}\n" + "".join(f"{part}\n\n" for part in parts if part) + f"{end}{after}"


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"
