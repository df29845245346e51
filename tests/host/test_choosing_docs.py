"""The code in docs/choosing.md runs, and says what it should."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from upcall.host.choosing import builtin_families
from upcall.host.policy import parse_policy

_PAGE = Path(__file__).parents[2] / "docs" / "choosing.md"
_TEXT = _PAGE.read_text(encoding="utf-8")
_SNIPPETS = re.findall(r"```python\n(.*?)```", _TEXT, re.DOTALL)

_PRINTED = [
    "openai/gpt-4o-mini hint\n"
    "- The hint “gpt” is in the name of openai/gpt-4o, openai/gpt-4o-mini.\n"
    "- By the priorities (cost 0.8, intelligence 0.1): openai/gpt-4o-mini 0.74, openai/gpt-4o 0.45.\n"
    "- So openai/gpt-4o-mini answers.\n",
    "$0.0200\nprice unknown\n$0.0060\n549 1000 $0.0114\n",
]


@pytest.mark.parametrize(("snippet", "printed"), list(zip(_SNIPPETS, _PRINTED, strict=True)))
def test_a_snippet_prints_what_it_should(snippet: str, printed: str, capsys: pytest.CaptureFixture[str]) -> None:
    exec(compile(snippet, str(_PAGE), "exec"), {"__name__": "__main__"})
    assert capsys.readouterr().out == printed


def test_the_example_of_a_policy_is_one() -> None:
    (toml,) = re.findall(r"```toml\n(.*?)```", _TEXT, re.DOTALL)
    assert set(parse_policy(toml).families) == {"sonnet", "mixtral"}


def test_every_tier_is_in_the_table() -> None:
    for tier in builtin_families().tiers:
        assert f"\n| {tier} | " in _TEXT
