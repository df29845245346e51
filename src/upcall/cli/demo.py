"""`upcall demo`: a server that samples, on both revisions of the protocol and behind the gateway, with a real model."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from importlib import resources
from itertools import islice
from pathlib import Path

import click
import msgspec

from upcall.cli._demo_gateway import behind_gateway, draw_records
from upcall.cli._demo_process import over_http, over_stdio
from upcall.cli._models import EMBEDDED, model_named, notice_for
from upcall.cli._pen import Pen, pen_for
from upcall.cli._run import run
from upcall.cli._talk import EraChoice, Talk, talk_to
from upcall.cli._target import Target
from upcall.cli._transcript import Transcript
from upcall.cli._watcher import Sample, Watcher
from upcall.cli.model import install
from upcall.errors import SamplingError, UpcallError
from upcall.models import Model
from upcall.models.embedded import find_weights
from upcall.store import Record

__all__ = ["demo"]

_ENTRY = re.compile(r"^\d.*?\[\d+\] (?:\S+@\S+ )?(?:ERROR|FATAL|PANIC): .*$", re.MULTILINE)
_TOOL = "process_log_entry"


class _Part(msgspec.Struct, frozen=True):
    """One connection of the demo."""

    transport: str
    era: EraChoice
    server: Callable[[Path, Watcher], AbstractAsyncContextManager[Target]]


_PARTS = (
    _Part("stdio", "modern", over_stdio),
    _Part("streamable HTTP", "legacy", over_http),
)


class _Tally(msgspec.Struct):
    """What one connection came to."""

    title: str
    calls: int = 0
    samples: list[Sample] = []
    """Those that this client answered."""
    records: list[Record] = []
    """Those that the gateway answered."""

    def row(self) -> tuple[str, ...]:
        """The tally as cells of the summary."""
        entries = [sample.entry for sample in self.samples if sample.entry is not None]
        usages = [entry.usage for entry in entries if entry.usage is not None]
        asked = sum(one.input_tokens for one in usages) + sum(one.input_tokens or 0 for one in self.records)
        answered = sum(one.output_tokens for one in usages) + sum(one.output_tokens or 0 for one in self.records)
        seconds = sum(one.latency for one in entries) + sum(one.latency or 0 for one in self.records)
        count = len(entries) + len(self.records)
        return (self.title, f"{self.calls}", f"{count}", f"{asked}", f"{answered}", f"{seconds:.1f}")


def _log() -> list[str]:
    """The lines of the bundled PostgreSQL log that tell of an error."""
    text = resources.files("upcall.cli").joinpath("data", "postgresql.log").read_text(encoding="utf-8")
    return _ENTRY.findall(text)


@click.command()
@click.option(
    "--model",
    default=EMBEDDED,
    show_default=True,
    envvar="UPCALL_MODEL",
    show_envvar=True,
    metavar="MODEL",
    help="Who answers, see `upcall model list`.",
)
@click.option(
    "--lines",
    type=click.IntRange(1, 4),
    default=2,
    show_default=True,
    help="How many log entries are sent over each connection.",
)
@click.option(
    "--output",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    default=Path("incident_report.txt"),
    show_default=True,
    metavar="FILE",
    help="The report, to which the server appends.",
)
def demo(model: str, lines: int, output: Path) -> None:
    """See a server sample, on both protocols and behind the gateway.

    A log archiver reads errors of a PostgreSQL log. Its tool asks the client's model what each one means, in the midst
    of its work, and writes the answers into a report. The same server is started three times: over stdio on a modern
    connection (2026-07-28), over streamable HTTP on a legacy one (2025-11-25), and behind the gateway, for a client
    that cannot sample. Everything runs on this machine; the embedded model is installed first when it is missing.

    \b
    Examples:
      upcall demo
      upcall demo --lines 4 --output /tmp/report.txt
      upcall demo --model anthropic/claude-sonnet-5
    """
    report = output.absolute()
    if not report.parent.is_dir():
        raise click.BadParameter(f"there is no directory {report.parent}.", param_hint="--output")
    if model == EMBEDDED and find_weights() is None:
        click.get_current_context().invoke(install)
        click.echo()
    answering = model_named(model)
    if answering is None:
        raise click.BadParameter("the demo needs a model.", param_hint="--model")
    run(lambda: _play(answering, model, lines, report))


async def _play(model: Model, spec: str, lines: int, report: Path) -> int:
    pen = pen_for()
    pen.heading("", "A server that borrows the client's model")
    pen.text(
        f"The server explains errors of a PostgreSQL log. For each one this client calls its tool {_TOOL}; in the "
        f"midst of the call the server asks back for a model's answer, which {model.name} gives."
    )
    entries = iter(_log())
    before = _archived(report)
    tallies = []
    for number, part in enumerate(_PARTS, start=1):
        pen.blank()
        pen.heading(f"{number}.", f"Over {part.transport}, on a {part.era} connection", style="bold")
        tallies.append(await _directly(pen, part, model, list(islice(entries, lines)), report))
    pen.blank()
    pen.heading(f"{len(_PARTS) + 1}.", "Behind the gateway, for a client that cannot sample", style="bold")
    tallies.append(await _behind(pen, model, spec, list(islice(entries, lines)), report))
    written = _archived(report) - before
    if written != sum(tally.calls for tally in tallies):
        raise UpcallError(f"The server said that it wrote the report, but {report.name} has {written} new entries.")
    _summarise(pen, tallies, report, written)
    return 0


async def _directly(pen: Pen, part: _Part, model: Model, entries: list[str], report: Path) -> _Tally:
    """A client that answers itself."""
    tally = _Tally(f"{part.transport}, {part.era}")
    watcher = Transcript(pen, model=model.name)
    try:
        async with part.server(report, watcher) as target:
            async with talk_to(target, model=model, era=part.era, watcher=watcher) as talk:
                tally.samples = talk.samples
                await _archive(talk, entries, tally, pen)
    finally:
        pen.busy(None)
    return tally


async def _behind(pen: Pen, model: Model, spec: str, entries: list[str], report: Path) -> _Tally:
    """A client that declares no sampling, so that the gateway answers."""
    tally = _Tally("stdio, behind the gateway")
    with behind_gateway(report, spec, model.name) as gateway:
        pen.text(f"Now the client declares no sampling. The gateway that it starts answers instead, with {model.name}:")
        pen.text(gateway.command, indent=2)
        pen.fields([("upcall.toml", gateway.rules)])
        pen.blank()
        try:
            watcher = Transcript(pen, model=model.name)
            async with talk_to(gateway.target, model=None, era="legacy", watcher=watcher) as talk:
                await _archive(talk, entries, tally, pen)
        except UpcallError as error:
            pen.busy(None)
            # One that was cancelled, or is lost, came after whatever went wrong.
            lost = [one for one in await gateway.records() if one.outcome not in (None, "answered", "cancelled")]
            if not lost:
                raise
            draw_records(pen, lost)
            detail = lost[-1].error.detail if lost[-1].error is not None else ""
            raise SamplingError("A sampling request failed.", detail=detail) from error
        finally:
            pen.busy(None)
        tally.records = await gateway.records()
        pen.blank()
        pen.text("What this client never saw, from the gateway's record (`upcall log` shows yours):")
        draw_records(pen, tally.records)
    if len(tally.records) != tally.calls:
        raise UpcallError(f"There were {tally.calls} calls, but the gateway recorded {len(tally.records)} requests.")
    return tally


async def _archive(talk: Talk, entries: list[str], tally: _Tally, pen: Pen) -> None:
    for line in entries:
        if tally.calls:
            pen.blank()
        if not await talk.call(_TOOL, {"log_line": line}):
            if talk.failed:
                raise SamplingError("A sampling request failed.", detail=str(talk.failed[-1].ended.fault))
            raise UpcallError("The server could not archive an entry.")
        tally.calls += 1


def _archived(report: Path) -> int:
    """How many entries the report has."""
    return report.read_text(encoding="utf-8").count("RAW LOG: ") if report.exists() else 0


def _server_line() -> str:
    """The line of the demo's server that lets it sample on both."""
    source = resources.files("upcall.cli").joinpath("demo_server.py").read_text(encoding="utf-8")
    return next(line.strip(" ,") for line in source.splitlines() if "Sampling()" in line)


def _summarise(pen: Pen, tallies: list[_Tally], report: Path, written: int) -> None:
    pen.blank()
    pen.heading("✓", f"{written} incidents reported in {report}", style="bold green")
    pen.blank()
    pen.table(("connection", "calls", "samples", "tokens in", "out", "seconds"), [tally.row() for tally in tallies])
    pen.blank()
    pen.fields(
        [
            ("the one line in the server", _server_line()),
            ("for a client that cannot sample", "upcall wrap .mcp.json"),
            ("with a better model", "upcall demo --model anthropic/claude-sonnet-5"),
            ("with a server of your own", "upcall call 'python server.py'"),
        ],
        indent=0,
    )
    if notice := notice_for([sample for tally in tallies for sample in tally.samples]):
        pen.blank()
        pen.text(notice, style="dim")
