"""The demo's server behind `upcall gateway`, a process of its own, and what that writes into its record."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from upcall.cli._content import blocks_of, in_words
from upcall.cli._demo_process import server_over_stdio
from upcall.cli._pen import Pen
from upcall.cli._record import failed, state_of
from upcall.cli._target import MODEL_KEYS, Target, whole_environment
from upcall.cli._transcript import request_rows
from upcall.store import Record, open_store

__all__ = ["Behind", "behind_gateway", "draw_records"]

_NAME = "log-archiver"
_CALLS = 8
"""What the budget allows; the longest demo takes four."""


class Behind(msgspec.Struct, frozen=True, kw_only=True):
    """The server behind its gateway, to be started by a client."""

    target: Target
    command: str
    """What a user would write for it."""
    rules: str
    """What their policy file would say."""
    store: Path

    async def records(self) -> list[Record]:
        """What the gateway has recorded so far, oldest first, with prompts and replies."""
        async with open_store(self.store) as store:
            page = await store.page(bodies=True)
        return sorted(page.records, key=lambda record: record.id)


@contextmanager
def behind_gateway(report: Path, spec: str, name: str) -> Iterator[Behind]:
    """The gateway with a policy and a record of its own, in a folder that is gone when the block is left.

    Args:
        report: What the server appends to.
        spec: The model string of the one who answers.
        name: The same as it may be shown.
    """
    with TemporaryDirectory(prefix="upcall-demo-", ignore_cleanup_errors=True) as folder:
        policy, store = Path(folder, "upcall.toml"), Path(folder, "record.db")
        kept = f"store.url = {_quoted(f'sqlite:///{store}')}"
        policy.write_text("\n".join((*_rules(spec), kept, "")), encoding="utf-8")
        private = [word for variable in MODEL_KEYS for word in ("--private-env", variable)]
        ours = (sys.executable, "-P", "-m", "upcall.cli", "gateway", "--name", _NAME, "--policy", str(policy))
        yield Behind(
            target=Target(command=(*ours, *private, "--", *server_over_stdio(report)), env=whole_environment()),
            command=f"upcall gateway --name {_NAME} --policy upcall.toml -- python server.py",
            rules="\n".join(_rules(name)),
            store=store,
        )


def draw_records(pen: Pen, records: Sequence[Record]) -> None:
    """Each request that the gateway answered or refused, drawn like those that this client answers itself."""
    for record in records:
        pen.blank()
        pen.heading("←", f"sampling request {record.id}", record.server, style="bold yellow", indent=2)
        rule = re.sub(r"^.*[\\/](?=upcall\.toml:)", "", record.decided_by or "")  # its folder is of no interest
        decided = " by ".join(filter(None, (record.decision, rule)))
        pen.fields([*request_rows(record.request or {}), ("decision", decided)], indent=4)
        took = f"{record.latency:.1f} s" if record.latency is not None else ""
        title = record.model_used or record.model_asked or "no model"
        if failed(record):
            pen.heading("✗", title, state_of(record), took, style="bold red", indent=2)
            said = record.error.message if record.error is not None else ""
        else:
            facts = [_tokens(record), took, record.stop_reason or ""]
            pen.heading("→", title, *facts, style="bold green", indent=2)
            said = "\n".join(map(in_words, blocks_of((record.result or {}).get("content"))))
        if said.strip():
            pen.text(said.strip(), indent=4)


def _rules(model: str) -> tuple[str, ...]:
    return (
        f'server.{_NAME}.decision = "allow"',
        f"server.{_NAME}.model = {_quoted(model)}",
        f'budget = [{{for = "server:{_NAME}", per = "day", calls = {_CALLS}}}]',
    )


def _quoted(text: str) -> str:
    import tomlkit

    return str(tomlkit.item(text).as_string())


def _tokens(record: Record) -> str:
    if record.input_tokens is None:
        return ""
    return f"{record.input_tokens} + {record.output_tokens or 0} tokens"
