"""What can happen to a database elsewhere: each fault is a `StoreError` in bounded time, and it ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from time import monotonic
from urllib.parse import urlsplit, urlunsplit

import anyio
import psycopg
import pytest

from tests.store.samples import intent, outcome
from upcall.errors import StoreError
from upcall.store import Amount, Limit, Reservation, open_store

pytestmark = [pytest.mark.anyio, pytest.mark.postgres]

_OTHERS = "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
_LOCK = "SELECT pg_advisory_lock(hashtextextended(current_schema() || '.upcall', 0))"


class _Wire:
    """A way to the server that can be cut and mended, and made to swallow all that goes over its connections."""

    def __init__(self, host: str, port: int) -> None:
        self._target = host, port
        self._writers: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None
        self._deaf: set[asyncio.StreamWriter] = set()
        self.port = 0

    async def up(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def down(self) -> None:
        assert self._server is not None
        self._server.close()
        for writer in list(self._writers):
            writer.transport.abort()
        await self._server.wait_closed()

    def swallow(self) -> None:
        self._deaf |= self._writers

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        other_reader, other_writer = await asyncio.open_connection(*self._target)
        self._writers |= {writer, other_writer}
        await asyncio.gather(self._pump(reader, other_writer), self._pump(other_reader, writer))

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(65536):
                if writer not in self._deaf:
                    writer.write(data)
                    await writer.drain()
        writer.close()
        self._writers.discard(writer)


@asynccontextmanager
async def _wired(url: str) -> AsyncIterator[tuple[_Wire, str]]:
    parts = urlsplit(url)
    wire = _Wire(parts.hostname or "127.0.0.1", parts.port or 5432)
    await wire.up()
    user = parts.netloc.rpartition("@")[0]
    try:
        yield wire, urlunsplit(parts._replace(netloc=f"{user}@127.0.0.1:{wire.port}"))
    finally:
        await wire.down()


def _terminate(url: str) -> int:
    """End all other connections to the database; how many."""
    with psycopg.connect(url) as connection:
        return len(connection.execute(f"SELECT pg_terminate_backend(pid) {_OTHERS}").fetchall())


async def _stuck(url: str, statement: str) -> int:
    """Wait until a connection waits for a lock in ``statement``; its process id."""
    waiting = f"SELECT pid {_OTHERS} AND wait_event_type = 'Lock' AND query LIKE %s"
    with psycopg.connect(url, autocommit=True) as watcher:
        for _ in range(1000):
            for row in watcher.execute(waiting, (f"%{statement}%",)):
                return int(row[0])
            await anyio.sleep(0.01)
    raise AssertionError("nobody got stuck")


async def test_connections_that_were_dropped_between_two_uses_are_not_noticed(postgres_url: str) -> None:
    async with open_store(postgres_url) as store:
        first = await store.begin(intent())
        assert len((await store.page()).records) == 1
        assert _terminate(postgres_url) >= 2
        assert await store.finish(first, outcome())
        assert (await store.page()).records[0].state == "finished"


async def test_a_connection_that_is_dropped_in_the_middle_leaves_nothing_half_and_nothing_double(
    postgres_url: str,
) -> None:
    async with open_store(postgres_url) as store:
        with psycopg.connect(postgres_url) as other:
            other.execute("LOCK TABLE bodies")  # a record's second half has to wait
            writing = asyncio.create_task(store.begin(intent(request="why")))
            stuck = await _stuck(postgres_url, "INTO bodies")
            assert other.execute("SELECT count(*) FROM records").fetchone() == (0,)
            other.execute("SELECT pg_terminate_backend(%s)", (stuck,))
        with anyio.fail_after(10):
            record = await writing
        assert [(found.id, found.request) async for found in store.export()] == [(record, "why")]


async def test_a_connection_that_is_dropped_while_it_commits_is_an_error_and_not_repeated(postgres_url: str) -> None:
    async with open_store(postgres_url) as store:
        with psycopg.connect(postgres_url, autocommit=True) as other:
            other.execute("CREATE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
                          "PERFORM pg_advisory_xact_lock(7); RETURN NULL; END $$")  # fmt: skip
            other.execute("CREATE CONSTRAINT TRIGGER held AFTER INSERT ON records DEFERRABLE INITIALLY DEFERRED "
                          "FOR EACH ROW EXECUTE FUNCTION hold()")  # fmt: skip
            other.execute("SELECT pg_advisory_lock(7)")
            writing = asyncio.create_task(store.begin(intent()))
            stuck = await _stuck(postgres_url, "COMMIT")
            other.execute("SELECT pg_terminate_backend(%s)", (stuck,))
            with anyio.fail_after(10), pytest.raises(StoreError, match="cannot be reached") as caught:
                await writing
            assert "outcome unknown" in caught.value.detail
            other.execute("SELECT pg_advisory_unlock(7)")
        assert (await store.page()).records == ()
        assert await store.begin(intent()) > 0


async def test_a_lock_that_another_holds_is_an_error_in_time(postgres_url: str) -> None:
    limits = [Limit(key="overall", calls=1)]
    async with open_store(postgres_url, timeout=0.5) as store:
        with psycopg.connect(postgres_url, autocommit=True) as other:
            other.execute(_LOCK)
            started = monotonic()
            with pytest.raises(StoreError, match="locked by another process"):
                await store.reserve(limits, Amount(), 60)
            assert monotonic() - started < 3
            # What needs no lock goes on.
            await store.begin(intent())
        assert isinstance(await store.reserve(limits, Amount(), 60), Reservation)


async def test_a_statement_that_takes_too_long_is_stopped(postgres_url: str) -> None:
    async with open_store(postgres_url, timeout=0.5) as store:
        with psycopg.connect(postgres_url) as other:
            other.execute("LOCK TABLE records")
            for call in (store.begin(intent()), store.finish(1, outcome())):
                with anyio.fail_after(5), pytest.raises(StoreError, match=r"locked|too long"):
                    await call
        assert await store.begin(intent()) > 0


async def test_a_server_that_goes_away_and_comes_back_is_used_again(postgres_url: str) -> None:
    async with _wired(postgres_url) as (wire, url), open_store(url, timeout=2) as store:
        first = await store.begin(intent())
        await wire.down()
        for _ in range(2):
            with anyio.fail_after(10), pytest.raises(StoreError, match="cannot be reached"):
                await store.begin(intent())
            with anyio.fail_after(10), pytest.raises(StoreError, match="cannot be reached"):
                await store.page()
        await wire.up()
        second = await store.begin(intent())
        assert [record.id for record in (await store.page()).records] == [second, first]


async def test_a_line_that_swallows_everything_is_an_error_in_time_and_given_up(postgres_url: str) -> None:
    async with _wired(postgres_url) as (wire, url), open_store(url, timeout=1) as store:
        first = await store.begin(intent())
        wire.swallow()
        with anyio.fail_after(10), pytest.raises(StoreError, match="does not answer"):
            await store.begin(intent())
        with anyio.fail_after(10):
            later = [await store.begin(intent()) for _ in range(3)]
        assert [record.id async for record in store.export()] == [first, *later]


async def test_the_database_may_have_only_readers(postgres_url: str) -> None:
    async with open_store(postgres_url) as store:
        await store.begin(intent())
    url = f"{postgres_url}%20-cdefault_transaction_read_only%3Don"
    async with open_store(postgres_url):
        store = open_store(url)
        with pytest.raises(StoreError, match="cannot be written"):
            await store.begin(intent())
        assert len((await store.page()).records) == 1
        await store.aclose()
