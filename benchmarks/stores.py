"""Places for records: files of SQLite, and databases of a PostgreSQL server where one is to be had.

The server is the one on 127.0.0.1, or what UPCALL_TEST_POSTGRES names.
"""

from __future__ import annotations

import os
import secrets
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

__all__ = ["postgres_maker", "sqlite_maker"]

_SERVER = "UPCALL_TEST_POSTGRES"


def sqlite_maker(stack: ExitStack) -> Callable[[], str]:
    """Names files that are not there yet, in a folder that goes with ``stack``."""
    folder = stack.enter_context(tempfile.TemporaryDirectory())
    return lambda: str(Path(folder) / f"{secrets.token_hex(4)}.db")


@contextmanager
def postgres_maker() -> Iterator[Callable[[], str]]:
    """Makes databases, which go in the end."""
    import psycopg

    address = os.environ.get(_SERVER) or "postgresql://postgres@127.0.0.1:5432/postgres"
    made: list[str] = []
    with psycopg.connect(address, autocommit=True, connect_timeout=5) as server:

        def make() -> str:
            made.append(f"upcall_bench_{secrets.token_hex(4)}")
            server.execute(f'CREATE DATABASE "{made[-1]}"')
            return urlunsplit(urlsplit(address)._replace(path=f"/{made[-1]}"))

        try:
            yield make
        finally:
            for name in made:
                server.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
