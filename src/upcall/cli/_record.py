"""One record, whole, for a person."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from upcall.cli._clock import Clock
from upcall.cli._columns import money
from upcall.errors import InvalidAnswer, InvalidRequest
from upcall.host.approval.canvas import Canvas, Row
from upcall.host.approval.screen import draw_flags, draw_prompt, draw_reply
from upcall.host.scanning import Flag
from upcall.store import Record
from upcall.wire import decode_request, decode_result
from upcall.wire.words import limits_of, preferences_of, tools_of

__all__ = ["draw_record", "failed", "state_of"]


def state_of(record: Record) -> str:
    """How it ended, or that it has not."""
    if record.state == "started":
        return "under way"
    return "lost" if record.outcome is None else record.outcome.replace("_", " ")


def failed(record: Record) -> bool:
    """Whether it is over without an answer."""
    return record.state == "lost" or record.outcome not in (None, "answered")


def draw_record(canvas: Canvas, record: Record, clock: Clock) -> None:
    """Everything that a person wants of it; `upcall log show --json` has the rest."""
    canvas.heading(f"record {record.id}", record.server)
    canvas.blank()
    canvas.fields(_rows(record, clock))
    flags, strange = _flags(record.flags)
    draw_flags(canvas, flags)
    canvas.fields([("flag", json.dumps(flag, ensure_ascii=False), "yellow") for flag in strange])
    canvas.blank()
    _draw_prompt(canvas, record)
    _draw_reply(canvas, record)


def _rows(record: Record, clock: Clock) -> list[Row]:
    request = record.request if isinstance(record.request, dict) and "maxTokens" in record.request else None
    rows: list[Row] = [
        ("during", " ".join(filter(None, (record.method, record.name))), ""),
        ("started", clock.full(record.started_at), ""),
        ("ended", _ended(record), "red" if failed(record) else ""),
        ("decision", " by ".join(filter(None, (record.decision, record.decided_by))), ""),
        ("model", record.model_asked or "", ""),
        ("answered", (record.model_used or "") if record.model_used != record.model_asked else "", ""),
        ("tokens", _tokens(record), ""),
        ("cost", _cost(record), ""),
        ("limits", limits_of(request) if request else "", ""),
        ("tools", tools_of(request) if request else "", ""),
        ("prefers", preferences_of(request) if request else "", ""),
        ("stopped", record.stop_reason or "", ""),
    ]
    rows += [("changed", _adjustment(one), "") for one in record.adjustments]
    rows += [("attempt", one if isinstance(one, str) else json.dumps(one), "") for one in record.attempts]
    if record.error is not None:
        rows += [("error", f"{record.error.message} (code {record.error.code})", "red")]
        rows += [("detail", record.error.detail, "")]
    rows += [
        ("protocol", record.version or "", ""),
        ("request", str(record.request_id) if record.request_id is not None else "", ""),
        ("trace", record.trace or "", ""),
    ]
    return rows


def _ended(record: Record) -> str:
    if record.state == "lost":
        return "lost: the process that had it is gone; the model may have been called, and paid"
    told = state_of(record)
    return told if record.latency is None else f"{told} after {record.latency:.1f} s"


def _tokens(record: Record) -> str:
    if record.input_tokens is None:
        return "not counted by the provider" if record.outcome == "answered" else ""
    cached = f", {record.cached_tokens:,} of the input from the cache" if record.cached_tokens else ""
    return f"{record.input_tokens:,} in, {record.output_tokens or 0:,} out{cached}"


def _cost(record: Record) -> str:
    if record.micro_usd is None:
        return "unknown" if record.outcome == "answered" or record.input_tokens is not None else ""
    prices = f" by {record.price_version}" if record.price_version and record.micro_usd else ""
    return money(record.micro_usd) + prices


def _adjustment(one: Any) -> str:
    if isinstance(one, dict) and {"field", "action", "reason"} <= one.keys():
        return f"{one['field']} {one['action']}: {one['reason']}"
    return json.dumps(one, ensure_ascii=False)


def _flags(kept: tuple[Any, ...]) -> tuple[list[Flag], list[Any]]:
    """The flags that can be read, and what else is among them."""
    flags, strange = [], []
    for one in kept:
        try:
            flags.append(msgspec.convert(one, Flag))
        except msgspec.ValidationError:
            strange.append(one)
    return flags, strange


def _draw_prompt(canvas: Canvas, record: Record) -> None:
    if record.request is None:
        canvas.text(f"The prompt is not kept ({record.request_mode}).", style="dim")
        return
    try:
        draw_prompt(canvas, decode_request(record.request))
    except InvalidRequest:
        canvas.quoted(f"prompt, {record.request_mode}", [json.dumps(record.request, indent=2, ensure_ascii=False)])


def _draw_reply(canvas: Canvas, record: Record) -> None:
    if record.result is None:
        if record.result_mode is not None and record.outcome == "answered":
            canvas.text(f"The reply is not kept ({record.result_mode}).", style="dim")
        return
    try:
        draw_reply(canvas, decode_result(record.result))
    except InvalidAnswer:
        canvas.quoted(f"reply, {record.result_mode}", [json.dumps(record.result, indent=2, ensure_ascii=False)])
