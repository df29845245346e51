"""What every test of this folder starts from."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.conformance.npm import Programs
from tests.interop.gateway.places import Desk, desk


@pytest.fixture
async def table(programs: Programs, tmp_path: Path) -> AsyncIterator[Desk]:
    """A desk."""
    async with desk(programs, tmp_path) as one:
        yield one
