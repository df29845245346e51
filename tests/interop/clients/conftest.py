"""What every test of this folder starts from."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.interop.clients.places import Scene


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    """A home folder and a project of the test's."""
    return Scene(tmp_path)
