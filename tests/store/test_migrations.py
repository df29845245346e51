"""The schema: made once, by whoever comes first, and never taken for older than it is."""

from __future__ import annotations

import asyncio
from pathlib import Path

import psycopg
import pytest

from tests.store.children import child
from tests.store.samples import intent
from upcall.errors import StoreError
from upcall.store import Store, open_store
from upcall.store._connection import Connection
from upcall.store._dialect import TABLE_EXISTS_POSTGRES, TABLE_EXISTS_SQLITE
from upcall.store._migrations import Migration, migrate, migrations
from upcall.store._postgres import PostgresBackend
from upcall.store._sqlite import SqliteBackend

pytestmark = pytest.mark.anyio

_NEXT = Migration(
    len(migrations()) + 1, "wishes", ("CREATE TABLE wishes (id INTEGER PRIMARY KEY)", "INSERT INTO wishes VALUES (7)")
)
_BROKEN = Migration(_NEXT.version + 1, "broken", ("CREATE TABLE hopes (id INTEGER PRIMARY KEY)", "CREATE NONSENSE"))


def _connect(url: str) -> tuple[Connection, str]:
    if url.startswith("postgresql"):
        return PostgresBackend(url, timeout=5, patience=5).connect(write=True), TABLE_EXISTS_POSTGRES
    return SqliteBackend(Path(url), timeout=5, patience=5).connect(write=True), TABLE_EXISTS_SQLITE


def test_the_steps_are_numbered_without_gaps() -> None:
    assert [step.version for step in migrations()] == list(range(1, len(migrations()) + 1))
    assert all(step.statements for step in migrations())


async def test_many_stores_can_open_a_new_database_at_once(url: str) -> None:
    async def one() -> int:
        async with open_store(url) as store:
            return await store.begin(intent())

    with child("begin_forever", url) as other:
        ids = await asyncio.gather(*(one() for _ in range(6)))
        assert len({*ids, other.hear()}) == 7


def test_a_later_step_is_applied_once_and_alone(url: str) -> None:
    connection, exists = _connect(url)
    try:
        for _ in range(2):
            migrate(connection, exists, known=(*migrations(), _NEXT))
        connection.begin(lock=False)
        assert connection.rows("SELECT id FROM wishes") == [(7,)]
        assert connection.rows("SELECT version FROM upcall_schema ORDER BY version")[-1] == (_NEXT.version,)
        connection.commit()
    finally:
        connection.close()


def test_a_step_that_fails_leaves_nothing_of_itself(url: str) -> None:
    connection, exists = _connect(url)
    try:
        with pytest.raises(Exception, match="NONSENSE"):
            migrate(connection, exists, known=(*migrations(), _NEXT, _BROKEN))
        assert connection.roll_back()
        connection.begin(lock=False)
        assert connection.rows(exists, ("wishes",)) == []
        assert connection.rows(exists, ("records",)) == [(1,)]
        connection.commit()
    finally:
        connection.close()


async def test_a_newer_schema_is_refused_and_left_alone(url: str, store: Store) -> None:
    await store.begin(intent())
    connection, exists = _connect(url)
    migrate(connection, exists, known=(*migrations(), _NEXT))
    newer = open_store(url)
    with pytest.raises(StoreError, match=r"newer upcall.*Update upcall"):
        await newer.open()
    with pytest.raises(StoreError, match="newer upcall"):
        await newer.page()
    await newer.aclose()
    connection.begin(lock=False)
    assert connection.rows("SELECT max(version) FROM upcall_schema") == [(_NEXT.version,)]
    assert connection.rows("SELECT count(*) FROM records") == [(1,)]
    connection.commit()
    connection.close()


@pytest.mark.postgres
def test_both_databases_get_the_same_columns(sqlite_file: Path, postgres_url: str) -> None:
    lite, _ = _connect(str(sqlite_file))
    with psycopg.connect(postgres_url) as inspector:
        big, _ = _connect(postgres_url)
        big.close()
        query = "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = current_schema()"
        theirs = set(inspector.execute(query).fetchall())
    lite.begin(lock=False)
    ours = set(
        lite.rows(
            "SELECT m.name, c.name FROM sqlite_master m JOIN pragma_table_info(m.name) c "
            "WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%'"
        )
    )
    lite.close()
    assert ours == theirs
    assert len(ours) > 60
