"""Which model answers: hints, families, priorities, the default, and how it is explained."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from upcall.errors import ConfigurationError
from upcall.host.choosing import Candidate, Choice, Families, Family, builtin_families, candidate, choose
from upcall.wire import ModelHint, ModelPreferences

SONNET = "anthropic/claude-sonnet-5"
HAIKU = "anthropic/claude-haiku-4-5"
OPUS = "anthropic/claude-opus-4-6"
GPT = "openai/gpt-5.4"
MINI = "openai/gpt-5.4-mini"
GEMINI = "google/gemini-3.1-pro-preview"
FLASH = "google/gemini-3-flash-preview"
LLAMA = "openai/llama3@http://claude.example:11434/v1"
TINY = "local/smollm2"


def _choose(
    hints: list[str | None],
    allowed: list[str],
    *,
    default: str = "",
    cost: float | None = None,
    speed: float | None = None,
    intelligence: float | None = None,
    families: Families | None = None,
) -> Choice:
    preferences = ModelPreferences(
        hints=[ModelHint(name=hint) for hint in hints],
        cost_priority=cost,
        speed_priority=speed,
        intelligence_priority=intelligence,
    )
    return choose(preferences, [candidate(model) for model in allowed], default, families or builtin_families())


@pytest.mark.parametrize(
    ("hints", "allowed", "chosen", "reason"),
    [
        (["claude-sonnet"], [GPT, SONNET], SONNET, "hint"),
        (["CLAUDE"], [GPT, SONNET], SONNET, "hint"),
        (["anthropic/"], [GPT, SONNET], SONNET, "hint"),
        (["sonnet", "gpt"], [GPT, SONNET], SONNET, "hint"),
        (["mixtral", "gpt"], [SONNET, GPT], GPT, "hint"),
        ([None, "", "  ", "gpt"], [SONNET, GPT], GPT, "hint"),
        (["gpt-5.4"], [MINI, GPT], GPT, "hint"),
        (["gpt-5.4-mini-2026-03-17"], [GPT, MINI], MINI, "hint"),
        (["gpt-5.4-2026-03-05"], [MINI, GPT], GPT, "hint"),
        (["claude-sonnet-5-latest"], [GPT, SONNET], SONNET, "hint"),
        (["claude-3-5-sonnet-20241022"], [GPT, SONNET], SONNET, "family"),
        (["gpt-4o-mini"], [GPT, HAIKU, MINI], MINI, "family"),
        (["claude-3-haiku"], [GPT, SONNET, MINI], MINI, "equivalent"),
        (["claude-3-sonnet"], [MINI, GEMINI], GEMINI, "equivalent"),
        (["gemini-1.5-pro"], [MINI, OPUS, SONNET], SONNET, "equivalent"),
        (["gpt-4o-mini"], [SONNET, FLASH], FLASH, "equivalent"),
        (["gpt-5-pro"], [SONNET, OPUS], OPUS, "equivalent"),
    ],
)
def test_a_hint_is_met_by_name_then_by_family_then_by_an_equivalent(
    hints: list[str | None], allowed: list[str], chosen: str, reason: str
) -> None:
    choice = _choose(hints, allowed)
    assert (choice.model, choice.reason) == (chosen, reason)


def test_hints_are_taken_in_order_and_the_first_match_wins() -> None:
    for first, second in ((GPT, SONNET), (SONNET, GPT)):
        assert _choose([first, second], [SONNET, GPT], intelligence=1.0).model == first


def test_a_later_hint_that_names_an_allowed_model_comes_before_an_equivalent_of_an_earlier_one() -> None:
    assert _choose(["claude-3-5-sonnet", "gpt-4o"], [GEMINI, GPT]).model == GPT
    assert _choose(["claude-3-sonnet", "claude"], [GPT, HAIKU]).model == HAIKU


def test_hints_outrank_priorities() -> None:
    assert _choose(["opus"], [TINY, MINI, OPUS], cost=1.0, speed=1.0).model == OPUS


def test_priorities_settle_which_of_several_matches_answers() -> None:
    allowed = [SONNET, OPUS, HAIKU, TINY]
    assert _choose(["claude"], allowed, cost=1.0).model == HAIKU
    assert _choose(["claude"], allowed, intelligence=1.0).model == OPUS
    assert _choose(["claude"], allowed, default=OPUS).model == OPUS
    assert _choose(["claude"], allowed, default=TINY).model == SONNET


def test_an_address_is_not_part_of_the_name() -> None:
    choice = _choose(["claude"], [LLAMA, GPT], default=GPT)
    assert (choice.model, choice.reason) == (GPT, "default")
    assert _choose(["llama"], [GPT, LLAMA]).model == LLAMA


@pytest.mark.parametrize(
    ("priorities", "chosen"),
    [
        ({"cost": 1.0}, TINY),
        ({"speed": 1.0}, FLASH),
        ({"intelligence": 1.0}, OPUS),
        ({"intelligence": 1.0, "cost": 0.1}, OPUS),
        ({"intelligence": 0.1, "cost": 1.0, "speed": 0.5}, TINY),
        ({"intelligence": 0.5, "cost": 0.4, "speed": 0.5}, FLASH),
    ],
)
def test_without_hints_the_priorities_weigh_cost_speed_and_intelligence(
    priorities: dict[str, float], chosen: str
) -> None:
    choice = _choose([], [SONNET, OPUS, FLASH, TINY], default=SONNET, **priorities)  # type: ignore[arg-type]
    assert (choice.model, choice.reason) == (chosen, "priorities")


@pytest.mark.parametrize("preferences", [None, ModelPreferences(), ModelPreferences(cost_priority=0.0)])
def test_without_wishes_the_default_answers_or_the_first_where_that_is_not_allowed(
    preferences: ModelPreferences | None,
) -> None:
    allowed = [candidate(model) for model in (MINI, SONNET)]
    default = choose(preferences, allowed, SONNET, builtin_families())
    assert (default.model, default.reason) == (SONNET, "default")
    first = choose(preferences, allowed, OPUS, builtin_families())
    assert (first.model, first.reason) == (MINI, "first")
    assert any(OPUS in step and "not among them" in step for step in first.steps)


def test_no_allowed_model_is_an_error() -> None:
    with pytest.raises(ConfigurationError, match="No model is allowed"):
        _choose(["claude"], [])


def test_what_is_not_known_is_the_middle_and_said() -> None:
    choice = _choose([], [LLAMA, SONNET], cost=1.0, speed=1.0)
    row = next(row for row in choice.considered if row.model == LLAMA)
    assert (row.cost, row.speed, row.intelligence) == (0.5, 0.5, 0.5)
    assert row.unknown == ("cost", "speed", "intelligence")
    said = next(step for step in choice.steps if step.startswith("By the priorities"))
    assert f"Unknown, and taken as the middle: cost of {LLAMA}, speed of {LLAMA}." in said
    assert "intelligence of" not in said


def test_the_operators_word_on_a_model_stands_before_its_tiers() -> None:
    slow, fast = Candidate(model=MINI, speed=0.1), Candidate(model=GPT, speed=0.9, usd_per_mtok=0.0)
    choice = choose(ModelPreferences(speed_priority=1.0), [slow, fast], MINI, builtin_families())
    assert choice.model == GPT
    assert choice.considered[0].cost == 1.0
    assert choice.considered[0].unknown == ()


def test_an_allowed_model_more_does_not_reorder_the_others() -> None:
    two = _choose([], [SONNET, MINI], cost=0.7, intelligence=0.6)
    three = _choose([], [SONNET, MINI, "openai/o1-pro"], cost=0.7, intelligence=0.6)
    rows = [row for row in three.considered if row.model != "openai/o1-pro"]
    assert rows == list(two.considered)


def test_the_operator_extends_the_families() -> None:
    families = builtin_families().extended({"mixtral": ("local/*", "openai/*mini*", GPT), "sonnet": (TINY,)})
    assert _choose(["mixtral-8x7b"], [GPT, MINI], families=families).model == MINI
    choice = _choose(["claude-3-sonnet"], [GPT, SONNET, TINY], families=families)
    assert (choice.model, choice.reason) == (TINY, "own family")
    assert _choose(["claude-sonnet"], [GPT, SONNET, TINY], families=families).model == SONNET
    assert _choose(["mixtral-8x7b"], [OPUS], default=OPUS, families=families).reason == "default"
    assert _choose(["sonnet-4"], [TINY, GPT], families=families.extended({"sonnet": (GPT,)})).model == GPT


def test_a_family_of_no_tier_is_refused() -> None:
    lost = Family(name="lost", tier="nowhere", names=("lost",))
    with pytest.raises(ConfigurationError, match="nowhere"):
        Families(tiers={}, families=(lost,))


@pytest.mark.parametrize(
    ("name", "family"),
    [
        ("claude-3-5-sonnet-latest", "claude-sonnet"),
        ("openai/anthropic/claude-opus-4.6@https://openrouter.ai/api/v1", "claude-opus"),
        ("gpt-4o", "gpt"),
        ("gpt4o", "gpt"),
        ("gpt-4o-mini", "gpt-mini"),
        ("gpt-5-nano", "gpt-mini"),
        ("o3-mini", "gpt-mini"),
        ("o3", "gpt"),
        ("gpt-5.2-pro", "gpt-pro"),
        ("gpt-oss-20b", "gpt-oss"),
        ("gemini-1.5-pro", "gemini-pro"),
        ("gemini-3.5-flash-lite", "gemini-flash"),
        ("local/smollm2", "smollm"),
        ("claude", None),
        ("llama-3.3-70b", None),
        ("", None),
    ],
)
def test_a_name_is_of_the_first_family_that_fits(name: str, family: str | None) -> None:
    found = builtin_families().family_of(name)
    assert (found and found.name) == family


def test_the_steps_tell_the_whole_way() -> None:
    choice = _choose(["mixtral", "claude-3-haiku"], [GPT, MINI, FLASH], speed=0.5, cost=1.0)
    assert choice.steps == (
        "No allowed model is meant by “mixtral”, “claude-3-haiku”.",
        f"The hint “claude-3-haiku” (claude-haiku) has its equivalent of tier 'light' in {MINI}, {FLASH}.",
        f"By the priorities (cost 1, speed 0.5): {FLASH} {choice.considered[0].total:.2f}, "
        f"{MINI} {choice.considered[1].total:.2f}.",
        f"So {choice.model} answers.",
    )
    assert [row.wished for row in choice.considered] == [True, True, False]


def test_hostile_hints_are_shown_harmless_and_cost_little() -> None:
    nasty = ["\x1b[2J" + "a-" * 500_000, *(f"\u202eno such model {number}" for number in range(2_000))]
    started = time.perf_counter()
    choice = _choose([*nasty, "gpt"], [SONNET, GPT])
    assert time.perf_counter() - started < 5
    assert choice.model == GPT
    said = "\n".join(choice.steps)
    assert len(said) < 3_000
    assert not {"\x1b", "\u202e"} & set(said)
    assert "1,981 more" in said


_NAMES = st.sampled_from([SONNET, HAIKU, OPUS, GPT, MINI, GEMINI, FLASH, LLAMA, TINY])
_PRIORITIES = st.none() | st.floats(0, 1)
_HINTS = st.lists(st.builds(ModelHint, name=st.none() | st.text(max_size=8) | _NAMES | st.sampled_from(["gpt", "son"])))


@given(
    st.builds(
        ModelPreferences,
        hints=_HINTS,
        cost_priority=_PRIORITIES,
        speed_priority=_PRIORITIES,
        intelligence_priority=_PRIORITIES,
    ),
    st.lists(_NAMES, min_size=1),
    _NAMES,
)
def test_whatever_is_wished_an_allowed_model_answers_and_the_first_literal_match_wins(
    preferences: ModelPreferences, allowed: list[str], default: str
) -> None:
    choice = choose(preferences, [candidate(model) for model in allowed], default, builtin_families())
    assert choice.model in allowed
    assert choice.considered[0].model == choice.model
    assert sorted(row.model for row in choice.considered) == sorted(set(allowed))
    assert choice.steps[-1] == f"So {choice.model} answers."
    exact = next((hint.name for hint in preferences.hints if hint.name and hint.name.strip()), None)
    if exact in allowed and exact != LLAMA:
        assert choice.model == exact
