"""`Canvas`: lines for a screen of a given width, with a place of its own for what strangers wrote.

Whatever is drawn is made visible first, so that no caller can forget to. A stranger's text stands behind a bar, each
line of it, also where it was folded: nothing of it begins where a line of ours does.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from itertools import zip_longest
from typing import TYPE_CHECKING

from upcall.wire import visible

if TYPE_CHECKING:
    from rich.text import Text

__all__ = ["Canvas", "Row", "WIDEST"]

WIDEST = 100
"""Columns; longer lines of prose are hard to read."""
_MARGIN = 2
_LABEL = 8
_BAR = "│ "
_TAB = 4

Row = tuple[str, str, str]
"""A label, what it says, and how that looks (rich's words, such as ``yellow``)."""


class Canvas:
    """Collects lines.

    Args:
        width: Columns of the screen.
        colour: With the codes that terminals know for colour and weight; ``NO_COLOR`` is honoured.
    """

    def __init__(self, width: int, *, colour: bool = False) -> None:
        from rich.console import Console

        self._width = max(24, min(width, WIDEST))
        self._console = Console(
            file=io.StringIO(),
            width=self._width,
            force_terminal=colour,
            color_system="standard" if colour else None,
            highlight=False,
            markup=False,
            emoji=False,
            legacy_windows=False,
        )
        self.lines: list[str] = []

    def blank(self) -> None:
        """An empty line, unless there is one already."""
        if self.lines and self.lines[-1]:
            self.lines.append("")

    def rule(self) -> None:
        """A thin line across."""
        self._put(self._styled("─" * self._width, "dim"))

    def heading(self, title: str, *facts: str, style: str = "bold") -> None:
        """A title, and facts beside it; facts that are empty are left out."""
        line = self._styled(_one_line(title), style)
        for fact in filter(None, facts):
            line.append(f" · {_one_line(fact)}", style="dim")
        self._folded(line, _MARGIN)

    def fields(self, rows: Iterable[Row]) -> None:
        """Labels on the left, what they say on the right; rows that say nothing are left out.

        A row without a label is what a stranger wrote, to do with the row above it.
        """
        for label, text, style in rows:
            if text and not label:
                self.lines += self.behind_bar([text], [style], indent=_MARGIN + _LABEL + 2)
            elif text:
                head = self._styled(f"{label:{_LABEL}}  ", "dim")
                head.append(_one_line(text), style=style)
                self._folded(head, _MARGIN, hang=_LABEL + 2)

    def text(self, text: str, *, style: str = "") -> None:
        """Our own words."""
        self._folded(self._styled(_one_line(text), style), _MARGIN)

    def quoted(self, label: str, lines: Sequence[str], styles: Sequence[str] = ()) -> None:
        """What a stranger wrote, under a label; ``styles`` are those of the lines, where they have any."""
        self._put(self._styled(" " * _MARGIN + _one_line(label), "dim"))
        for line in self.behind_bar(lines, styles):
            self.lines.append(line)

    def behind_bar(self, texts: Sequence[str], styles: Sequence[str] = (), *, indent: int = _MARGIN) -> list[str]:
        """The lines that ``texts`` fill, behind a bar."""
        found = []
        for number, text in enumerate(texts):
            style = styles[number] if number < len(styles) else ""
            for line in visible(text).expandtabs(_TAB).split("\n"):
                for piece in self._pieces(self._styled(line, style), self._width - indent - len(_BAR)):
                    bar = self._styled(" " * indent + _BAR, "dim")
                    found.append(self._rendered(bar.append_text(piece)))
        return found

    def note(self, text: str) -> None:
        """Our own words in the midst of a quotation: without a bar, marked."""
        self._folded(self._styled(f"⋯ {_one_line(text)}", "bold yellow"), _MARGIN)

    def keys(self, *columns: Sequence[tuple[str, str]]) -> None:
        """What each key does, in columns beside one another; below one another where they do not fit."""
        widths = [max(len(what) for _, what in column) + 6 for column in columns]
        rows = (
            list(zip_longest(*columns))
            if sum(widths) + _MARGIN <= self._width
            else [(key,) for c in columns for key in c]
        )
        for row in rows:
            line = self._styled("", "")
            for entry, width in zip(row, widths, strict=False):
                key, what = entry or ("", "")
                line.append(key, style="bold cyan").append(f"  {what}".ljust(width - len(key)))
            line.rstrip()
            self._folded(line, _MARGIN)

    def _folded(self, line: Text, indent: int, *, hang: int = 0) -> None:
        first, *more = self._pieces(line, self._width - indent - hang) if hang == 0 else self._hanging(line, hang)
        for number, piece in enumerate([first, *more]):
            margin = self._styled(" " * (indent + (hang if number else 0)), "")
            self._put(margin.append_text(piece))

    def _hanging(self, line: Text, hang: int) -> list[Text]:
        head, body = line.divide([hang])
        first, *more = self._pieces(body, self._width - _MARGIN - hang)
        return [head.append_text(first), *more]

    def _pieces(self, line: Text, width: int) -> list[Text]:
        pieces = list(line.wrap(self._console, width, tab_size=_TAB)) if line.plain.strip() else [line]
        return pieces or [line]

    def _styled(self, text: str, style: str) -> Text:
        from rich.text import Text

        # The style belongs to the words, not to the whole: what is appended has its own.
        return Text(overflow="fold", end="").append(text, style=style or None)

    def _put(self, line: Text) -> None:
        self.lines.append(self._rendered(line))

    def _rendered(self, line: Text) -> str:
        line.rstrip()
        with self._console.capture() as captured:
            self._console.print(line, end="", soft_wrap=True)
        return captured.get()


def _one_line(text: str) -> str:
    return " ".join(visible(text).split())
