"""Pens: how lines look, for a person at a terminal or for a pipe. What is written is `_transcript`'s matter.

Whatever a pen is given, it makes visible first, so that no caller can forget to.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from typing import IO, TYPE_CHECKING, Any, Protocol

import click

from upcall.wire import visible

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.live import Live

__all__ = ["Pen", "PlainPen", "TerminalPen", "pen_for"]

_WIDEST = 100
"""Columns; longer lines of prose are hard to read."""
_LABEL = 8
"""Least width of a label, so that blocks one below the other align."""
_WIDEST_LABEL = 34


class Pen(Protocol):
    """Writes on standard output; ``indent`` is in columns, ``style`` is rich's (``bold red``)."""

    def blank(self) -> None:
        """An empty line."""

    def heading(self, mark: str, title: str, *facts: str, style: str = "", indent: int = 0) -> None:
        """A mark, a title, and facts beside it; facts that are empty are left out."""

    def fields(self, rows: Sequence[tuple[str, str]], *, style: str = "", indent: int = 2) -> None:
        """Labels on the left, what they say on the right."""

    def text(self, text: str, *, style: str = "", indent: int = 0) -> None:
        """Running text."""

    def aside(self, text: str, *, indent: int = 0) -> None:
        """A remark on standard error."""

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Rows under headings; all columns but the first hold numbers."""

    def busy(self, label: Callable[[], str] | None) -> None:
        """Show that something is going on, until called with ``None``. Silent where nobody watches."""

    def pause(self) -> None:
        """Take the sign that something is going on from the screen; somebody else writes there."""

    def resume(self) -> None:
        """Show it again, where something still is."""


def pen_for(stdout: IO[str] | None = None) -> Pen:
    """The pen that suits standard output."""
    return TerminalPen() if (stdout or sys.stdout).isatty() else PlainPen()


class PlainPen:
    """The same layout without colour, folding or motion."""

    def __init__(self) -> None:
        self._gone = False

    def blank(self) -> None:
        self._write("")

    def heading(self, mark: str, title: str, *facts: str, style: str = "", indent: int = 0) -> None:
        line = " ".join(filter(None, (mark, title)))
        self._write(" " * indent + " · ".join(visible(part) for part in (line, *facts) if part))

    def fields(self, rows: Sequence[tuple[str, str]], *, style: str = "", indent: int = 2) -> None:
        width = _label_width(rows)
        for label, text in rows:
            first, *more = visible(text).split("\n")
            self._write(f"{'':{indent}}{visible(label):{width}}  {first}".rstrip())
            for line in more:
                self._write(f"{'':{indent + width + 2}}{line}".rstrip())

    def text(self, text: str, *, style: str = "", indent: int = 0) -> None:
        for line in visible(text).split("\n"):
            self._write((" " * indent + line).rstrip())

    def aside(self, text: str, *, indent: int = 0) -> None:
        click.echo(" " * indent + visible(text), err=True)

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        cells = [[visible(cell) for cell in row] for row in (columns, *rows)]
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        for first, *numbers in cells:
            right = "".join(f"  {cell:>{width}}" for cell, width in zip(numbers, widths[1:], strict=True))
            self._write(f"{first:{widths[0]}}{right}")

    def busy(self, label: Callable[[], str] | None) -> None:
        pass

    def pause(self) -> None:
        pass

    def resume(self) -> None:
        pass

    def _write(self, line: str) -> None:
        if self._gone:
            return
        try:
            click.echo(line)
        except BrokenPipeError:  # `| head` has seen enough; the call goes on
            self._gone = True
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or the interpreter's last flush fails


class TerminalPen:
    """Colour, hanging indents, and a line that moves while one waits."""

    def __init__(self) -> None:
        from rich.console import Console

        self._console = Console(highlight=False, markup=False, emoji=False)
        self._width = min(self._console.width, _WIDEST)
        self._live: Live | None = None
        self._label: Callable[[], str] | None = None
        self._paused = False

    def blank(self) -> None:
        self._console.print()

    def heading(self, mark: str, title: str, *facts: str, style: str = "", indent: int = 0) -> None:
        from rich.text import Text

        line = Text(visible(title), style="bold", overflow="fold")
        for fact in filter(None, facts):
            line.append(f" · {visible(fact)}", style="not bold dim")
        self._columns([(Text(mark, style=style), line)] if mark else [(line,)], indent=indent, gap=1)

    def fields(self, rows: Sequence[tuple[str, str]], *, style: str = "", indent: int = 2) -> None:
        from rich.text import Text

        self._columns(
            [
                (Text(visible(label), style="dim"), Text(visible(text), style=style, overflow="fold"))
                for label, text in rows
            ],
            indent=indent,
            gap=2,
            first=_label_width(rows),
        )

    def text(self, text: str, *, style: str = "", indent: int = 0) -> None:
        from rich.text import Text

        self._columns([(Text(visible(text), style=style, overflow="fold"),)], indent=indent)

    def aside(self, text: str, *, indent: int = 0) -> None:
        if sys.stderr.isatty():
            self.text(
                text, style="dim", indent=indent
            )  # the same terminal: only its owner can write past the moving line
        else:
            click.echo(" " * indent + visible(text), err=True)

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        from rich.table import Table
        from rich.text import Text

        drawn = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), header_style="dim")
        for number, column in enumerate(columns):
            drawn.add_column(visible(column), justify="right" if number else "left")
        for row in rows:
            drawn.add_row(*(Text(visible(cell)) for cell in row))
        self._console.print(drawn, width=self._width)

    def busy(self, label: Callable[[], str] | None) -> None:
        self._label = label
        self._still()
        if label is not None and not self._paused:
            self._move(label)

    def pause(self) -> None:
        self._paused = True
        self._still()

    def resume(self) -> None:
        self._paused = False
        self.busy(self._label)

    def _still(self) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None

    def _move(self, label: Callable[[], str]) -> None:
        from rich.live import Live
        from rich.spinner import Spinner
        from rich.text import Text

        spinner = Spinner("dots", style="dim")

        def drawn() -> RenderableType:
            spinner.update(text=Text(visible(label()), style="dim", no_wrap=True, overflow="ellipsis"))
            return spinner

        self._live = Live(
            get_renderable=drawn,
            console=self._console,
            transient=True,
            refresh_per_second=10,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._live.start(refresh=True)

    def _columns(self, rows: Sequence[Sequence[Any]], *, indent: int, gap: int = 0, first: int | None = None) -> None:
        from rich.padding import Padding
        from rich.table import Table

        grid = Table.grid(padding=(0, gap, 0, 0))
        for number in range(len(rows[0])):
            grid.add_column(width=first if number == 0 else None, overflow="fold")
        for row in rows:
            grid.add_row(*row)
        self._console.print(Padding(grid, (0, 0, 0, indent), expand=False), width=self._width)


def _label_width(rows: Sequence[tuple[str, str]]) -> int:
    return min(max(_LABEL, *(len(visible(label)) for label, _ in rows)), _WIDEST_LABEL)
