"""The flags of the policy are those of the scanner."""

from __future__ import annotations

from upcall.host.policy import FLAGS
from upcall.host.scanning import rules


def test_the_policy_knows_every_flag_that_scanning_raises_and_no_other() -> None:
    assert dict(FLAGS) == dict(rules().kinds)
