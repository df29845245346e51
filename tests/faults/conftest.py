"""A PostgreSQL database of the run's own, as the tests of the store have it."""

from __future__ import annotations

from tests.store.conftest import postgres_database, postgres_url

__all__ = ["postgres_database", "postgres_url"]
