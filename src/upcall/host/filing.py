"""From an `Entry` to what the store keeps of it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from upcall.host.records import Entry
from upcall.store import Failure, Intent, Outcome

__all__ = ["intent_of", "outcome_of"]


def intent_of(entry: Entry, *, lease: float) -> Intent:
    """What is about to be done.

    Args:
        entry: As it may be kept.
        lease: Seconds after which it counts as lost, without an outcome.
    """
    context = entry.context
    during = context.during
    return Intent(
        server=context.server,
        method=during.method if during is not None else None,
        name=during.name if during is not None else None,
        version=context.version,
        era=context.era,
        request_id=context.request_id,
        trace=entry.trace,
        request=_body(entry.request if entry.request is not None else entry.raw, entry.request_hash),
        request_mode=entry.kept,
        model_asked=entry.model_asked,
        adjustments=entry.adjustments,
        flags=entry.flags,
        decision=entry.ruling.decision if entry.ruling is not None else None,
        decided_by=entry.ruling.by if entry.ruling is not None else None,
        started_at=entry.started_at,
        lease=lease,
    )


def outcome_of(entry: Entry) -> Outcome:
    """How it ended."""
    usage, cost, fault, result = entry.usage, entry.cost, entry.fault, entry.result
    return Outcome(
        label=entry.outcome,
        latency=entry.latency,
        finished_at=entry.started_at + timedelta(seconds=entry.latency),
        result=_body(result, entry.result_hash),
        result_mode=entry.kept,
        model_used=entry.model_used,
        stop_reason=entry.stop_reason,
        input_tokens=usage.input_tokens if usage is not None else None,
        output_tokens=usage.output_tokens if usage is not None else None,
        cached_tokens=usage.cached_input_tokens if usage is not None else None,
        micro_usd=cost.micro_usd if cost is not None else None,
        price_version=cost.snapshot if cost is not None else None,
        attempts=tuple(note.reason for note in entry.adjustments if note.field == "model"),
        error=Failure(code=fault.code, message=fault.message, detail=fault.detail) if fault is not None else None,
        adjustments=entry.adjustments,
        flags=entry.flags,
        decision=entry.ruling.decision if entry.ruling is not None else None,
        decided_by=entry.ruling.by if entry.ruling is not None else None,
    )


def _body(body: Any, digest: str | None) -> Any:
    return {"sha256": digest} if digest is not None else body
