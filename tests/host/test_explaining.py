"""What `explain` says, and that it says what the engine does."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.host.policy.documents import settings_tables, toml
from upcall.host.explaining import Explanation, explain
from upcall.host.limits import exceeded
from upcall.host.policy import FLAGS, parse_policy
from upcall.wire import ImageContent, SamplingMessage, SamplingRequest, TextContent, Tool

TEXT = """\
[default]
model = "a/1"
limits.max_tokens = 100

[server.logs]
decision = "allow"
scan.secrets = "deny"
media = []

[[budget]]
for = "server:*"
per = "month"
calls = 1000
usd = 2.50
"""


def request(max_tokens: int = 10, *, image: bool = False, tools: bool = False) -> SamplingRequest:
    content = ImageContent(data="aGk=", mime_type="image/png") if image else TextContent(text="Hello")
    message = SamplingMessage(role="user", content=content)
    offered = [Tool(name="t", input_schema={})] if tools else None
    return SamplingRequest(messages=[message], max_tokens=max_tokens, tools=offered)


def explained(asked: SamplingRequest | None = None, *flags: str, server: str = "logs") -> Explanation:
    return explain(parse_policy(TEXT, "upcall.toml"), server, asked, flags=flags)


def told(explanation: Explanation) -> dict[str, tuple[str, str]]:
    return {step.rule: (step.outcome, str(step.origin)) for step in explanation.steps}


def test_a_server_is_explained_rule_by_rule_each_with_its_place() -> None:
    explanation = explained()
    assert (explanation.server, explanation.outcome, explanation.decided_by.rule) == ("logs", "allow", "decision")
    assert told(explanation) == {
        "tools": ("yes", "built-in default"),
        "media": ("none", "upcall.toml:8 server.logs.media"),
        "limits.max_tokens": ("100", "upcall.toml:3 default.limits.max_tokens"),
        "limits.prompt_chars": ("200,000", "built-in default"),
        "limits.media_bytes": ("10,000,000", "built-in default"),
        "limits.requests_per_result": ("20", "built-in default"),
        "limits.concurrent": ("4", "built-in default"),
        "limits.rounds_per_call": ("10", "built-in default"),
        "limits.samples_per_call": ("50", "built-in default"),
        "limits.per_minute": ("60", "built-in default"),
        "decision": ("allow", "upcall.toml:6 server.logs.decision"),
        "sampling": ("prefer-client", "built-in default"),
        "protocol": ("auto", "built-in default"),
        **{f"scan.{flag}": ("ask", "built-in default") for flag in FLAGS},
        "scan.secrets": ("deny", "upcall.toml:7 server.logs.scan.secrets"),
        "models": ("a/1", "upcall.toml:2 default.model"),
        "model": ("a/1", "upcall.toml:2 default.model"),
        "budget": ("1,000 calls, 2.50 USD per month (server:*)", "upcall.toml:10 budget #1"),
        "deadline": ("120 s", "built-in default"),
        "review_reply": ("no", "built-in default"),
        "redact": ("yes", "built-in default"),
        "record": ("redacted", "built-in default"),
    }


def test_a_request_within_the_rules_comes_to_the_decision() -> None:
    explanation = explained(request())
    assert explanation.outcome == "allow"
    assert not any(step.rule.startswith("scan.") for step in explanation.steps)


def test_a_request_for_too_many_tokens_is_clamped_and_says_so() -> None:
    step = next(step for step in explained(request(1000)).steps if step.rule == "limits.max_tokens")
    assert step.why == "The request asks for 1,000; it is clamped."


@pytest.mark.parametrize(
    ("flags", "outcome", "rule"),
    [
        (("control",), "ask", "scan.control"),
        (("control", "secrets"), "deny", "scan.secrets"),
        (("odd",), "ask", "scan.odd"),
    ],
)
def test_what_was_found_decides(flags: tuple[str, ...], outcome: str, rule: str) -> None:
    explanation = explained(request(), *flags)
    assert (explanation.outcome, explanation.decided_by.rule) == (outcome, rule)
    assert {step.rule for step in explanation.steps if step.rule.startswith("scan.")} == {f"scan.{f}" for f in flags}


def test_a_request_beyond_a_limit_is_refused_and_the_step_says_what_to_change() -> None:
    explanation = explained(request(image=True))
    assert (explanation.outcome, explanation.decided_by.rule) == ("refused", "media")
    assert explanation.decided_by.why == (
        "Sampling requests with image are not answered here. "
        "It is set at upcall.toml:8 server.logs.media; change it there."
    )


def test_without_models_only_the_programs_own_answers() -> None:
    explanation = explain(parse_policy(""), "logs")
    assert told(explanation)["models"] == ("the program's", "built-in default")
    assert "model" not in told(explanation)


def test_budgets_say_who_shares_them() -> None:
    scopes = ["overall", "server:*", "server:logs", "model:a/*"]
    text = "".join(f'[[budget]]\nfor = "{scope}"\nper = "ever"\ntokens = 0\n' for scope in scopes)
    steps = [step for step in explain(parse_policy(text), "logs").steps if step.rule == "budget"]
    assert [step.why for step in steps] == [
        "All servers share it.",
        "Each server has this much for itself.",
        "This server alone has it.",
        "All servers share it, for these models.",
    ]
    assert steps[0].outcome == "0 tokens in all (overall)"


def test_an_explanation_is_json_for_programs() -> None:
    plain = msgspec.json.decode(msgspec.json.encode(explained(request(1000))))
    assert plain["decided_by"]["origin"] == {
        "section": "server.logs",
        "key": "decision",
        "file": "upcall.toml",
        "line": 6,
    }


@given(
    settings_tables,
    st.integers(1, 10**6),
    st.booleans(),
    st.booleans(),
    st.lists(st.sampled_from([*FLAGS, "odd"]), unique=True),
)
def test_the_outcome_is_what_the_limits_and_the_decision_come_to(
    own: dict[str, object], max_tokens: int, image: bool, tools: bool, flags: list[str]
) -> None:
    policy = parse_policy(toml({"server": {"logs": own}}))
    asked = request(max_tokens, image=image, tools=tools)
    rules = policy.rules_for("logs")
    explanation = explain(policy, "logs", asked, flags=flags)
    refused = next(exceeded(asked, rules), None)
    if refused is not None:
        assert (explanation.outcome, explanation.decided_by.rule) == ("refused", refused.limit)
    else:
        assert explanation.outcome == rules.verdict(flags).decision
