"""Fixtures that every room's tests share."""

from __future__ import annotations

import pytest


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Parking needs asyncio, so the suite runs on it."""
    return "asyncio"
