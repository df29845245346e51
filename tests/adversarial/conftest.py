"""Every attack is tried in both eras."""

from __future__ import annotations

import pytest

from tests.adversarial.attacker import ERAS


@pytest.fixture(params=ERAS)
def mode(request: pytest.FixtureRequest) -> str:
    """The client's ``mode``."""
    return str(request.param)
