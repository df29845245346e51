"""Lines of columns that keep their places, so that they can be written one at a time as they come."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeAlias

import click

from upcall.wire import visible

__all__ = ["Cell", "Column", "Columns", "cut", "money"]

Cell: TypeAlias = tuple[str, str]
"""What it says, and its colour (click's word, or empty)."""

_GAP = 2
_LEAST = 6


class Column:
    """A column.

    Args:
        title: Its heading.
        most: Columns of the screen that it may take.
        right: Whether it holds numbers.
        whole: Whether it never gives way to others.
    """

    def __init__(self, title: str, most: int, *, right: bool = False, whole: bool = False) -> None:
        self.title = title
        self.most = most
        self.right = right
        self.whole = whole or right


class Columns:
    """Columns as wide as what is known to stand in them, up to what they may take.

    Args:
        columns: The columns.
        rows: Rows that are known already.
        room: Columns of the screen for all of them; the widest that are not ``whole`` give way.
    """

    def __init__(self, columns: Sequence[Column], rows: Iterable[Sequence[Cell]], room: int) -> None:
        texts = [[cut(text, column.most) for (text, _), column in zip(row, columns, strict=True)] for row in rows]
        widths = [[_width(column.title), *(_width(row[at]) for row in texts)] for at, column in enumerate(columns)]
        self._columns = columns
        self._widths = [min(column.most, max(wide)) for column, wide in zip(columns, widths, strict=True)]
        words = [at for at, column in enumerate(columns) if not column.whole]
        while self.width > room and words:
            widest = max(words, key=lambda at: self._widths[at])
            if self._widths[widest] <= _LEAST:
                break
            self._widths[widest] -= 1

    @property
    def width(self) -> int:
        """Columns of the screen that a full line takes."""
        return sum(self._widths) + _GAP * (len(self._widths) - 1)

    def rest(self, line: str) -> int:
        """Columns of the screen that a drawn line leaves free."""
        return self.width - _width(click.unstyle(line))

    def head(self) -> str:
        """The headings."""
        return self.line([(column.title, "") for column in self._columns], dim=True)

    def line(self, row: Sequence[Cell], *, dim: bool = False) -> str:
        """A row; what does not fit is cut."""
        pieces = []
        for (text, colour), column, width in zip(row, self._columns, self._widths, strict=True):
            said = cut(text, width)
            blank = " " * (width - _width(said))
            said = click.style(said, fg=colour or None, dim=dim or None) if colour or dim else said
            pieces.append(blank + said if column.right else said + blank)
        return (" " * _GAP).join(pieces).rstrip()


def cut(text: str, width: int) -> str:
    """One line of at most ``width`` columns, safe to show."""
    from rich.cells import set_cell_size

    line = " ".join(visible(text).split())
    return line if _width(line) <= width else set_cell_size(line, width - 1).rstrip() + "…"


def money(micro_usd: int | None) -> str:
    """An amount, ``unknown`` where there is none."""
    from upcall.models.prices import Cost

    return "unknown" if micro_usd is None else str(Cost(micro_usd=micro_usd, snapshot="", source="genai-prices"))


def _width(text: str) -> int:
    from rich.cells import cell_len

    return cell_len(text)
