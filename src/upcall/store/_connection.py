"""What queries and lanes need of a database: the seam between SQLite and PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeAlias, TypeVar

__all__ = ["Backend", "Connection", "Session", "Transaction", "Work"]

T = TypeVar("T")


class Session(Protocol):
    """An open transaction. SQL is written with ``?`` for parameters and in the words that both databases know."""

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Execute and fetch everything."""
        ...

    def run(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        """Execute; how many rows were touched."""
        ...


class Transaction:
    """A session that knows what belongs to one transaction, which several jobs may share.

    Attributes:
        kept: What jobs keep for those after them, by a key of their own.
        last: What is still to be done before the commit.
    """

    def __init__(self, session: Session) -> None:
        self.rows, self.run = session.rows, session.run
        self.kept: dict[object, Any] = {}
        self.last: list[Callable[[], object]] = []


Work: TypeAlias = Callable[[Transaction], T]
"""Something to do in one transaction. May be done over, after a rollback, so it has no other effects."""


class Connection(Session, Protocol):
    """Belongs to one thread."""

    def begin(self, *, lock: bool) -> None:
        """Start a transaction; with ``lock``, wait until no other process has one that asked for the lock."""
        ...

    def commit(self) -> None: ...

    def roll_back(self) -> bool:
        """Undo after an error. False when the connection is of no more use."""
        ...

    def close(self) -> None: ...

    def cut(self) -> None:
        """Have whatever its thread is waiting for fail. May be called from any thread."""
        ...


class Backend(Protocol):
    """One database."""

    def connect(self, *, write: bool) -> Connection:
        """A new connection to an up-to-date schema."""
        ...

    def explain(self, error: Exception) -> Exception:
        """The `StoreError` that an error of the driver amounts to; other errors as they are."""
        ...
