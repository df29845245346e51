"""Who may sample: the policy's decision, before anything else is done."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tests.host.playbook import MODEL, Playbook, answer, asked, rules
from upcall.errors import SamplingRefused
from upcall.host.engine import Exchange, Rest, Stage, Steps, calling, reply, validity
from upcall.host.engine.policy import policy
from upcall.host.records import Ruling


def _stages(text: str, *more: Stage) -> Sequence[Stage]:
    return validity, policy(rules(text)), *more, reply, calling(MODEL)


def test_what_is_denied_is_refused_before_any_model_and_the_operator_reads_why() -> None:
    play = Playbook(asked(), stages=_stages('[server.logs]\ndecision = "deny"'))
    entry = play.records("refused")
    error = play.raises(SamplingRefused, match="not answered")
    assert isinstance(error, SamplingRefused)
    assert "policy" not in str(error), "where the rule stands is nobody else's business"
    assert "[server.logs]" in error.detail
    assert entry.ruling == Ruling(decision="deny", by="policy:2 server.logs.decision")
    assert entry.model_asked is None
    assert entry.request == asked()


def test_what_is_allowed_goes_on_and_the_record_tells_which_rule_said_so() -> None:
    play = Playbook(asked(), stages=_stages('[default]\ndecision = "allow"')).calls(asked()).completes(answer())
    assert play.records("answered").ruling == Ruling(decision="allow", by="policy:2 default.decision")


@pytest.mark.parametrize("text", ["", '[default]\ndecision = "ask"'])
def test_a_person_is_due_where_the_policy_says_so_or_says_nothing(text: str) -> None:
    due: list[str | None] = []

    def look(exchange: Exchange, rest: Rest) -> Steps[None]:
        due.append(exchange.due)
        assert exchange.ruling is None, "nobody has allowed it yet"
        yield from rest()

    Playbook(asked(), stages=_stages(text, look)).calls(asked())
    (reason,) = due
    assert reason is not None
    assert "ask about every request" in reason
