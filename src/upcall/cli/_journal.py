"""`Journal`: the watcher for programs, which makes one JSON document of the whole call."""

from __future__ import annotations

from typing import Any

import click
import msgspec

from upcall.cli._watcher import Peer, Sample, Watcher
from upcall.errors import UpcallError
from upcall.host import Entry
from upcall.wire import encode, visible

__all__ = ["Journal"]


class Journal(Watcher):
    """Collects; `document` gives what there is so far. What was not reached is ``null``.

    ::

        {"server": {name, version, transport, protocol, era}, "tool": …, "arguments": {…},
         "sampling": [{number, request, outcome, reply, model, usage, seconds, adjustments, error}, …],
         "notifications": [{"progress": …} | {"log": …}, …], "result": {…}, "error": {label, message}}
    """

    def __init__(self) -> None:
        self._peer: Peer | None = None
        self._tools: list[dict[str, Any]] | None = None
        self._call: tuple[str | None, dict[str, Any] | None] = (None, None)
        self._samples: list[Sample] = []
        self._notifications: list[dict[str, Any]] = []
        self._result: dict[str, Any] | None = None
        self._error: dict[str, Any] | None = None

    def connected(self, peer: Peer) -> None:
        self._peer = peer

    def listed(self, tools: list[dict[str, Any]]) -> None:
        self._tools = tools

    def calling(self, tool: str, arguments: dict[str, Any]) -> None:
        self._call = (tool, arguments)

    def asked(self, sample: Sample) -> None:
        self._samples.append(sample)

    def progressed(self, progress: float, total: float | None, message: str | None) -> None:
        self._notifications.append({"progress": {"progress": progress, "total": total, "message": message}})

    def logged(self, level: str, logger: str | None, data: Any) -> None:
        self._notifications.append({"log": {"level": level, "logger": logger, "data": data}})

    def overheard(self, line: str) -> None:
        click.echo(visible(line), err=True)

    def returned(self, result: dict[str, Any]) -> None:
        self._result = result

    def refused(self, code: int, message: str) -> None:
        self._error = {"label": "refused_by_server", "code": code, "message": message}

    def broke(self, error: UpcallError | click.ClickException) -> None:
        """The conversation ended before there was a result."""
        if isinstance(error, UpcallError):
            self._error = {"label": error.label, "message": str(error)}
        else:
            self._error = {"label": "usage", "message": error.message}

    def document(self) -> str:
        """The JSON text, indented."""
        server = None if self._peer is None else msgspec.to_builtins(self._peer)
        whole: dict[str, Any] = {"server": server}
        if self._tools is not None:
            whole["tools"] = self._tools
        else:
            tool, arguments = self._call
            whole |= {
                "tool": tool,
                "arguments": arguments,
                "sampling": [_sample(sample) for sample in self._samples],
                "notifications": self._notifications,
                "result": self._result,
            }
        text: str = msgspec.json.format(msgspec.json.encode({**whole, "error": self._error}), indent=2).decode()
        return text


def _sample(sample: Sample) -> dict[str, Any]:
    return {"number": sample.number, "request": sample.params, **_outcome(sample.entry)}


def _outcome(entry: Entry | None) -> dict[str, Any]:
    if entry is None:
        return {"outcome": "open"}
    usage, fault = entry.usage, entry.fault
    return {
        "outcome": entry.outcome,
        "reply": None if entry.result is None else encode(entry.result),
        "model": entry.model_used,
        "usage": None if usage is None else {"inputTokens": usage.input_tokens, "outputTokens": usage.output_tokens},
        "seconds": round(entry.latency, 3),
        "adjustments": [msgspec.to_builtins(one) for one in entry.adjustments],
        "error": None if fault is None else {"code": fault.code, "label": fault.label, "message": fault.message},
    }
