"""Fixtures of this room."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.server.peers import ERAS


@pytest.fixture(params=ERAS)
def era(request: pytest.FixtureRequest) -> str:
    """Both ways of asking."""
    return str(request.param)


@pytest.fixture
async def no_orphans() -> AsyncIterator[None]:
    """Whatever a test does, no task of upcall's is left when it is over."""
    yield
    left = [task for task in asyncio.all_tasks() if task.get_name().startswith("upcall")]
    if left:
        _, left_after_all = await asyncio.wait(left, timeout=2)
        assert not left_after_all
