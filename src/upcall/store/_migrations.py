"""The schema's numbered steps, ``migrations/NNNN_name.sql``: each is applied once, in order, in one transaction."""

from __future__ import annotations

import sqlite3
from functools import cache
from importlib.resources import files
from typing import NamedTuple

from upcall.errors import StoreError
from upcall.store._connection import Connection

__all__ = ["Migration", "migrate", "migrations"]

_VERSIONS = "upcall_schema"


class Migration(NamedTuple):
    """One step."""

    version: int
    name: str
    statements: tuple[str, ...]


@cache
def migrations() -> tuple[Migration, ...]:
    """All steps that this release knows."""
    found = []
    for file in (files("upcall.store") / "migrations").iterdir():
        number, _, rest = file.name.partition("_")
        if rest.endswith(".sql"):
            text = file.read_text(encoding="utf-8")
            found.append(Migration(int(number), rest.removesuffix(".sql"), tuple(_statements(text))))
    return tuple(sorted(found))


def migrate(connection: Connection, table_exists: str, *, known: tuple[Migration, ...] | None = None) -> None:
    """Bring the schema up to date. Several processes may do this at once.

    Args:
        connection: Outside of a transaction.
        table_exists: Query of the database's dialect.
        known: The steps, in order; those of this release by default.

    Raises:
        StoreError: The schema is newer than the last step known.
    """
    known = migrations() if known is None else known
    # Nearly always there is nothing to do, and to see that needs no lock, which others may hold.
    if _version(connection, table_exists) != known[-1].version:
        connection.begin(lock=True)
        _apply(connection, _version(connection, table_exists), known)
        connection.commit()


def _version(connection: Connection, table_exists: str) -> int:
    if not connection.rows(table_exists, (_VERSIONS,)):
        return 0
    return int(connection.rows(f"SELECT max(version) FROM {_VERSIONS}")[0][0])  # noqa: S608 a constant


def _apply(connection: Connection, version: int, known: tuple[Migration, ...]) -> None:
    if version > known[-1].version:
        raise StoreError(
            "The record was written by a newer upcall.",
            hint="Update upcall, or name another record.",
            detail=f"schema {version}, known up to {known[-1].version}",
        )
    if version == 0:
        connection.run(f"CREATE TABLE {_VERSIONS} (version BIGINT NOT NULL PRIMARY KEY, name TEXT NOT NULL)")
    for step in known:
        if step.version > version:
            for statement in step.statements:
                connection.run(statement)
            insert = f"INSERT INTO {_VERSIONS} (version, name) VALUES (?, ?)"  # noqa: S608 a constant
            connection.run(insert, (step.version, step.name))


def _statements(text: str) -> list[str]:
    found, lines = [], list[str]()
    for line in text.splitlines():
        code = line.partition("--")[0].rstrip()
        if code:
            lines.append(code)
        if lines and sqlite3.complete_statement("\n".join(lines)):
            found.append("\n".join(lines).rstrip().removesuffix(";"))
            lines = []
    if lines:
        raise ValueError(f"an unfinished statement: {lines[0]}")
    return found
