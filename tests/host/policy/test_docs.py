"""docs/policy.md and docs/policies: every example is a file, every claim in it holds, every key is explained."""

from __future__ import annotations

import re
import tomllib
from decimal import Decimal
from functools import reduce
from importlib.resources import files
from pathlib import Path
from typing import Any

import msgspec
import pytest

from upcall.host.policy import DEFAULTS, FLAGS, check_policy, load_policy, parse_policy
from upcall.host.policy.schema import (
    Approval,
    BudgetEntry,
    CommandEntry,
    Document,
    GatewayEntry,
    LimitSettings,
    PriceEntry,
    Settings,
    UpstreamEntry,
)

DOCS = Path(__file__).parents[3] / "docs"
PAGE = (DOCS / "policy.md").read_text(encoding="utf-8")
EXAMPLES = sorted((DOCS / "policies").glob("*.toml"))
CLAIM = re.compile(r"^#> (.+?): ([\w.]+) = (.+)$", re.MULTILINE)
STARTER = files("upcall.host.policy").joinpath("starter.toml").read_text(encoding="utf-8")


def claims_of(path: Path) -> list[tuple[str, str, Any]]:
    return [
        (server, key, tomllib.loads(f"it = {value}")["it"])
        for server, key, value in CLAIM.findall(path.read_text(encoding="utf-8"))
    ]


def value_of(rules: object, key: str) -> Any:
    """The value behind a dotted key, as the file would have it."""
    value: Any = reduce(lambda at, name: at[name] if isinstance(at, dict) else getattr(at, name), key.split("."), rules)
    if value is None and key.startswith("limits."):
        return "unlimited"
    return list(value) if isinstance(value, tuple) else value


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_every_claim_of_an_example_holds(path: Path) -> None:
    policy = load_policy(path)
    for server, key, value in claims_of(path):
        assert value_of(policy.rules_for(server), key) == value, f"{server}: {key}"


def test_every_example_claims_something_or_is_held_to_it_below() -> None:
    assert {path.stem for path in EXAMPLES if not claims_of(path)} == {"budgets"}


def test_the_example_of_budgets_bounds_what_its_comments_say() -> None:
    policy = load_policy(DOCS / "policies" / "budgets.toml")
    accounts = {
        (server, model): {
            account: (budget.calls, budget.tokens, budget.usd)
            for budget in policy.rules_for(server).budgets
            if (account := budget.account(server=server, model=model))
        }
        for server, model in (("logs", "local/smollm2"), ("newcomer", "openai/gpt-5.4-pro-2026"))
    }
    assert accounts == {
        ("logs", "local/smollm2"): {"overall": (None, None, Decimal(20)), "server:logs": (200, 500_000, None)},
        ("newcomer", "openai/gpt-5.4-pro-2026"): {
            "overall": (None, None, Decimal(20)),
            "server:newcomer": (25, None, None),
            "model:openai/gpt-5.4-pro*": (None, None, Decimal("0.50")),
        },
    }


def test_the_private_server_of_an_example_reaches_no_provider_by_any_way() -> None:
    rules = load_policy(DOCS / "policies" / "models.toml").rules_for("private")
    assert not rules.allows("anthropic/claude-sonnet-5")
    assert not rules.alternates


def test_the_page_shows_every_example_as_it_is_and_no_other() -> None:
    shown = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    assert sorted(shown) == sorted(path.read_text(encoding="utf-8") for path in EXAMPLES)


def rows() -> dict[str, list[str]]:
    """First cells of the page's tables → the other cells."""
    lines = (line for line in PAGE.splitlines() if line.startswith("| `"))
    cells = ([cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines)
    return {name: rest for first, *rest in cells for name in re.findall(r"`([^`]+)`", first)}


def test_every_key_of_the_schema_is_explained() -> None:
    named = {field.encode_name for table in (BudgetEntry, CommandEntry) for field in msgspec.structs.fields(table)}
    named |= {name for name in Settings.__struct_fields__ if name not in ("limits", "scan")}
    named |= {f"limits.{name}" for name in LimitSettings.__struct_fields__}
    named |= {f"scan.{flag}" for flag in FLAGS}
    named |= {"families", "alternates", 'prices."MODEL"', "store.url"} | {
        f"approval.{n}" for n in Approval.__struct_fields__
    }
    named |= {f"gateway.{name}" for name in GatewayEntry.__struct_fields__}
    named |= {f"upstream.{name}" for name in UpstreamEntry.__struct_fields__}
    assert set(rows()) == named
    assert set(Document.__struct_fields__) <= set(re.findall(r"\w+", PAGE))
    assert all(f"`{name}`" in PAGE for name in PriceEntry.__struct_fields__)


def test_the_defaults_on_the_page_are_the_ones_that_hold() -> None:
    defaults = {
        key: rest[0].strip("`") for key, rest in rows().items() if key in Settings.__struct_fields__ or "limits." in key
    }
    assert defaults.pop("model") == "none"
    assert int(rows()["gateway.body_bytes"][0].strip("`")) == GatewayEntry().body_bytes
    rules = parse_policy("").rules_for("anything")
    for key, shown in defaults.items():
        assert tomllib.loads(f"it = {shown}")["it"] == value_of(rules, key), key
    assert set(DEFAULTS.scan.values()) == {"ask"}


def test_the_starter_file_passes_and_so_does_every_setting_that_it_shows() -> None:
    assert parse_policy(STARTER).rules_for("logs").decision == "ask"
    everything = re.sub(r"^#(?=[^ \n])", "", STARTER, flags=re.MULTILINE)
    policy, problems = check_policy(everything)
    assert problems == []
    assert policy is not None
    assert set(policy.document.default.scan) == set(FLAGS)


def test_the_starter_file_shows_the_defaults_as_they_are() -> None:
    for line in STARTER.partition("[server.logs]")[0].splitlines():
        if shown := re.match(r"#(\w+) = ([^#]+)", line):
            value = tomllib.loads(f"it = {shown[2]}")["it"]
            section = "limits." if shown[1] in LimitSettings.__struct_fields__ else "scan." if shown[1] in FLAGS else ""
            if shown[1] != "models":
                assert value_of(parse_policy("").rules_for("x"), section + shown[1]) == value, line


def test_the_snippet_for_python_prints_what_it_should(capsys: pytest.CaptureFixture[str]) -> None:
    (snippet,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    exec(compile(snippet, "policy.md", "exec"), {})
    assert capsys.readouterr().out == (
        "allow 300 60\npolicy:3 server.logs.limits.max_tokens | built-in default\nask allow\n"
    )
