"""Finding records: pages, sums, what is new, what is to go."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from upcall.store._connection import Session
from upcall.store._records import COLUMNS, parse, with_bodies
from upcall.store._times import micros, moment
from upcall.store._values import needle, to_json
from upcall.store.records import Cursor, Filter, Page, Record, RecordId
from upcall.store.usage import By, UsageRow

__all__ = [
    "Sql",
    "fresh",
    "last_id",
    "matching",
    "oldest",
    "page",
    "page_query",
    "place_of",
    "present",
    "prune_step",
    "usage",
]

_DAY, _HOUR = 86_400_000_000, 3_600_000_000

_GROUPS: dict[By, str] = {
    "server": "server",
    "model": "model",
    "outcome": "outcome",
    "day": f"started_at / {_DAY} * {_DAY}",
    "hour": f"started_at / {_HOUR} * {_HOUR}",
}

_SUMS = """
count(*),
CAST(coalesce(sum(CASE WHEN outcome = 'answered' THEN 1 ELSE 0 END), 0) AS BIGINT),
CAST(coalesce(sum(input_tokens), 0) AS BIGINT),
CAST(coalesce(sum(output_tokens), 0) AS BIGINT),
CAST(coalesce(sum(cached_tokens), 0) AS BIGINT),
CAST(coalesce(sum(micro_usd), 0) AS BIGINT),
CAST(coalesce(sum(CASE WHEN outcome = 'answered' AND output_tokens IS NULL THEN 1 ELSE 0 END), 0) AS BIGINT),
CAST(coalesce(sum(CASE WHEN output_tokens IS NOT NULL AND micro_usd IS NULL THEN 1 ELSE 0 END), 0) AS BIGINT)
"""

_TEXT_COLUMNS = ("server", "name", "model", "outcome", "error_message", "decided_by")


class Sql(NamedTuple):
    """A statement with its parameters."""

    text: str
    parameters: tuple[Any, ...]


def page(session: Session, filter: Filter, limit: int, after: Cursor | None, at: int, *, bodies: bool) -> Page:
    """Newest first."""
    rows = session.rows(*page_query(filter, limit + 1, after, at))
    records = [parse(row, at) for row in rows[:limit]]
    return Page(
        records=tuple(with_bodies(session, records) if bodies else records),
        next=records[-1].cursor if len(rows) > limit else None,
    )


def page_query(filter: Filter, limit: int, after: Cursor | None, at: int) -> Sql:
    """What `page` executes."""
    conditions = _conditions(filter, at)
    if after is not None:
        conditions.append(Sql("(started_at, id) < (?, ?)", (micros(after.started_at), after.id)))
    return _select(COLUMNS, conditions, "ORDER BY started_at DESC, id DESC LIMIT ?", (limit,))


def oldest(session: Session, filter: Filter, limit: int, after: Cursor | None, at: int) -> list[Record]:
    """Oldest first, with bodies."""
    conditions = _conditions(filter, at)
    if after is not None:
        conditions.append(Sql("(started_at, id) > (?, ?)", (micros(after.started_at), after.id)))
    rows = session.rows(*_select(COLUMNS, conditions, "ORDER BY started_at, id LIMIT ?", (limit,)))
    return with_bodies(session, [parse(row, at) for row in rows])


def usage(session: Session, filter: Filter, by: Sequence[By], at: int) -> list[UsageRow]:
    """Sums per group."""
    groups = [_GROUPS[name] for name in by]
    numbers = ", ".join(str(number + 1) for number in range(len(groups)))
    tail = f"GROUP BY {numbers}" if groups else ""
    rows = session.rows(*_select(", ".join([*groups, _SUMS]), _conditions(filter, at), tail))
    found = [_usage_row(by, row) for row in rows]
    return sorted(found, key=_order)


def last_id(session: Session) -> RecordId:
    """The greatest id; 0 when there is none."""
    return int(session.rows("SELECT coalesce(max(id), 0) FROM records")[0][0])


def fresh(session: Session, after: RecordId, limit: int) -> list[tuple[RecordId, bool]]:
    """Ids that are greater, in order, each with whether it is finished."""
    sql = "SELECT id, finished_at IS NOT NULL FROM records WHERE id > ? ORDER BY id LIMIT ?"
    return [(row[0], bool(row[1])) for row in session.rows(sql, (after, limit))]


def present(session: Session, ids: Sequence[RecordId]) -> list[tuple[RecordId, bool]]:
    """Those of ``ids`` that are there, each with whether it is finished."""
    if not ids:
        return []
    sql = " ".join(["SELECT id, finished_at IS NOT NULL FROM records WHERE id IN (", ", ".join("?" * len(ids)), ")"])
    return [(row[0], bool(row[1])) for row in session.rows(sql, ids)]


def matching(session: Session, filter: Filter, ids: Sequence[RecordId], at: int, *, bodies: bool) -> list[Record]:
    """Those of ``ids`` that pass the filter, in order."""
    if not ids:
        return []
    conditions = [Sql(f"id IN ({', '.join('?' * len(ids))})", tuple(ids)), *_conditions(filter, at)]
    records = [parse(row, at) for row in session.rows(*_select(COLUMNS, conditions, "ORDER BY id"))]
    return with_bodies(session, records) if bodies else records


def prune_step(session: Session, before: Cursor, limit: int, at: int) -> int:
    """Remove up to ``limit`` of the records that come before a place, the oldest first."""
    over = Sql("(finished_at IS NOT NULL OR lease_until <= ?)", (at,))
    place = Sql("(started_at, id) < (?, ?)", (micros(before.started_at), before.id))
    ids = [row[0] for row in session.rows(*_select("id", [over, place], "ORDER BY started_at, id LIMIT ?", (limit,)))]
    if ids:
        marks = ", ".join("?" * len(ids))
        session.run(f"DELETE FROM bodies WHERE record_id IN ({marks})", ids)  # noqa: S608 question marks
        session.run(f"DELETE FROM records WHERE id IN ({marks})", ids)  # noqa: S608 question marks
    return len(ids)


def place_of(session: Session, position: int) -> Cursor | None:
    """The place of the record at that position of the listing, counted from 0; ``None`` when it is not that long."""
    sql = "SELECT started_at, id FROM records ORDER BY started_at DESC, id DESC LIMIT 1 OFFSET ?"
    for started_at, record in session.rows(sql, (position,)):
        return Cursor(started_at=moment(started_at), id=record)
    return None


def _select(columns: str, conditions: Sequence[Sql], tail: str, parameters: tuple[Any, ...] = ()) -> Sql:
    parts = ["SELECT", columns, "FROM records"]
    if conditions:
        parts += ["WHERE", " AND ".join(condition.text for condition in conditions)]
    values = [value for condition in conditions for value in condition.parameters]
    return Sql(" ".join([*parts, tail]), (*values, *parameters))


def _conditions(filter: Filter, at: int) -> list[Sql]:
    found = [
        Sql(f"{column} = ?", (value,))
        for column, value in (
            ("server", filter.server),
            ("model", filter.model),
            ("outcome", filter.outcome),
            ("era", filter.era),
        )
        if value is not None
    ]
    if filter.since is not None:
        found.append(Sql("started_at >= ?", (micros(filter.since),)))
    if filter.until is not None:
        found.append(Sql("started_at < ?", (micros(filter.until),)))
    match filter.state:
        case "finished":
            found.append(Sql("finished_at IS NOT NULL", ()))
        case "started":
            found.append(Sql("finished_at IS NULL AND lease_until > ?", (at,)))
        case "lost":
            found.append(Sql("finished_at IS NULL AND lease_until <= ?", (at,)))
        case None:
            pass
    if filter.text:
        found.append(_text(filter.text))
    return found


def _text(text: str) -> Sql:
    plain = needle(text)
    inside = needle((to_json(text) or "")[1:-1])  # bodies are JSON, where quotes and line ends are escaped
    like = "LIKE lower(?) ESCAPE '!'"
    names = [f"lower({column}) {like}" for column in _TEXT_COLUMNS]
    # Not EXISTS: PostgreSQL would search all bodies beforehand, where a full page needs the newest only.
    body = " ".join(
        [
            f"(SELECT lower(coalesce(request, '')) {like} OR lower(coalesce(result, '')) {like}",
            "FROM bodies WHERE record_id = records.id)",
        ]
    )
    return Sql(f"({' OR '.join([*names, body])})", (*[plain] * len(names), inside, inside))


def _usage_row(by: Sequence[By], row: Sequence[Any]) -> UsageRow:
    groups: dict[str, Any] = dict(zip(by, row, strict=False))
    since = next((groups.pop(name) for name in ("hour", "day") if name in groups), None)
    groups.pop("day", None)
    calls, answered, input_tokens, output_tokens, cached_tokens, micro_usd, uncounted, unpriced = row[len(by) :]
    return UsageRow(
        **groups,
        since=None if since is None else moment(since),
        calls=calls,
        answered=answered,
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        cached_tokens=cached_tokens,
        micro_usd=micro_usd,
        uncounted=uncounted,
        unpriced=unpriced,
    )


def _order(row: UsageRow) -> tuple[int, str, str, str]:
    return micros(row.since) if row.since is not None else 0, row.server or "", row.model or "", row.outcome or ""
