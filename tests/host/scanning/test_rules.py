"""Each rule by its own examples, and the table as a whole."""

from __future__ import annotations

import pytest

from tests.host.scanning.requests import flags_in
from upcall.host.scanning import Rule, rules

_RULES = list(rules().by_id.values())
_FIRES = [pytest.param(rule, text, id=f"{rule.id}-{n}") for rule in _RULES for n, text in enumerate(rule.fires)]
_PASSES = [pytest.param(rule, text, id=f"{rule.id}-{n}") for rule in _RULES for n, text in enumerate(rule.passes)]


def _flagged(rule: Rule, text: str) -> set[str]:
    """Places where ``rule`` flags ``text``, among those in which it looks."""
    places = rule.where - {"tool"} if rule.unless_tools else rule.where  # a tool's description comes with tools
    return {place for place in places if rule.id not in {flag.rule for flag in flags_in(place, text)}}


@pytest.mark.parametrize(("rule", "text"), _FIRES)
def test_a_rule_fires_on_its_examples_wherever_it_looks(rule: Rule, text: str) -> None:
    assert _flagged(rule, text) == set()


@pytest.mark.parametrize(("rule", "text"), _PASSES)
def test_a_rule_lets_pass_what_only_looks_like_it(rule: Rule, text: str) -> None:
    for place in rule.where:
        assert rule.id not in {flag.rule for flag in flags_in(place, text)}


@pytest.mark.parametrize("rule", _RULES, ids=[rule.id for rule in _RULES])
def test_a_rule_explains_itself_and_has_examples_of_both_kinds(rule: Rule) -> None:
    assert rule.kind in rules().kinds
    assert rule.means.endswith(".")
    assert rule.fires
    assert rule.passes


@pytest.mark.parametrize("rule", _RULES, ids=[rule.id for rule in _RULES])
def test_a_rule_looks_only_where_it_says(rule: Rule) -> None:
    for place in ("system", "message", "tool", "name", "metadata", "reply"):
        if place not in rule.where:
            for text in rule.fires:
                assert rule.id not in {flag.rule for flag in flags_in(place, text)}


def test_what_lets_a_text_skip_rules_is_true_of_them() -> None:
    printable = "".join(map(chr, range(0x20, 0x7F))) * 2 + "\n\t"
    assert all(not rule.compiled.search(printable) for rule in rules().of_characters)
    assert all(rule.needles for rule in rules().secrets)
    assert all(needle == needle.lower() for rule in _RULES for needle in rule.needles)


def test_every_kind_has_a_rule() -> None:
    assert {rule.kind for rule in _RULES} == set(rules().kinds)


@pytest.mark.parametrize(
    "text",
    [
        "You are a helpful research assistant.",
        "You are a Site Reliability Engineer. Explain this log error in one concise sentence: "
        "2026-11-21 10:08:01 UTC [4711] ERROR:  deadlock detected\nDETAIL:  Process 4711 waits for ShareLock",
        "Please summarize the following text:\n\n# A page\n\n- [docs](https://example.com/a?b=1)\n- `git commit -m x`",
        'Write the description of a product. Title: "Solar lamp". Keywords: garden, light, summer. Answer in JSON.',
        "Grüße an 世界, שלום, مرحبا und 👩\u200d👩\u200d👧! €5 — “quoted” …",
        "def token(key):\n    return os.environ['API_KEY']  # the secret's name\n\npassword = getpass()\n",
        "commit 3f786850e387550fdab836ed7e6dc881de23001b\nAuthor: A U Thor <author@example.com>",
        "550e8400-e29b-41d4-a716-446655440000 http://localhost:8000/mcp?session=1",
    ],
)
def test_what_honest_servers_ask_is_not_flagged(text: str) -> None:
    assert [flag.rule for flag in flags_in("system", text) + flags_in("message", text) + flags_in("reply", text)] == []
