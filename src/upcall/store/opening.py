"""From an address to a store. What works on a database is loaded with the first store that is opened."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from upcall.errors import ConfigurationError
from upcall.store._times import now
from upcall.store.base import Store

if TYPE_CHECKING:
    from upcall.store._connection import Backend

__all__ = ["default_location", "file_of", "open_store", "state_folder"]

TIMEOUT = 5.0
PATIENCE = 30.0
_VARIABLE = "UPCALL_STORE"
_BATCH = 256
_WRITE = 3
"""So many times the timeout a write may take: in the queue, for the lock, and once more on a new connection."""


def open_store(
    url: str | Path | None = None,
    *,
    timeout: float = TIMEOUT,
    patience: float = PATIENCE,
    clock: Callable[[], datetime] = now,
) -> Store:
    """The store at ``url``. It connects when it is entered (``async with``) or first used.

    Args:
        url: A file (a path, or ``sqlite:///path``), ``:memory:``, or ``postgresql://user:password@host/database``;
            ``None`` for `default_location`.
        timeout: Seconds to wait for a lock, or for a connection. A write fails after three times as long at most.
        patience: Seconds that reading may take.
        clock: What time it is, with a time zone; for tests.

    Raises:
        ConfigurationError: ``url`` is none of these, or a driver is missing or too old.
    """
    url = default_location() if url is None else url
    if isinstance(url, str) and url.startswith(("postgresql://", "postgres://")):
        return _postgres(url, timeout, patience, clock)
    import sqlite3

    from upcall.store._database import Database
    from upcall.store._lane import Lane
    from upcall.store._sqlite import MEMORY, SqliteBackend
    from upcall.store._store import SqlStore

    if sqlite3.sqlite_version_info < (3, 35):  # RETURNING came with it
        raise ConfigurationError(f"SQLite {sqlite3.sqlite_version} is too old.", hint="3.35 or newer is needed.")
    place = _place(url)
    backend = SqliteBackend(place, timeout=timeout, patience=patience)
    if place == MEMORY:
        writing = Lane(backend, write=True, batch=_BATCH, patience=timeout, limit=_WRITE * timeout, idle=None)
        database = Database(backend, writing=writing, reading=writing, closing=_WRITE * timeout)
        return SqlStore(database, clock=clock, shared=False)
    return _on_lanes(backend, 1, timeout, patience, clock)


def default_location() -> str | Path:
    """``UPCALL_STORE`` where that is set, else ``upcall.db`` in the user's folder for state."""
    return os.environ.get(_VARIABLE) or state_folder() / "upcall.db"


def file_of(url: str | Path) -> Path | None:
    """The file that an address of `open_store` names; ``None`` when it names none."""
    if isinstance(url, Path):
        return url
    if "://" in url.removeprefix("sqlite:///") or url == ":memory:":
        return None
    return Path(url.removeprefix("sqlite:///")).expanduser()


def state_folder() -> Path:
    """Where upcall keeps what it has to remember for this user. It may not exist yet."""
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Application Support"
    else:
        base = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state")
    return base / "upcall"


def _place(url: str | Path) -> str | Path:
    from upcall.store._sqlite import MEMORY

    if isinstance(url, Path) or url == MEMORY:
        return url
    if url.startswith("sqlite:///"):
        url = url.removeprefix("sqlite:///")
    if not url or "://" in url:
        raise ConfigurationError(
            "This is no address of a record.",  # and may hold a password, so it is not repeated
            hint="Name a file, or a database like postgresql://user@host/name.",
        )
    return Path(url).expanduser()


def _postgres(url: str, timeout: float, patience: float, clock: Callable[[], datetime]) -> Store:
    if find_spec("psycopg") is None:
        raise ConfigurationError("PostgreSQL needs a driver.", hint="pip install 'upcall[postgres]'")
    from upcall.store._postgres import PostgresBackend

    return _on_lanes(PostgresBackend(url, timeout=timeout, patience=patience), 2, timeout, patience, clock)


def _on_lanes(backend: Backend, writers: int, timeout: float, patience: float, clock: Callable[[], datetime]) -> Store:
    from upcall.store._database import Database
    from upcall.store._lane import Lane
    from upcall.store._store import SqlStore

    limit = _WRITE * timeout
    writing = Lane(backend, write=True, threads=writers, batch=_BATCH, patience=timeout, limit=limit)
    reading = Lane(backend, write=False, threads=2, patience=patience, limit=patience + timeout)
    return SqlStore(Database(backend, writing=writing, reading=reading, closing=limit), clock=clock)
