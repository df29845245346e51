"""SQLite. A write lane of one thread, which the file allows anyway, and readers that nobody waits for (WAL).

``synchronous=FULL``: a commit is on the disk before anybody goes on, so that a power cut takes no more than
``kill -9`` does, which is nothing. The write lane's batches make that affordable.
"""

from __future__ import annotations

import os
import random
import sqlite3
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from time import monotonic
from typing import Any

from upcall.errors import StoreError
from upcall.store._dialect import TABLE_EXISTS_SQLITE
from upcall.store._migrations import migrate

__all__ = ["MEMORY", "SqliteBackend"]

MEMORY = ":memory:"

_HARMLESS = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_CONSTRAINT,
    sqlite3.SQLITE_ERROR,
    sqlite3.SQLITE_INTERRUPT,
}
"""Primary codes after which the connection is as good as before."""
_STEPS = 10_000
"""Instructions of SQLite's machine between two looks at the clock."""

_MESSAGES = {
    sqlite3.SQLITE_FULL: ("The disk that holds the record is full.", "Free some space."),
    sqlite3.SQLITE_BUSY: ("The record is locked by another process.", "Try again."),
    sqlite3.SQLITE_LOCKED: ("The record is locked.", "Try again."),
    sqlite3.SQLITE_READONLY: ("The record cannot be written.", "Check the permissions of its file and folder."),
    sqlite3.SQLITE_CANTOPEN: ("The record cannot be opened.", "Check the permissions of its file and folder."),
    sqlite3.SQLITE_PERM: ("The record cannot be opened.", "Check the permissions of its file and folder."),
    sqlite3.SQLITE_CORRUPT: ("The record's file is damaged.", "Restore it, or move it away to begin a new one."),
    sqlite3.SQLITE_NOTADB: ("The record's file is no database.", "Name another, or move it away to begin a new one."),
    sqlite3.SQLITE_IOERR: ("The disk that holds the record failed.", "Check its space and its health."),
    sqlite3.SQLITE_INTERRUPT: ("Reading the record took too long.", "Ask for less, a shorter time for instance."),
}


class SqliteBackend:
    """One file, or one memory.

    Args:
        path: The file; it and its folder are made when they are missing, for the user alone. Or `MEMORY`.
        timeout: Seconds to wait for other processes.
        patience: Seconds that reading may take.
    """

    def __init__(self, path: Path | str, *, timeout: float, patience: float) -> None:
        self._path = path
        self._timeout = timeout
        self._patience = patience

    def __repr__(self) -> str:
        return f"sqlite {self._path}"

    def connect(self, *, write: bool) -> SqliteConnection:
        """Open the file."""
        if isinstance(self._path, Path):
            _make(self._path)
        # timeout=0: waiting is our own affair, see `_patiently`.
        raw = sqlite3.connect(self._path, timeout=0, isolation_level=None, cached_statements=256)
        try:
            connection = SqliteConnection(raw, self._path, timeout=self._timeout, patience=self._patience)
            connection.prepare()
            migrate(connection, TABLE_EXISTS_SQLITE)
            if not write:
                connection.only_read()
        except BaseException:
            raw.close()
            raise
        return connection

    def explain(self, error: Exception) -> Exception:
        """See `Backend.explain`."""
        if isinstance(error, OSError):
            message, hint = _MESSAGES[sqlite3.SQLITE_CANTOPEN]
            return StoreError(message, hint=hint, detail=f"{self._path}: {error}")
        if not isinstance(error, sqlite3.Error):
            return error
        message, hint = _MESSAGES.get(_code(error), ("The record failed.", ""))
        name = getattr(error, "sqlite_errorname", type(error).__name__)
        return StoreError(message, hint=hint, detail=f"{self._path}: {name}: {error}")


class SqliteConnection:
    """See `Connection`."""

    def __init__(self, raw: sqlite3.Connection, path: Path | str, *, timeout: float, patience: float) -> None:
        self._raw = raw
        self._path = path
        self._timeout = timeout
        self._patience = patience
        self._begin = self._begin_writing
        self._until = 0.0
        self._file = _identity(path)
        self._sound = True

    def prepare(self) -> None:
        """Set up what the file and the connection need before any transaction."""
        # Switching to WAL needs the file for itself, and then does not wait by itself.
        self._patiently("PRAGMA journal_mode = WAL")
        self._raw.execute("PRAGMA synchronous = FULL")
        self._raw.execute("PRAGMA secure_delete = ON")  # what is pruned may be secret
        self._raw.execute("PRAGMA journal_size_limit = 67108864")
        self._raw.execute("PRAGMA trusted_schema = OFF")

    def only_read(self) -> None:
        """From now on, transactions read a snapshot, for a limited time."""
        self._raw.execute("PRAGMA query_only = ON")
        self._raw.execute(f"PRAGMA busy_timeout = {round(self._timeout * 1000)}")
        self._raw.set_progress_handler(self._too_long, _STEPS)
        self._begin = self._begin_reading

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """See `Session`."""
        try:
            return self._raw.execute(sql, parameters).fetchall()
        except sqlite3.Error as error:
            self._judge(error)
            raise

    def run(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        """See `Session`."""
        try:
            return self._raw.execute(sql, parameters).rowcount
        except sqlite3.Error as error:
            self._judge(error)
            raise

    def begin(self, *, lock: bool) -> None:
        """Writing transactions have the whole file to themselves, so ``lock`` adds nothing."""
        if _identity(self._path) != self._file:
            self._sound = False
            raise sqlite3.OperationalError("the file was removed or replaced")
        self._begin()

    def commit(self) -> None:
        """See `Connection`."""
        self.run("COMMIT")

    def roll_back(self) -> bool:
        """See `Connection`."""
        try:
            if self._raw.in_transaction:  # some errors have rolled back already
                self._raw.execute("ROLLBACK")
        except sqlite3.Error:
            return False
        return self._sound

    def close(self) -> None:
        """See `Connection`."""
        with suppress(sqlite3.Error):
            self._raw.close()

    def cut(self) -> None:
        """See `Connection`."""
        with suppress(sqlite3.Error):
            self._raw.interrupt()

    def _begin_writing(self) -> None:
        self._patiently("BEGIN IMMEDIATE")

    def _begin_reading(self) -> None:
        self._until = monotonic() + self._patience
        self.run("BEGIN")

    def _patiently(self, sql: str) -> None:
        """Execute once others let us.

        SQLite's own way of waiting sleeps for longer and longer: against a process that writes without pause, it
        is never awake at the right moment. Short naps of random length get their turn.
        """
        until = monotonic() + self._timeout
        while True:
            try:
                self._raw.execute(sql)
            except sqlite3.Error as error:
                if _code(error) != sqlite3.SQLITE_BUSY or monotonic() > until:
                    self._judge(error)
                    raise
            else:
                return
            time.sleep(random.uniform(0.0002, 0.003))  # noqa: S311 no secret

    def _too_long(self) -> int:
        return monotonic() > self._until

    def _judge(self, error: sqlite3.Error) -> None:
        if _code(error) not in _HARMLESS:
            self._sound = False


def _code(error: sqlite3.Error) -> int:
    return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF


def _make(path: Path) -> None:
    """An empty file and its folder, for the user alone. SQLite gives the files beside it the same permissions.

    One that exists is not even opened: closing it would take away the locks that other connections of this process
    hold on it (POSIX).
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))


def _identity(path: Path | str) -> tuple[int, int] | None:
    """Device and inode; ``None`` for memory, and where there is no file."""
    if not isinstance(path, Path):
        return None
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino
