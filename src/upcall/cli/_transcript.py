"""Watchers for people: `Transcript` shows every step, `Result` the tool's result alone.

Arrows say which way a thing went: ``→`` to the server, ``←`` from it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from inspect import cleandoc
from time import monotonic
from typing import Any

import click

from upcall.cli._arguments import parameters_of
from upcall.cli._content import blocks_of, clipped, in_words, limits_of, preferences_of, result_rows, tools_of
from upcall.cli._pen import Pen
from upcall.cli._watcher import Peer, Sample, Watcher
from upcall.host import Entry
from upcall.models import Adjustment
from upcall.wire import visible

__all__ = ["Result", "Transcript", "request_rows", "tokens_of"]

_ARGUMENT, _PROMPT, _LOG = 400, 2000, 500
"""Characters that are shown of each; a prompt often repeats an argument that is a whole file."""


class Transcript(Watcher):
    """Writes what happens, when it happens.

    Args:
        pen: How it looks.
        model: Name of the model that answers, for the time it takes.
        full: Show texts whole, however long.
    """

    def __init__(self, pen: Pen, *, model: str, full: bool = False) -> None:
        self._pen = pen
        self._model = model
        self._full = full
        self._server = "the server"
        self._open: dict[int, float] = {}
        """When each sampling request that is still open came, by number."""
        self._last = 0
        self._told: set[str] = set()
        self._called_at = 0.0

    def connecting(self, server: str) -> None:
        since = monotonic()
        self._pen.busy(lambda: f"connecting to {server}, {monotonic() - since:.0f} s")

    def connected(self, peer: Peer) -> None:
        self._pen.busy(None)
        self._server = peer.name
        self._pen.heading("", f"{peer.name} {peer.version}".strip(), peer.transport, f"{peer.protocol} ({peer.era})")
        self._pen.blank()

    def listed(self, tools: list[dict[str, Any]]) -> None:
        if not tools:
            self._pen.text("It has no tools.")
        for number, tool in enumerate(tools):
            if number:
                self._pen.blank()
            self._pen.heading("", tool["name"])
            if description := cleandoc(str(tool.get("description") or "")):
                self._pen.text(description, indent=2)
            if parameters := parameters_of(tool):
                self._pen.fields(parameters)

    def calling(self, tool: str, arguments: dict[str, Any]) -> None:
        self._called_at = monotonic()
        self._pen.heading("→", tool, style="bold cyan")
        if arguments:
            self._pen.fields([(name, self._short(_shown(value), _ARGUMENT)) for name, value in arguments.items()])
        self._pen.busy(self._waiting_for)

    def asked(self, sample: Sample) -> None:
        self._last = sample.number
        self._open[sample.number] = monotonic()
        rows = request_rows(sample.params, full=self._full)
        self._pen.blank()
        self._pen.heading("←", f"sampling request {sample.number}", style="bold yellow", indent=2)
        self._pen.fields(rows, indent=4)

    def answered(self, sample: Sample) -> None:
        self._open.pop(sample.number, None)
        entry = sample.ended
        number = f"request {sample.number}" if self._open or sample.number < self._last else ""
        if entry.result is not None and entry.fault is None:
            facts = [tokens_of(entry), f"{entry.latency:.1f} s", entry.result.stop_reason or ""]
            self._pen.heading("→", entry.result.model, number, *facts, style="bold green", indent=2)
            said = entry.result.text or "\n".join(in_words(block) for block in sample_blocks(entry))
            self._pen.text(said.strip(), indent=4)
        else:
            title = entry.model_asked or self._model
            facts = [entry.outcome.replace("_", " "), f"{entry.latency:.1f} s"]
            self._pen.heading("✗", title, number, *facts, style="bold red", indent=2)
            if entry.fault is not None:
                self._pen.text(entry.fault.message, indent=4)
        if entry.adjustments:
            self._pen.fields([("adjusted", "\n".join(map(self._noted, entry.adjustments)))], style="dim", indent=4)

    def progressed(self, progress: float, total: float | None, message: str | None) -> None:
        far = f"{progress:g}" if total is None else f"{progress:g} of {total:g}"
        self._pen.text(f"… {message or far}", style="dim", indent=2)

    def logged(self, level: str, logger: str | None, data: Any) -> None:
        said = self._short(_shown(data), _LOG)
        self._pen.text(": ".join(filter(None, (level, logger, said))), style="dim", indent=2)

    def overheard(self, line: str) -> None:
        self._pen.aside(line, indent=2)

    def returned(self, result: dict[str, Any]) -> None:
        failed = bool(result.get("isError"))
        self._end("error" if failed else "result", "✗" if failed else "←", red=failed)
        for row in result_rows(result):
            self._pen.text(row, style="red" if failed else "", indent=2)

    def refused(self, code: int, message: str) -> None:
        self._end(f"error {code}", "✗", red=True)
        self._pen.text(message, style="red", indent=2)

    def _end(self, title: str, mark: str, *, red: bool) -> None:
        self._pen.busy(None)
        self._pen.blank()
        took = f"{monotonic() - self._called_at:.1f} s"
        self._pen.heading(mark, title, took, style="bold red" if red else "bold cyan")

    def _noted(self, one: Adjustment) -> str:
        said = f"{one.field} {one.action}: {one.reason}"
        if said in self._told:
            return f"{one.field} {one.action}, as before"
        self._told.add(said)
        return said

    def _waiting_for(self) -> str:
        """What one waits for now; read ten times a second by the moving line."""
        since = min(self._open.values(), default=None)
        if since is None:
            return f"{self._server} is working, {monotonic() - self._called_at:.0f} s"
        more = f" ({len(self._open)} requests)" if len(self._open) > 1 else ""
        return f"{self._model} is answering{more}, {monotonic() - since:.0f} s"

    def _short(self, text: str, most: int) -> str:
        return text if self._full else clipped(text, most)


class Result(Watcher):
    """Writes the tool's result on standard output, and nothing else; a tool's error goes to standard error.

    A pipe gets the result as it is, a terminal gets it made visible.
    """

    def listed(self, tools: list[dict[str, Any]]) -> None:
        for tool in tools:
            click.echo(visible(tool["name"]))

    def overheard(self, line: str) -> None:
        click.echo(visible(line), err=True)

    def returned(self, result: dict[str, Any]) -> None:
        text, failed = "\n".join(result_rows(result)), bool(result.get("isError"))
        stream = sys.stderr if failed else sys.stdout
        click.echo(visible(text) if stream.isatty() else text, err=failed)

    def refused(self, code: int, message: str) -> None:
        click.echo(visible(f"Error {code}: {message}"), err=True)


def request_rows(request: Mapping[str, Any], *, full: bool = False) -> list[tuple[str, str]]:
    """What a sampling request asks for, as labels and texts; long texts are cut unless ``full``."""

    def short(text: str) -> str:
        return text if full else clipped(text, _PROMPT)

    rows = [("system", short(str(request.get("systemPrompt") or "")))]
    for message in request.get("messages") or ():
        told = "\n".join(map(in_words, blocks_of(message.get("content"))))
        rows.append((str(message.get("role")), short(told)))
    rows += [("limits", limits_of(request)), ("prefers", preferences_of(request)), ("tools", tools_of(request))]
    return [row for row in rows if row[1]]


def tokens_of(entry: Entry) -> str:
    """``94 + 61 tokens``: what went in, and what came out."""
    return f"{entry.usage.input_tokens} + {entry.usage.output_tokens} tokens" if entry.usage is not None else ""


def sample_blocks(entry: Entry) -> list[Mapping[str, Any]]:
    """The blocks of an answer as JSON."""
    from upcall.wire import encode

    return [encode(block) for block in entry.result.blocks] if entry.result is not None else []


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
