"""What a server's section, the default section and the built-in values come to."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given

from tests.host.policy.documents import LIMITS, settings_tables, toml
from upcall.host.policy import DEFAULTS, Policy, parse_policy
from upcall.models import Usage
from upcall.models.prices import Rates, price_of

PLAIN = ("decision", "tools", "media", "review_reply", "record", "redact", "deadline")
BUILT_IN: dict[str, Any] = msgspec.to_builtins(DEFAULTS)


def policy_of(default: dict[str, Any], **servers: dict[str, Any]) -> Policy:
    return parse_policy(toml({"default": default, "server": servers}), "upcall.toml")


def expected(key: str, *layers: dict[str, Any]) -> Any:
    """The value in the first layer that has the key."""
    return next((layer[key] for layer in layers if key in layer), None)


@given(settings_tables, settings_tables)
def test_a_server_overrides_the_default_section_and_that_the_built_in_values_key_by_key(
    default: dict[str, Any], own: dict[str, Any]
) -> None:
    rules = policy_of(default, logs=own).rules_for("logs")
    for key in PLAIN:
        assert getattr(rules, key) == _as_tuple(expected(key, own, default, BUILT_IN))
    for key in LIMITS:
        value = getattr(rules.limits, key)
        layers = [layer.get("limits", {}) for layer in (own, default, BUILT_IN)]
        assert ("unlimited" if value is None else value) == expected(key, *layers)
    for flag, action in rules.scan.items():
        assert action == expected(flag, *(layer.get("scan", {}) for layer in (own, default, BUILT_IN)))
    assert rules.models == tuple(expected("models", own, default, {"models": []}))
    assert rules.model == (rules.models[0] if rules.models else None)


def _as_tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


@given(settings_tables, settings_tables)
def test_every_value_knows_the_section_and_the_line_it_comes_from(default: dict[str, Any], own: dict[str, Any]) -> None:
    text = toml({"default": default, "server": {"my logs": own}})
    lines = text.split("\n")
    rules = parse_policy(text, "upcall.toml").rules_for("my logs")
    for key, origin in rules.origins.items():
        sections = {'server."my logs"': own, "default": default}
        path = "models" if key == "model" else key
        holding = [name for name, table in sections.items() if _has(table, path)]
        assert origin.section == (holding[0] if holding else "built-in")
        assert origin.key == path if holding else origin.line is None
        if origin.line is not None:
            assert lines[origin.line - 1].startswith(path.rpartition(".")[2])
            assert str(origin) == f"upcall.toml:{origin.line} {origin.section}.{origin.key}"
        else:
            assert str(origin) == "built-in default"


def _has(table: dict[str, Any], key: str) -> bool:
    section, _, last = key.rpartition(".")
    return last in (table.get(section, {}) if section else table)


@given(settings_tables)
def test_a_server_without_a_section_has_the_default_rules(default: dict[str, Any]) -> None:
    policy = policy_of(default, other={"decision": "deny", "limits": {"max_tokens": 1}})
    fields = [name for name in policy.rules_for("a").__struct_fields__ if name != "server"]
    for name in fields:
        assert getattr(policy.rules_for("a"), name) == getattr(policy_of(default).rules_for("b"), name) or (
            name == "origins"  # the lines are others
        )


MODELS = [
    # default section, server's section → models, model
    ({}, {}, (), None),
    ({"model": "a/1"}, {}, ("a/1",), "a/1"),
    ({"models": ["a/*", "a/1", "b/2"]}, {}, ("a/*", "a/1", "b/2"), "a/1"),
    ({"models": ["a/*"], "model": "a/9"}, {}, ("a/*",), "a/9"),
    ({"models": ["a/1", "b/2"]}, {"model": "b/2"}, ("a/1", "b/2"), "b/2"),
    ({"model": "a/1"}, {"models": ["b/2", "b/*"]}, ("b/2", "b/*"), "b/2"),
    ({"model": "a/1"}, {"models": ["b/2", "a/*"]}, ("b/2", "a/*"), "a/1"),
    ({"model": "a/1"}, {"model": "b/2"}, ("b/2",), "b/2"),
    ({"model": "a/1"}, {"models": []}, (), None),
]


@pytest.mark.parametrize(("default", "own", "models", "model"), MODELS)
def test_models_and_the_default_among_them_lean_on_each_other(
    default: dict[str, Any], own: dict[str, Any], models: tuple[str, ...], model: str | None
) -> None:
    rules = policy_of(default, logs=own).rules_for("logs")
    assert (rules.models, rules.model) == (models, model)


def test_only_the_budgets_that_can_concern_a_server_are_among_its_rules() -> None:
    scopes = ["overall", "server:*", "server:logs", "server:other", "model:a/*"]
    text = "".join(f'[[budget]]\nfor = "{scope}"\nper = "day"\nusd = 0.1\n' for scope in scopes)
    budgets = parse_policy(text, "f").rules_for("logs").budgets
    assert [budget.scope for budget in budgets] == ["overall", "server:*", "server:logs", "model:a/*"]
    assert {budget.usd for budget in budgets} == {Decimal("0.1")}
    assert [str(budget.origin) for budget in budgets] == [
        "f:1 budget #1",
        "f:5 budget #2",
        "f:9 budget #3",
        "f:17 budget #5",
    ]


def test_alternates_that_a_server_may_not_use_are_left_out() -> None:
    text = '[default]\nmodels = ["a/1", "b/2", "c/3"]\n[server.logs]\nmodels = ["a/1", "c/*"]\n'
    policy = parse_policy(text + '[alternates]\n"a/1" = ["b/2", "c/3"]\n"b/2" = ["a/1"]\n')
    assert policy.rules_for("logs").alternates == {"a/1": ("c/3",)}
    assert policy.rules_for("other").alternates == {"a/1": ("b/2", "c/3"), "b/2": ("a/1",)}


def test_prices_go_by_the_exact_name_then_by_the_first_pattern() -> None:
    rates = ["input = 0\noutput = 2", "input = 1\noutput = 2", "input = 2.5\noutput = 2\ncached_input = 0.25"]
    names = ["a/*", "a/x*", "a/x1"]
    policy = parse_policy("".join(f'[prices."{name}"]\n{rate}\n' for name, rate in zip(names, rates, strict=True)))
    assert policy.price_of("a/x1") == Rates(input=Decimal("2.5"), output=Decimal(2), cached_input=Decimal("0.25"))
    assert policy.price_of("a/x2") == Rates(input=Decimal(0), output=Decimal(2))
    assert policy.price_of("b/1") is None


def test_a_price_of_the_policy_is_what_a_call_costs() -> None:
    policy = parse_policy('[prices."openai/*"]\ninput = 1\noutput = 10\n')
    cost = price_of("openai/x", Usage(input_tokens=1000, output_tokens=10), policy.price_of)
    assert (cost.micro_usd, cost.source) == (1100, "override")


def test_what_the_policy_says_beside_the_rules_can_be_read() -> None:
    text = '[families]\nsmall = ["a/1"]\n[command.c]\nargv = ["x"]\n[store]\nurl = "sqlite:///x"\n'
    policy = parse_policy(text + '[approval]\nby = "store"\n')
    assert policy.families == {"small": ("a/1",)}
    assert policy.commands["c"].argv == ("x",)
    assert policy.store.url == "sqlite:///x"
    assert policy.approval.by == "store"
