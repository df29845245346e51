"""What can happen to a file: each fault is a `StoreError` in bounded time, nothing half is written, and it ends."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from tempfile import mkdtemp
from time import monotonic

import anyio
import pytest

from tests.store.children import child
from tests.store.samples import intent, outcome
from upcall.errors import StoreError
from upcall.store import Filter, open_store

pytestmark = pytest.mark.anyio


def _rows(path: Path, sql: str) -> list[tuple[object, ...]]:
    connection = sqlite3.connect(path)
    try:
        return connection.execute(sql).fetchall()
    finally:
        connection.close()


def _damage(path: Path) -> None:
    """Noise in all of the file but its first page."""
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(os.urandom(path.stat().st_size - 4096))


async def test_a_full_disk_loses_nothing_and_is_got_over(sqlite_file: Path) -> None:
    with child("full", str(sqlite_file), module="tests.store.starved") as starved:
        said = starved.hear()
        starved.end()
    assert len(said["written"]) > 5
    assert len(said["errors"]) > 50
    kinds = {(kind, text) for kind, text in said["errors"]}
    assert kinds <= {
        ("StoreError", "The disk that holds the record is full. Free some space."),
        ("StoreError", "The disk that holds the record failed. Check its space and its health."),
    }
    assert said["listed"] == len(said["written"])  # reading went on meanwhile
    assert said["starved"].startswith("The disk")
    assert (len(said["again"]), said["failed"], said["fits"]) == (5, [], True)
    kept = {row[0] for row in _rows(sqlite_file, "SELECT id FROM records")}
    assert kept == {*said["written"], *said["again"]}
    assert kept == {row[0] for row in _rows(sqlite_file, "SELECT record_id FROM bodies")}
    assert _rows(sqlite_file, "SELECT key FROM reservations") == [("overall",)]
    assert _rows(sqlite_file, "PRAGMA integrity_check") == [("ok",)]


@pytest.mark.parametrize("kind", ["IMMEDIATE", "EXCLUSIVE"])
async def test_a_lock_that_another_process_holds_is_an_error_in_time_and_reading_goes_on(
    sqlite_file: Path, kind: str
) -> None:
    async with open_store(sqlite_file, timeout=0.3) as store:
        first = await store.add(intent(), outcome())
        with child("hold", str(sqlite_file), kind) as other:
            assert other.hear() == "ready"
            started = monotonic()
            tried = await asyncio.gather(*(store.begin(intent()) for _ in range(300)), return_exceptions=True)
            assert {str(error) for error in tried} <= {
                "The record is locked by another process. Try again.",
                "The record is too slow at the moment.",
            }
            assert monotonic() - started < 3
            assert [record.id for record in (await store.page()).records] == [first]
            other.go()
            other.end()
        assert await store.begin(intent()) > first
        assert len((await store.page()).records) == 2


async def test_a_short_lock_is_waited_for(sqlite_file: Path) -> None:
    async with open_store(sqlite_file, timeout=10) as store:
        with child("hold", str(sqlite_file), "IMMEDIATE") as other:
            assert other.hear() == "ready"
            writing = asyncio.create_task(store.begin(intent()))
            await asyncio.wait([writing], timeout=0.2)
            assert not writing.done()
            other.go()
            with anyio.fail_after(5):
                assert await writing > 0


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """One that anybody may enter: the folders of tests are closed to others."""
    folder = Path(mkdtemp())
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.mark.parametrize("part", ["file", "folder", "folder of the folder"])
async def test_what_may_not_be_written_says_so_without_its_path(open_folder: Path, part: str) -> None:
    path = open_folder / ("deeper/upcall.db" if part == "folder of the folder" else "upcall.db")
    if part == "file":
        async with open_store(path) as store:
            await store.begin(intent())
        await anyio.Path(path).chmod(0o444)
    await anyio.Path(open_folder).chmod(0o555)
    with child("forbidden", str(path), module="tests.store.starved") as somebody:
        text, detail = somebody.hear()
        somebody.end()
    assert text in {
        "The record cannot be opened. Check the permissions of its file and folder.",
        "The record cannot be written. Check the permissions of its file and folder.",
    }
    assert str(path) in detail


async def test_a_file_that_is_no_database_is_left_alone(sqlite_file: Path) -> None:
    file = anyio.Path(sqlite_file)
    await file.parent.mkdir()
    await file.write_text("Dear diary, " * 1000)
    store = open_store(sqlite_file, timeout=1)
    with pytest.raises(StoreError, match=r"no database.*move it away"):
        await store.open()
    assert (await file.read_text()).startswith("Dear diary")
    await file.rename(sqlite_file.with_suffix(".txt"))
    assert await store.begin(intent()) == 1
    await store.aclose()


async def test_a_damaged_file_is_an_error_and_a_restored_one_is_used(sqlite_file: Path) -> None:
    copy = sqlite_file.with_suffix(".copy")
    async with open_store(sqlite_file) as store:
        for _ in range(50):
            await store.add(intent(request="x" * 3000), outcome())
    shutil.copy(sqlite_file, copy)
    _damage(sqlite_file)
    store = open_store(sqlite_file, timeout=1)
    for _ in range(2):
        with anyio.fail_after(10), pytest.raises(StoreError, match="is damaged"):
            await store.begin(intent())
        with anyio.fail_after(10), pytest.raises(StoreError, match="is damaged"):
            await store.page()
    shutil.move(copy, sqlite_file)
    assert await store.begin(intent()) == 51
    assert len((await store.page(limit=100)).records) == 51
    await store.aclose()


async def test_a_file_that_is_taken_away_is_made_anew_rather_than_written_into_the_void(sqlite_file: Path) -> None:
    async with open_store(sqlite_file) as store:
        await store.begin(intent(name="old"))
        await store.page()
        shutil.rmtree(sqlite_file.parent)
        record = await store.begin(intent(name="new"))
        assert [found.name for found in (await store.page()).records] == ["new"]
    assert _rows(sqlite_file, "SELECT id, name FROM records") == [(record, "new")]


async def test_reading_that_takes_too_long_is_stopped(sqlite_file: Path) -> None:
    async with open_store(sqlite_file, patience=0.1) as store:
        fill = (
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300000) "
            "INSERT INTO records (server, request_mode, adjustments, flags, started_at, lease_until) "
            "SELECT 's', '', '[]', '[]', i, 0 FROM n"
        )
        connection = sqlite3.connect(sqlite_file)
        with connection:
            connection.execute(fill)
        connection.close()
        with anyio.fail_after(10), pytest.raises(StoreError, match="took too long"):
            await store.page(Filter(text="nowhere"))
        assert len((await store.page()).records) == 50
