"""Whatever two peers say, in whatever order (see `chaos`)."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.gateway.session.chaos import Chaos


@settings(max_examples=150, deadline=None)
@given(st.binary(min_size=100, max_size=800))
def test_what_is_promised_holds_whatever_two_peers_say(choices: bytes) -> None:
    Chaos(choices).run()


@pytest.mark.slow
@pytest.mark.timeout(600)
@settings(max_examples=3000, deadline=None)
@given(st.binary(min_size=100, max_size=2000))
def test_it_holds_for_long(choices: bytes) -> None:
    Chaos(choices).run()
