"""`upcall usage`: calls, tokens and money, summed up."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from shutil import get_terminal_size
from typing import Any, get_args

import click
import msgspec

from upcall.cli import _console
from upcall.cli._arguments import nearest
from upcall.cli._clock import Clock, utc_option
from upcall.cli._columns import Cell, Column, Columns, money
from upcall.cli._run import run
from upcall.cli._store import filter_of, filtered, opened, store_option
from upcall.store import By, UsageRow
from upcall.wire import visible

__all__ = ["usage"]

_BY: tuple[By, ...] = get_args(By)
_NUMBERS = ("calls", "answered", "input_tokens", "output_tokens", "cached_tokens", "uncounted", "unpriced")
_EIGHTHS = " ▏▎▍▌▋▊▉█"
_BAR = 24
_LEAST_BAR = 6


def _read_by(ctx: click.Context, parameter: click.Parameter, text: str) -> list[By]:
    found: list[By] = []
    for name in filter(None, (part.strip() for part in text.split(","))):
        known = next((by for by in _BY if by == name), None)
        if known is None:
            raise click.BadParameter(f"{name!r} is none of {', '.join(_BY)}.{nearest(name, _BY)}")
        if known not in found:
            found.append(known)
    if {"day", "hour"} <= set(found):
        raise click.BadParameter("An hour lies within its day: say one of the two.")
    return found


@click.command()
@store_option
@click.option(
    "--by",
    default="server,model",
    show_default=True,
    callback=_read_by,
    metavar="NAMES",
    help=f"What to sum by: {', '.join(_BY)}; several with commas between. Days and hours are those of UTC.",
)
@filtered
@click.option("--json", "as_json", is_flag=True, help="One JSON array, for programs.")
@utc_option
def usage(url: str | None, by: list[By], as_json: bool, utc: bool, **given: Any) -> None:
    """Sum up calls, tokens and money.

    What nobody knows is said and not counted as nothing: `$1.20 + 3 unknown` leaves out three calls without a price.

    \b
    Examples:
      upcall usage --since 7d
      upcall usage --by day --server logs
      upcall usage --by model,outcome --json
    """
    wanted, store = filter_of(Clock(utc=utc), given), opened(url)

    async def work() -> int:
        async with store:
            rows = await store.usage(wanted, by=by)
        if as_json:
            click.echo(json.dumps(msgspec.to_builtins(rows), indent=2))
        elif not rows:
            _console.note("No records match." if any(given.values()) else "There are no records yet.")
        elif sys.stdout.isatty():
            _draw(rows, by)
        else:
            _write(rows, by)
        return 0

    run(work)


def _write(rows: Sequence[UsageRow], by: Sequence[By]) -> None:
    _console.table(
        [*(name.upper() for name in by), *(name.replace("_", " ").upper() for name in _NUMBERS), "USD"],
        [
            [*(visible(_group(row, name)) for name in by), *(str(getattr(row, name)) for name in _NUMBERS), _usd(row)]
            for row in rows
        ],
    )


def _draw(rows: Sequence[UsageRow], by: Sequence[By]) -> None:
    headings = {"day": "DAY (UTC)", "hour": "HOUR (UTC)"}
    columns = [Column(headings.get(name, name.upper()), 26 if name == "model" else 16) for name in by]
    columns += [Column(title, 12, right=True) for title in ("CALLS", "ANSWERED", "IN", "OUT")]
    columns += [Column("COST", 24, whole=True)]
    total = _total(rows)
    cells = [_cells(row, [_group(row, name) for name in by]) for row in rows]
    last = [_cells(total, ["all", *[""] * (len(by) - 1)] if by else [])] if len(rows) > 1 else []
    screen = get_terminal_size().columns
    drawn = Columns(columns, [*cells, *last], screen)
    measure, what = _measure(rows)
    most = max(map(measure, rows))
    room = min(_BAR, screen - drawn.width - 2)
    bars = most > 0 and room >= _LEAST_BAR and len(rows) > 1
    click.echo(drawn.head() + (f"{'':{drawn.rest(drawn.head()) + 2}}{click.style(what, dim=True)}" if bars else ""))
    for row, line in zip(rows, map(drawn.line, cells), strict=True):
        bar = click.style(_bar(measure(row) / most, room), fg="cyan") if bars else ""
        click.echo(f"{line}{'':{drawn.rest(line) + 2}}{bar}".rstrip() if bars else line)
    for cell in last:
        click.echo(click.style(drawn.line(cell), bold=True))
    if total.uncounted:
        answers = "1 answer" if total.uncounted == 1 else f"{total.uncounted:,} answers"
        _console.note(f"Without {answers} for which the provider counted no tokens: what that cost is not known.")


def _measure(rows: Sequence[UsageRow]) -> tuple[Callable[[UsageRow], int], str]:
    """What the bars show: money where any is known, else tokens, else calls."""
    if any(row.micro_usd for row in rows):
        return (lambda row: row.micro_usd), "by cost"
    if any(row.input_tokens + row.output_tokens for row in rows):
        return (lambda row: row.input_tokens + row.output_tokens), "by tokens"
    return (lambda row: row.calls), "by calls"


def _bar(share: float, width: int) -> str:
    eighths = round(share * width * 8)
    full, rest = divmod(max(eighths, 1 if share else 0), 8)
    return "█" * full + (_EIGHTHS[rest] if rest else "")


def _cells(row: UsageRow, groups: Sequence[str]) -> list[Cell]:
    numbers = (row.calls, row.answered, row.input_tokens, row.output_tokens)
    return [*((group, "") for group in groups), *((f"{number:,}", "") for number in numbers), (_cost(row), "")]


def _group(row: UsageRow, name: By) -> str:
    match name:
        case "day":
            return f"{row.since:%Y-%m-%d}" if row.since is not None else ""
        case "hour":
            return f"{row.since:%Y-%m-%d %H:00}" if row.since is not None else ""
        case "outcome":
            return row.outcome.replace("_", " ") if row.outcome is not None else "not over"
        case "model":
            return row.model or "no model"
        case "server":
            return row.server or ""


def _cost(row: UsageRow) -> str:
    if not row.unpriced:
        return money(row.micro_usd) if row.input_tokens or row.output_tokens or row.micro_usd else ""
    return f"{money(row.micro_usd)} + {row.unpriced:,} unknown" if row.micro_usd else f"{row.unpriced:,} unknown"


def _usd(row: UsageRow) -> str:
    return f"{row.micro_usd / 1e6:.6f}"


def _total(rows: Sequence[UsageRow]) -> UsageRow:
    sums = {name: sum(getattr(row, name) for row in rows) for name in (*_NUMBERS, "micro_usd")}
    return UsageRow(**sums)
