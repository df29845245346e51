"""`upcall log`: what was asked, and what became of it."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from shutil import get_terminal_size
from typing import Any

import click
import msgspec

from upcall.cli import _console
from upcall.cli._clock import Clock, utc_option
from upcall.cli._columns import Cell, Column, Columns, money
from upcall.cli._record import draw_record, failed, state_of
from upcall.cli._run import run
from upcall.cli._store import filter_of, filtered, opened, own_store_option, store_option
from upcall.host.approval.canvas import Canvas
from upcall.store import Filter, Record, Store
from upcall.wire import visible

__all__ = ["log"]

_WIDE = 112
"""From so many columns on there is room for everything."""
_STEP = 200


class _Group(click.Group):
    """A group that does something by itself, and whose help says so."""

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        return ["[OPTIONS]", "[COMMAND]"]


@click.group(cls=_Group, invoke_without_command=True)
@store_option
@filtered
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True, help="So many at most.")
@click.option("-f", "--follow", is_flag=True, help="Go on with those that come, until Ctrl-C; newest last.")
@utc_option
@click.pass_context
def log(ctx: click.Context, /, url: str | None, limit: int, follow: bool, utc: bool, **given: Any) -> None:
    """List sampling requests, newest first; show, export or prune them.

    A pipe gets them tab-separated, with whole texts and times.

    \b
    Examples:
      upcall log
      upcall log --server logs --since 2h --outcome refused
      upcall log --follow
      upcall log show 42
      upcall log export --since 2026-07-01 > july.jsonl
    """
    ctx.obj = url
    if ctx.invoked_subcommand is not None:
        return
    clock = Clock(utc=utc)
    wanted, store = filter_of(clock, given), opened(url)

    async def work() -> int:
        async with store:
            await _list(store, wanted, limit, clock, follow=follow)
        return 0

    run(work)


@log.command()
@own_store_option
@click.argument("number", type=int, metavar="ID")
@click.option("--json", "as_json", is_flag=True, help="Everything that is kept, as one JSON object.")
@utc_option
@click.pass_obj
def show(url: str | None, /, own: str | None, number: int, as_json: bool, utc: bool) -> None:
    """Show one record: prompt, reply, what was noticed, who decided, what it cost."""
    store = opened(own or url)

    async def work() -> int:
        async with store:
            record = await store.get(number)
        if record is None:
            raise click.ClickException(f"There is no record {number}.")
        if as_json:
            click.echo(json.dumps(msgspec.to_builtins(record), indent=2))
            return 0
        terminal = sys.stdout.isatty()
        canvas = Canvas(get_terminal_size().columns if terminal else 100, colour=terminal)
        draw_record(canvas, record, Clock(utc=utc))
        click.echo("\n".join(canvas.lines))
        return 0

    run(work)


@log.command()
@own_store_option
@filtered
@click.pass_obj
def export(url: str | None, /, own: str | None, **given: Any) -> None:
    """Write records as JSON, one a line, oldest first, with prompts and replies as far as they are kept.

    Characters beyond ASCII are written as escapes, so that nothing hides or acts on a screen.
    """
    wanted, store = filter_of(Clock(), given), opened(own or url)

    async def work() -> int:
        async with store:
            async for record in store.export(wanted):
                click.echo(json.dumps(msgspec.to_builtins(record)))
        return 0

    run(work)


@log.command()
@own_store_option
@click.option("--older-than", metavar="WHEN", help="Those that started before then: 30d, 8w, a date.")
@click.option("--keep", type=click.IntRange(min=0), metavar="N", help="All but the newest N.")
@click.option("-y", "--yes", is_flag=True, help="Without asking.")
@click.pass_obj
def prune(url: str | None, /, own: str | None, older_than: str | None, keep: int | None, yes: bool) -> None:
    """Remove records. Those that are under way stay, and budgets go on counting what they have counted.

    \b
    Examples:
      upcall log prune --older-than 30d
      upcall log prune --keep 10000 --yes
    """
    if older_than is None and keep is None:
        raise click.UsageError("Say which: --older-than, --keep, or both.")
    before = Clock().read(older_than) if older_than is not None else None
    store = opened(own or url)

    async def work() -> int:
        async with store:
            total = await _count(store, Filter())
            old = await _count(store, Filter(until=before)) if before is not None else 0
            going = max(old, total - keep if keep is not None else 0)
            if not going:
                click.echo(f"Nothing to remove; there are {total:,} records.")
                return 0
            if not yes:
                click.confirm(f"Remove {going:,} of {total:,} records?", abort=True)
            gone = await store.prune(older_than=before, keep=keep)
        click.echo(f"{gone:,} removed.")
        return 0

    run(work)


async def _count(store: Store, wanted: Filter) -> int:
    return sum(row.calls for row in await store.usage(wanted, by=()))


async def _list(store: Store, wanted: Filter, limit: int, clock: Clock, *, follow: bool) -> None:
    page = await store.page(wanted, limit=min(limit, _STEP))
    records = list(page.records)
    while page.next is not None and len(records) < limit:
        page = await store.page(wanted, limit=min(limit - len(records), _STEP), after=page.next)
        records += page.records
    listing = _Listing(clock, records)
    if not records and not follow:
        _console.note("No records match." if wanted != Filter() else "There are no records yet.")
        return
    listing.head()
    if not follow:
        for record in records:
            listing.write(record)
        return
    for record in reversed(records):
        if record.state != "started":
            listing.write(record)
    # Those under way are told of when they end, like those that are to come.
    under_way = [record.id for record in records if record.state == "started"]
    told = {record.id for record in records if record.state != "started"}
    last = max((record.id for record in records), default=None)
    after = min(under_way) - 1 if under_way else last
    async for record in store.follow(wanted, after=after):
        if record.state != "started" and record.id not in told:
            listing.write(record)


class _Listing:
    """Writes a line for each record: for a person as wide as the terminal, for a pipe everything."""

    def __init__(self, clock: Clock, known: Sequence[Record]) -> None:
        self._clock = clock
        self._columns: Columns | None = None
        if sys.stdout.isatty():
            room = get_terminal_size().columns
            self._wide = room >= _WIDE
            self._columns = Columns(self._headings(), [self._cells(record) for record in known], room)

    def head(self) -> None:
        """The headings."""
        if self._columns is not None:
            click.echo(self._columns.head())
        else:
            click.echo("\t".join(_PIPED))

    def write(self, record: Record) -> None:
        """A line."""
        if self._columns is not None:
            click.echo(self._columns.line(self._cells(record)))
        else:
            click.echo("\t".join(" ".join(cell.split()) for cell in _piped(record, self._clock)))

    def _headings(self) -> list[Column]:
        narrow = [
            Column("ID", 7, right=True),
            Column(f"WHEN ({self._clock.zone})", 14),
            Column("SERVER", 18),
            Column("MODEL", 26),
            Column("OUTCOME", 18),
            Column("COST", 9, right=True),
        ]
        if not self._wide:
            return narrow
        narrow[3:3] = [Column("FOR", 16)]
        return [*narrow, Column("TOKENS", 13, right=True), Column("TIME", 7, right=True)]

    def _cells(self, record: Record) -> list[Cell]:
        state = state_of(record)
        told = f"{state} ⚑" if record.flags else state
        colour = "red" if failed(record) else "yellow" if record.flags or record.state != "finished" else ""
        cells = [
            (str(record.id), ""),
            (self._clock.short(record.started_at), ""),
            (record.server, ""),
            (_model(record), ""),
            (told, colour),
            (money(record.micro_usd) if record.input_tokens is not None else "", ""),
        ]
        if not self._wide:
            return cells
        cells[3:3] = [(record.name or "", "")]
        took = f"{record.latency:.1f} s" if record.latency is not None else ""
        return [*cells, (_tokens(record), ""), (took, "")]


_PIPED = (
    "ID", "STARTED", "SERVER", "METHOD", "NAME", "MODEL", "STATE", "OUTCOME", "DECISION", "BY", "INPUT TOKENS",
    "OUTPUT TOKENS", "USD", "SECONDS", "FLAGS",
)  # fmt: skip


def _piped(record: Record, clock: Clock) -> list[str]:
    kinds = sorted({str(flag.get("kind")) for flag in record.flags if isinstance(flag, dict)})
    cells: list[object] = [
        record.id, clock.iso(record.started_at), record.server, record.method, record.name, _model(record),
        record.state, record.outcome, record.decision, record.decided_by, record.input_tokens, record.output_tokens,
        f"{record.micro_usd / 1e6:.6f}" if record.micro_usd is not None else None,
        f"{record.latency:.3f}" if record.latency is not None else None, ",".join(kinds),
    ]  # fmt: skip
    return ["" if cell is None else visible(str(cell)) for cell in cells]


def _model(record: Record) -> str:
    return record.model_asked or record.model_used or ""


def _tokens(record: Record) -> str:
    if record.input_tokens is None or record.output_tokens is None:
        return ""
    return f"{record.input_tokens:,} + {record.output_tokens:,}"
