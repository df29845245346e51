"""Choosing in the line: preferences are advice, within what the policy allows."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tests.host.playbook import Playbook, answer, asked, rules
from upcall.errors import SamplingRefused
from upcall.host.choosing import Candidate, builtin_families
from upcall.host.engine import Call, Stage, calling, reply, validity
from upcall.host.engine.choosing import choosing
from upcall.wire import ModelHint, ModelPreferences

SONNET, MINI = "anthropic/claude-sonnet-5", "openai/gpt-5.4-mini"
POLICY = f'[default]\nmodels = ["{SONNET}", "{MINI}"]\n[alternates]\n"{SONNET}" = ["{MINI}", "openai/gpt-9"]'


def _stages(*models: str) -> Sequence[Stage]:
    candidates = [Candidate(model=model, usd_per_mtok=price) for model, price in zip(models, (9.0, 1.0), strict=False)]
    return validity, choosing(rules(POLICY), candidates, builtin_families()), reply, calling()


def _hints(*names: str) -> ModelPreferences:
    return ModelPreferences(hints=[ModelHint(name=name) for name in names])


@pytest.mark.parametrize(
    ("preferences", "model"),
    [
        (None, SONNET),
        (_hints("mini", "sonnet"), MINI),
        (_hints("no-such", "sonnet", "mini"), SONNET),
        (ModelPreferences(cost_priority=1.0), MINI),
        (ModelPreferences(hints=[ModelHint(name="sonnet")], cost_priority=1.0), SONNET),
    ],
)
def test_hints_in_their_order_come_before_priorities_and_those_before_the_default(
    preferences: ModelPreferences | None, model: str
) -> None:
    play = Playbook(asked(model_preferences=preferences), stages=_stages(SONNET, MINI))
    assert play.wants(Call).model == model


def test_a_hint_for_a_model_of_another_provider_finds_its_equivalent() -> None:
    play = Playbook(asked(model_preferences=_hints("gemini-2.5-flash")), stages=_stages(SONNET, MINI))
    assert play.wants(Call).model == MINI
    assert play.completes(answer()).records("answered").adjustments == ()


def test_a_hint_that_nothing_allowed_meets_is_noted() -> None:
    play = Playbook(asked(model_preferences=_hints("some-unheard-of-thing")), stages=_stages(SONNET, MINI))
    assert play.wants(Call).model == SONNET
    (note,) = play.completes(answer()).records("answered").adjustments
    assert (note.field, note.action) == ("modelPreferences.hints", "dropped")
    assert "some-unheard-of-thing" in note.reason


def test_alternates_that_the_server_may_use_go_along() -> None:
    play = Playbook(asked(), stages=_stages(SONNET, MINI))
    assert play.wants(Call).alternates == (MINI,)


def test_without_an_allowed_model_nothing_is_called() -> None:
    play = Playbook(asked(), stages=_stages())
    entry = play.records("refused")
    error = play.raises(SamplingRefused, match="no model")
    assert isinstance(error, SamplingRefused)
    assert "models" in error.detail
    assert entry.ruling is not None
    assert entry.ruling.decision == "deny"
