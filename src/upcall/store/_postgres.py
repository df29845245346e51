"""PostgreSQL, for several machines. Lanes of a few threads, each with a connection; psycopg's blocking side.

Budgets have one lock for the whole schema (``pg_advisory_xact_lock``): a reservation nearly always counts under a
key that all others count under, so finer locks would serialize them just the same, and could deadlock.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from contextlib import suppress
from typing import Any
from urllib.parse import unquote, urlsplit

import psycopg
from psycopg import errors

from upcall.errors import StoreError
from upcall.store._dialect import TABLE_EXISTS_POSTGRES, for_postgres
from upcall.store._migrations import migrate

__all__ = ["PostgresBackend"]

_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended(current_schema() || '.upcall', 0))"

_MESSAGES: tuple[tuple[type[psycopg.Error], str, str], ...] = (
    (errors.DiskFull, "The disk that holds the record is full.", "Free some space on the database's machine."),
    (errors.LockNotAvailable, "The record is locked by another process.", "Try again."),
    (errors.ReadOnlySqlTransaction, "The record cannot be written.", "Check the database's mode."),
    (errors.InsufficientPrivilege, "The record cannot be written.", "Check the rights of the database's user."),
    (errors.QueryCanceled, "The record took too long.", "Ask for less, or try again."),
    (errors.DataCorrupted, "The record's database is damaged.", "Look at the database's own log."),
    (errors.IndexCorrupted, "The record's database is damaged.", "Look at the database's own log."),
    (psycopg.OperationalError, "The record's database cannot be reached.", "Check that it runs, and its address."),
)


class PostgresBackend:
    """One schema of one database.

    Args:
        url: As libpq reads it. ``options=-csearch_path%3Dname`` names another schema than the user's first.
        timeout: Seconds to wait for a connection, a lock, or one statement that writes.
        patience: Seconds that reading may take.
    """

    def __init__(self, url: str, *, timeout: float, patience: float) -> None:
        self._url = url
        self._timeout = timeout
        self._patience = patience

    def __repr__(self) -> str:
        try:
            parts = urlsplit(self._url)
            return f"postgresql {parts.hostname or ''}{parts.path}"
        except ValueError:
            return "postgresql"

    def connect(self, *, write: bool) -> PostgresConnection:
        """Connect, with every wait bounded."""
        raw = self._reach()
        try:
            connection = PostgresConnection(raw, write=True)
            connection.limit("lock_timeout", self._timeout)
            # Should this machine vanish in the middle of a transaction, others get the lock back.
            connection.limit("idle_in_transaction_session_timeout", 2 * self._timeout)
            migrate(connection, TABLE_EXISTS_POSTGRES)
            # Longer than for locks, so that it is told which of the two it was.
            connection.limit("statement_timeout", 1.5 * self._timeout if write else self._patience)
        except BaseException:
            raw.close()
            raise
        return connection if write else PostgresConnection(raw, write=False)

    def _reach(self) -> psycopg.Connection[tuple[Any, ...]]:
        seconds = max(2, round(self._timeout))  # libpq takes anything less for 2
        try:
            return psycopg.connect(
                self._url,
                autocommit=True,
                connect_timeout=seconds,
                tcp_user_timeout=seconds * 1000,
                keepalives_idle=seconds,
                keepalives_interval=2,
                keepalives_count=3,
            )
        except psycopg.Error as error:
            told = self.explain(error)
        raise told  # out here it does not carry the driver's error along, which may quote the address

    def explain(self, error: Exception) -> Exception:
        """See `Backend.explain`."""
        if not isinstance(error, psycopg.Error):
            return error
        detail = self._without_secrets(f"{self!r}: {type(error).__name__}: {error}")
        for kind, message, hint in _MESSAGES:
            if isinstance(error, kind):
                return StoreError(message, hint=hint, detail=detail)
        return StoreError("The record's database failed.", detail=detail)

    def _without_secrets(self, text: str) -> str:
        text = text.replace(self._url, "(address)")
        with suppress(ValueError):
            password = urlsplit(self._url).password
            for secret in {password, unquote(password)} if password else ():
                text = text.replace(secret, "***")
        return text


class PostgresConnection:
    """See `Connection`."""

    def __init__(self, raw: psycopg.Connection[tuple[Any, ...]], *, write: bool) -> None:
        self._raw = raw
        self._begin = "BEGIN" if write else "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"

    def limit(self, setting: str, seconds: float) -> None:
        """Set one of the server's time limits for this connection."""
        self._raw.execute("SELECT set_config(%s, %s, false)", (setting, str(round(seconds * 1000))))

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """See `Session`."""
        return self._execute(sql, parameters).fetchall()

    def run(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        """See `Session`."""
        return self._execute(sql, parameters).rowcount

    def begin(self, *, lock: bool) -> None:
        """``lock`` is waited for, as long as ``lock_timeout`` says."""
        self._raw.execute(f"{self._begin}; {_LOCK}" if lock else self._begin, prepare=False)

    def commit(self) -> None:
        """See `Connection`."""
        self._raw.execute("COMMIT", prepare=False)

    def roll_back(self) -> bool:
        """See `Connection`."""
        try:
            self._raw.execute("ROLLBACK", prepare=False)
        except psycopg.Error:
            return False
        return not self._raw.broken

    def close(self) -> None:
        """See `Connection`."""
        with suppress(psycopg.Error):
            self._raw.close()

    def cut(self) -> None:
        """See `Connection`. A line that swallows everything has no end by itself."""
        with suppress(psycopg.Error, OSError), socket.socket(fileno=os.dup(self._raw.fileno())) as line:
            line.shutdown(socket.SHUT_RDWR)

    def _execute(self, sql: str, parameters: Sequence[Any]) -> psycopg.Cursor[tuple[Any, ...]]:
        return self._raw.execute(for_postgres(sql), parameters)
