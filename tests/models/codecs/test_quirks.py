"""Which models are known to refuse what, and which complaints count as a refusal."""

from __future__ import annotations

import pytest

from upcall.models.codecs.quirks import ANTHROPIC, OPENAI, PREFILL, refused_by, refused_parameter


@pytest.mark.parametrize(
    ("model", "refused"),
    [
        ("claude-3-5-sonnet-20241022", set()),
        ("claude-opus-4-20250514", set()),
        ("claude-haiku-4-5-20251001", set()),
        ("claude-opus-4-5-20251101", set()),
        ("claude-opus-4-6", {PREFILL}),
        ("claude-sonnet-4-6", {PREFILL}),
        ("claude-opus-4-7", {PREFILL, "temperature"}),
        ("claude-opus-4-8", {PREFILL, "temperature"}),
        ("claude-mythos-preview", {PREFILL, "temperature"}),
        ("claude-sonnet-5", {PREFILL, "temperature"}),
        ("claude-haiku-5-5", {PREFILL, "temperature"}),
        ("claude-fable-5-2", {PREFILL, "temperature"}),
    ],
)
def test_anthropics_models(model: str, refused: set[str]) -> None:
    assert refused_by(ANTHROPIC, model) == refused


@pytest.mark.parametrize(
    ("model", "refused"),
    [
        ("gpt-4.1-mini", set()),
        ("gpt-4o", set()),
        ("gpt-5-chat-latest", set()),
        ("o1", {"temperature", "max_tokens"}),
        ("o3-mini-2025-01-31", {"temperature", "max_tokens", "stop"}),
        ("openai/o4-mini", {"temperature", "max_tokens", "stop"}),
        ("gpt-5", {"temperature", "stop"}),
        ("gpt-5-nano-2025-08-07", {"temperature", "stop"}),
        ("olmo-2", set()),
    ],
)
def test_openais_models(model: str, refused: set[str]) -> None:
    assert refused_by(OPENAI, model) == refused


SENT = {"temperature", "stop", "max_tokens", PREFILL}


@pytest.mark.parametrize(
    ("complaint", "named"),
    [
        ("`temperature` is deprecated for this model.", "temperature"),
        ("temperature: Extra inputs are not permitted", "temperature"),
        ("Unsupported value: 'temperature' does not support 0.2 with this model.", "temperature"),
        ("Unsupported parameter: 'stop' is not supported with this model.", "stop"),
        ("'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.", "max_tokens"),
        ('{"type": "extra_forbidden", "loc": ["body", "max_tokens"]}', "max_tokens"),
        ("Unrecognized request argument supplied: stop", "stop"),
        ("This model does not support assistant message prefill.", PREFILL),
        ("The conversation must end with a user message.", PREFILL),
        ("Expected last role User or Tool for serving but got assistant", PREFILL),
        ("temperature: range is 0 to 1", None),
        ("max_tokens: 100000 > 8192, which is the maximum allowed number of output tokens", None),
        ("Unsupported parameter: 'stop_sequences'", None),
        ("Unsupported value: 'messages[0].role' does not support 'system' with this model.", None),
    ],
)
def test_a_complaint_names_the_parameter_that_was_sent(complaint: str, named: str | None) -> None:
    assert refused_parameter(complaint, SENT) == named


def test_only_what_was_sent_can_be_left_out() -> None:
    assert refused_parameter("`temperature` is deprecated for this model.", {"stop"}) is None
    assert refused_parameter("This model does not support assistant message prefill.", {"stop"}) is None


def test_the_parameter_named_first_is_the_one() -> None:
    assert refused_parameter("'stop' is not supported beside 'temperature'.", SENT) == "stop"
