"""Output that suits its reader: colour, tables and bars on a terminal, plain lines in a pipe.

rich is imported on a terminal only. Results go to standard output, everything about the way there to standard error.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import click

__all__ = ["megabytes", "note", "progress", "table"]


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Rows under headings: drawn for a person, tab-separated with a header line for a pipe."""
    if not sys.stdout.isatty():
        for row in (columns, *rows):
            click.echo("\t".join(" ".join(cell.split()) for cell in row))
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    drawn = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        drawn.add_column(column, overflow="fold")
    for row in rows:
        drawn.add_row(*map(Text, row))
    Console().print(drawn)


def note(text: str) -> None:
    """A remark beside the result, on standard error; faint on a terminal."""
    click.secho(text, dim=True, err=True)


@contextmanager
def progress(label: str) -> Iterator[Callable[[int, int], None]]:
    """A bar on standard error while the block runs; give the bytes done and the bytes in all to what it yields.

    In a pipe the first report is one line with the size, and the rest is silence. Without a report nothing is shown.
    """
    if not sys.stderr.isatty():
        announced = False

        def announce(done: int, total: int) -> None:
            nonlocal announced
            if not announced:
                click.echo(f"{label} ({megabytes(total)}) …", err=True)
            announced = True

        yield announce
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(label, total=None, visible=False)
        yield lambda done, total: bar.update(task, completed=done, total=total, visible=True)


def megabytes(size: int) -> str:
    """A size in bytes for a person: ``98 MB``."""
    return f"{size / 1e6:.0f} MB"
