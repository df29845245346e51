"""The terms that a connection follows."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from upcall.errors import ConfigurationError
from upcall.gateway.session.terms import Terms
from upcall.gateway.stdio.serving import FollowedTerms


class Scripted:
    """Says what a test has it say."""

    server = "it"

    def __init__(self, *said: Terms | ConfigurationError) -> None:
        self._said = list(said)

    def terms(self) -> Terms:
        said = self._said.pop(0)
        if isinstance(said, ConfigurationError):
            raise said
        return said


def test_while_the_policy_cannot_be_used_nothing_samples_and_the_protocol_stays(
    caplog: pytest.LogCaptureFixture,
) -> None:
    broken = ConfigurationError("It is broken.")
    answering: Any = Scripted(broken, Terms(server="it", protocol="legacy"), broken, broken, Terms(server="it"), broken)
    terms = FollowedTerms(answering)
    with caplog.at_level(logging.ERROR):
        found = [terms() for _ in range(6)]
    assert [one.allowed for one in found] == [False, True, False, False, True, False]
    assert [one.protocol for one in found] == ["auto", "legacy", "legacy", "legacy", "auto", "auto"]
    assert len(caplog.records) == 3
