"""What the rules of one server say about a request."""

from __future__ import annotations

import pytest

from upcall.host.policy import Budget, Origin, Rules, matches, parse_policy
from upcall.store.budgets import Limit


def rules(text: str = "", file: str | None = "/etc/upcall.toml") -> Rules:
    return parse_policy(text, file).rules_for("logs")


@pytest.mark.parametrize(
    ("decision", "flags", "outcome", "flag"),
    [
        ("allow", [], "allow", None),
        ("allow", ["invisible"], "allow", None),
        ("allow", ["control"], "ask", "control"),
        ("allow", ["control", "secrets"], "deny", "secrets"),
        ("allow", ["secrets", "control"], "deny", "secrets"),
        ("allow", ["never heard of"], "ask", "never heard of"),
        ("ask", ["control"], "ask", None),
        ("ask", ["secrets"], "deny", "secrets"),
        ("deny", ["invisible", "control"], "deny", None),
    ],
)
def test_flags_make_a_decision_stricter_and_never_more_lenient(
    decision: str, flags: list[str], outcome: str, flag: str | None
) -> None:
    scan = 'scan.invisible = "note"\nscan.control = "ask"\nscan.secrets = "deny"'
    verdict = rules(f'[default]\ndecision = "{decision}"\n{scan}').verdict(flags)
    assert (verdict.decision, verdict.flag) == (outcome, flag)
    if flag == "secrets":
        assert str(verdict.origin) == "/etc/upcall.toml:5 default.scan.secrets"
    elif flag is None:
        assert str(verdict.origin) == "/etc/upcall.toml:2 default.decision"


@pytest.mark.parametrize(
    ("pattern", "model", "fits"),
    [
        ("a/1", "a/1", True),
        ("a/1", "a/12", False),
        ("a/1", "A/1", False),
        ("a/*", "a/", True),
        ("a/*", "a/b/c\nd", True),
        ("*", "anything@https://x", True),
        ("a/*-mini*", "a/gpt-mini", True),
        ("a/*-mini*", "a/gpt-maxi", False),
        ("a/1.5", "a/1x5", False),
        ("a/[b]*", "a/[b]c", True),
        ("**", "", True),
    ],
)
def test_only_the_star_is_special_in_a_pattern(pattern: str, model: str, fits: bool) -> None:
    assert matches(pattern, model) is fits


def test_a_server_may_use_what_fits_and_nothing_where_nothing_is_named() -> None:
    some = rules('[default]\nmodels = ["a/1", "b/*"]')
    assert [model for model in ("a/1", "a/2", "b/2") if some.allows(model)] == ["a/1", "b/2"]
    assert not rules().allows("a/1")


@pytest.mark.parametrize(
    ("scope", "account"),
    [
        ("overall", "overall"),
        ("server:*", "server:logs"),
        ("server:logs", "server:logs"),
        ("server:other", None),
        ("model:a/*", "model:a/*"),
        ("model:b/*", None),
    ],
)
def test_a_budget_knows_the_account_of_a_call(scope: str, account: str | None) -> None:
    budget = Budget(scope=scope, per="day", calls=1, tokens=None, usd=None, origin=Origin(section="", key=""))
    assert budget.account(server="logs", model="a/1") == account
    assert budget.account(server="logs", model=None) == (None if scope.startswith("model:") else account)


def test_a_budget_is_what_the_store_checks() -> None:
    text = '[[budget]]\nfor = "server:*"\nper = "day"\ncalls = 5\nusd = 0.1234567\n'
    (budget,) = rules(text).budgets
    limit = budget.limit(server="logs", model=None)
    assert limit == Limit(key="server:logs", window="day", calls=5, tokens=None, micro_usd=123_456)
    (other,) = rules('[[budget]]\nfor = "model:a/*"\nper = "ever"\ntokens = 0\n').budgets
    assert other.limit(server="logs", model="b/1") is None
    assert other.limit(server="logs", model="a/1") == Limit(key="model:a/*", window="ever", tokens=0)


@pytest.mark.parametrize(
    ("text", "file", "said"),
    [
        (
            "",
            None,
            "There is no policy file: write one with `upcall init`, and set per_minute under [server.logs.limits].",
        ),
        ("", "f", "It is the built-in default; to raise it, set per_minute under [server.logs.limits] in f."),
        (
            "[default]\nlimits.per_minute = 1",
            "f",
            "It is set at f:2 default.limits.per_minute; raise it there, or for this server alone under "
            "[server.logs.limits].",
        ),
        (
            "[server.logs]\nlimits.per_minute = 1",
            "f",
            "It is set at f:2 server.logs.limits.per_minute; raise it there.",
        ),
    ],
)
def test_the_remedy_says_where_to_write_what(text: str, file: str | None, said: str) -> None:
    assert rules(text, file).remedy("limits.per_minute") == said


def test_a_key_that_there_is_not_has_no_origin() -> None:
    with pytest.raises(KeyError):
        rules().origin("limits.nonsense")
