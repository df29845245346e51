"""A store of each kind: every test that asks for ``store`` or ``url`` runs on SQLite and on PostgreSQL."""

from __future__ import annotations

import os
import secrets
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

import psycopg
import pytest

from tests.store.samples import Clock
from upcall.store import Store, open_store

_SERVER = os.environ.get("UPCALL_TEST_POSTGRES") or "postgresql://postgres@127.0.0.1:5432/postgres"


@pytest.fixture(scope="session")
def postgres_database() -> Iterator[str]:
    """The address of a database that lives as long as this run."""
    name = f"upcall_test_{os.getpid()}_{secrets.token_hex(3)}"
    try:
        server = psycopg.connect(_SERVER, autocommit=True, connect_timeout=5)
    except psycopg.OperationalError as error:
        needs = (
            f"This needs a PostgreSQL server whose user may create databases. Start one on 127.0.0.1:5432 (user "
            f"postgres, trusted), or name yours in UPCALL_TEST_POSTGRES. {type(error).__name__}: {error}"
        )
        # A user's machine may have none; where one is promised, its absence is a failure.
        if os.environ.get("CI") or os.environ.get("UPCALL_TEST_POSTGRES"):
            pytest.fail(needs)
        pytest.skip(needs)
    with server:
        server.execute(f'CREATE DATABASE "{name}"')
        try:
            yield urlunsplit(urlsplit(_SERVER)._replace(path=f"/{name}"))
        finally:
            server.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def schema_in(database: str) -> str:
    """The address of a new schema there, which goes with the database."""
    name = f"s{secrets.token_hex(6)}"
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(f'CREATE SCHEMA "{name}"')
    return f"{database}?options={quote(f'-csearch_path={name}')}"


@pytest.fixture
def postgres_url(postgres_database: str) -> str:
    """A schema of the test's own."""
    return schema_in(postgres_database)


@pytest.fixture
def sqlite_file(tmp_path: Path) -> Path:
    """Where a file could be."""
    return tmp_path / "state" / "upcall.db"


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def url(request: pytest.FixtureRequest) -> str:
    """The address of an empty store, of each kind in turn."""
    return str(request.getfixturevalue("sqlite_file" if request.param == "sqlite" else "postgres_url"))


@pytest.fixture
def clock() -> Clock:
    """The clock of ``store``."""
    return Clock()


@pytest.fixture
async def store(url: str, clock: Clock) -> AsyncIterator[Store]:
    """An empty store, of each kind in turn."""
    async with open_store(url, clock=clock) as opened:
        yield opened
