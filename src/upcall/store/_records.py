"""Writing records, and reading single ones."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from msgspec.structs import replace

from upcall.store._connection import Session
from upcall.store._times import micros, moment
from upcall.store._values import clean, from_json, to_json, whole
from upcall.store.records import Failure, Intent, Outcome, Record, RecordId, State

__all__ = ["COLUMNS", "begin", "finish", "get", "parse", "take_back", "with_bodies"]

COLUMNS = (
    "id, server, method, name, version, era, request_id, trace, request_mode, result_mode, model_asked, model_used, "
    "adjustments, flags, decision, decided_by, outcome, error_code, error_message, error_detail, attempts, "
    "stop_reason, input_tokens, output_tokens, cached_tokens, micro_usd, price_version, latency, started_at, "
    "finished_at, lease_until"
)
"""What `parse` reads, in that order."""

_BEGIN = """
INSERT INTO records (
    server, method, name, version, era, request_id, trace, request_mode, model_asked, model, adjustments, flags,
    decision, decided_by, started_at, lease_until, write_key
) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (write_key) WHERE write_key IS NOT NULL DO NOTHING RETURNING id
"""

# The last five are only written where the outcome has something to say.
_FINISH = """
UPDATE records SET
    outcome = ?, finished_at = ?, latency = ?, result_mode = ?, model_used = ?, attempts = ?, stop_reason = ?,
    input_tokens = ?, output_tokens = ?, cached_tokens = ?, micro_usd = ?, price_version = ?,
    error_code = ?, error_message = ?, error_detail = ?,
    model = coalesce(?, model), adjustments = coalesce(?, adjustments), flags = coalesce(?, flags),
    decision = coalesce(?, decision), decided_by = coalesce(?, decided_by)
WHERE id = ? AND finished_at IS NULL
"""

_REQUEST = "INSERT INTO bodies (record_id, request) VALUES (?, ?)"
_RESULT = """
INSERT INTO bodies (record_id, result) VALUES (?, ?)
ON CONFLICT (record_id) DO UPDATE SET result = excluded.result
"""


def begin(session: Session, intent: Intent, key: str | None = None) -> RecordId:
    """Insert it; the one that is there already, where that was written with the same ``key``."""
    asked = clean(intent.model_asked)
    lease_until = intent.started_at + timedelta(seconds=intent.lease)
    parameters = (
        clean(intent.server),
        clean(intent.method),
        clean(intent.name),
        clean(intent.version),
        clean(intent.era),
        to_json(intent.request_id),
        clean(intent.trace),
        intent.request_mode,
        asked,
        asked,
        to_json(intent.adjustments),
        to_json(intent.flags),
        clean(intent.decision),
        clean(intent.decided_by),
        micros(intent.started_at),
        micros(lease_until),
        key,
    )
    rows = session.rows(_BEGIN, parameters)
    if not rows:
        return int(session.rows("SELECT id FROM records WHERE write_key = ?", (key,))[0][0])
    record = int(rows[0][0])
    if intent.request is not None:
        session.run(_REQUEST, (record, to_json(intent.request)))
    return record


def finish(session: Session, record: RecordId, outcome: Outcome) -> bool:
    """Add the outcome, once."""
    error = outcome.error
    used = clean(outcome.model_used)
    parameters = (
        clean(outcome.label),
        micros(outcome.finished_at),
        outcome.latency,
        outcome.result_mode,
        used,
        to_json(outcome.attempts) if outcome.attempts else None,
        clean(outcome.stop_reason),
        whole(outcome.input_tokens),
        whole(outcome.output_tokens),
        whole(outcome.cached_tokens),
        whole(outcome.micro_usd),
        clean(outcome.price_version),
        whole(error.code) if error else None,
        clean(error.message) if error else None,
        clean(error.detail) if error else None,
        used,
        to_json(outcome.adjustments),
        to_json(outcome.flags),
        clean(outcome.decision),
        clean(outcome.decided_by),
        record,
    )
    if not session.run(_FINISH, parameters):
        return False
    if outcome.result is not None:
        session.run(_RESULT, (record, to_json(outcome.result)))
    return True


def take_back(session: Session, record: RecordId) -> None:
    """Remove an intent that nobody will act upon."""
    if session.run("DELETE FROM records WHERE id = ? AND finished_at IS NULL", (record,)):
        session.run("DELETE FROM bodies WHERE record_id = ?", (record,))


def get(session: Session, record: RecordId, at: int) -> Record | None:
    """One record with its bodies, as it is ``at`` that moment."""
    rows = session.rows(f"SELECT {COLUMNS} FROM records WHERE id = ?", (record,))  # noqa: S608 constants
    return with_bodies(session, [parse(row, at) for row in rows])[0] if rows else None


def with_bodies(session: Session, records: Sequence[Record]) -> list[Record]:
    """The same records with requests and results."""
    if not records:
        return []
    marks = ", ".join("?" * len(records))
    sql = f"SELECT record_id, request, result FROM bodies WHERE record_id IN ({marks})"  # noqa: S608 question marks
    found = {row[0]: row[1:] for row in session.rows(sql, [record.id for record in records])}
    return [_with_body(record, *found.get(record.id, (None, None))) for record in records]


def parse(row: Sequence[Any], at: int) -> Record:
    """A row of `COLUMNS` as it is to be seen ``at`` that moment (microseconds)."""
    (
        id_, server, method, name, version, era, request_id, trace, request_mode, result_mode, model_asked, model_used,
        adjustments, flags, decision, decided_by, outcome, error_code, error_message, error_detail, attempts,
        stop_reason, input_tokens, output_tokens, cached_tokens, micro_usd, price_version, latency, started_at,
        finished_at, lease_until,
    ) = row  # fmt: skip
    error = None
    if error_code is not None:
        error = Failure(code=error_code, message=error_message, detail=error_detail)
    return Record(
        id=id_,
        state=_state(finished_at, lease_until, at),
        server=server,
        method=method,
        name=name,
        version=version,
        era=era,
        request_id=from_json(request_id),
        trace=trace,
        request_mode=request_mode,
        result_mode=result_mode,
        model_asked=model_asked,
        model_used=model_used,
        adjustments=tuple(from_json(adjustments)),
        flags=tuple(from_json(flags)),
        decision=decision,
        decided_by=decided_by,
        outcome=outcome,
        error=error,
        attempts=tuple(from_json(attempts, ())),
        stop_reason=stop_reason,
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        cached_tokens=cached_tokens,
        micro_usd=micro_usd,
        price_version=price_version,
        latency=latency,
        started_at=moment(started_at),
        finished_at=_moment(finished_at),
    )


def _state(finished_at: int | None, lease_until: int, at: int) -> State:
    if finished_at is not None:
        return "finished"
    return "started" if lease_until > at else "lost"


def _with_body(record: Record, request: str | None, result: str | None) -> Record:
    return replace(record, request=from_json(request), result=from_json(result))


def _moment(number: int | None) -> datetime | None:
    return None if number is None else moment(number)
