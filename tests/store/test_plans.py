"""A million records stay quick to list: every listing walks an index, and none sorts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.store.conftest import schema_in
from tests.store.samples import NOON
from upcall.store import Cursor, Filter
from upcall.store._connection import Connection
from upcall.store._dialect import for_postgres
from upcall.store._listing import page_query
from upcall.store._postgres import PostgresBackend
from upcall.store._sqlite import SqliteBackend

_AFTER = Cursor(started_at=NOON, id=7)

_LISTINGS = [
    (Filter(), None, "records_by_start"),
    (Filter(), _AFTER, "records_by_start"),
    (Filter(server="logs"), None, "records_by_server"),
    (Filter(server="logs"), _AFTER, "records_by_server"),
    (Filter(server="logs", since=NOON, until=NOON), _AFTER, "records_by_server"),
    (Filter(model="m"), _AFTER, "records_by_model"),
    (Filter(outcome="refused"), _AFTER, "records_by_outcome"),
    (Filter(since=NOON), None, "records_by_start"),
    (Filter(until=NOON), _AFTER, "records_by_start"),
    (Filter(state="started"), None, "records_unfinished"),
    (Filter(state="lost"), _AFTER, "records_unfinished"),
    (Filter(text="x"), _AFTER, "records_by_start"),
    (Filter(era="modern"), _AFTER, "records_by_start"),
]


@pytest.fixture
def sqlite_connection(sqlite_file: Path) -> Iterator[Connection]:
    connection = SqliteBackend(sqlite_file, timeout=5, patience=5).connect(write=True)
    connection.begin(lock=False)
    yield connection
    connection.close()


@pytest.mark.parametrize(("filter", "after", "index"), _LISTINGS)
def test_sqlite_walks_an_index(sqlite_connection: Connection, filter: Filter, after: Cursor | None, index: str) -> None:
    text, parameters = page_query(filter, 51, after, 0)
    plan = [row[3] for row in sqlite_connection.rows(f"EXPLAIN QUERY PLAN {text}", parameters)]
    assert f"USING INDEX {index}" in plan[0]
    assert not [step for step in plan if "TEMP B-TREE" in step or (step.startswith("SCAN") and "INDEX" not in step)]


@pytest.fixture(scope="module")
def postgres_connection(postgres_database: str) -> Iterator[psycopg.Connection[Any]]:
    """With enough rows that the planner cares, a few of them unfinished."""
    postgres_url = schema_in(postgres_database)
    PostgresBackend(postgres_url, timeout=5, patience=5).connect(write=True).close()
    with psycopg.connect(postgres_url) as connection:
        connection.execute(
            "INSERT INTO records (server, model, outcome, era, request_mode, adjustments, flags, started_at,"
            " finished_at, lease_until) SELECT 's' || n % 20, 'm' || n % 20, 'o' || n % 20,"
            " CASE n % 2 WHEN 0 THEN 'legacy' ELSE 'modern' END, 'full', '[]', '[]', n,"
            " CASE WHEN n % 500 = 0 THEN NULL ELSE n END, n FROM generate_series(1, 20000) AS n"
        )
        connection.execute("INSERT INTO bodies (record_id, request) SELECT id, '\"a line of a log\"' FROM records")
        connection.execute("ANALYZE")
        yield connection


@pytest.mark.postgres
@pytest.mark.parametrize(("filter", "after", "index"), _LISTINGS)
def test_postgres_walks_an_index(
    postgres_connection: psycopg.Connection[Any], filter: Filter, after: Cursor | None, index: str
) -> None:
    text, parameters = page_query(filter, 51, after, 0)
    row = postgres_connection.execute(f"EXPLAIN (FORMAT JSON) {for_postgres(text)}", parameters).fetchone()
    assert row is not None
    plan = json.dumps(row[0])
    assert index in plan
    assert "Seq Scan" not in plan
    assert "hashed" not in plan
    assert '"Sort"' not in plan
