"""What several tests of the commands start from."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.recorded import fill


@pytest.fixture
async def store(tmp_path: Path) -> str:
    """Six records, see `fill`."""
    path = tmp_path / "upcall.db"
    await fill(path)
    return str(path)
