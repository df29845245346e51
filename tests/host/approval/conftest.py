"""A store of each kind, as the store's own tests have it."""

from tests.store.conftest import postgres_database, postgres_url, sqlite_file, url

__all__ = ["postgres_database", "postgres_url", "sqlite_file", "url"]
