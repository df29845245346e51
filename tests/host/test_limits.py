"""One request against the limits of its server."""

from __future__ import annotations

from typing import Any

import pytest

from upcall.errors import InvalidRequest, LimitExceeded
from upcall.host.limits import apply_limits, exceeded, media_in, prompt_chars
from upcall.host.policy import Rules, parse_policy
from upcall.models import Adjustment
from upcall.wire import SamplingRequest, decode_request

PATH = "/home/operator/upcall.toml"


def rules(text: str = "") -> Rules:
    return parse_policy(text, PATH).rules_for("logs")


def request(*content: dict[str, Any] | str, max_tokens: int = 10, **rest: Any) -> SamplingRequest:
    blocks = [{"type": "text", "text": one} if isinstance(one, str) else one for one in content or ("Hello",)]
    return decode_request({"messages": [{"role": "user", "content": blocks}], "maxTokens": max_tokens, **rest})


def image(data: str = "aGk=") -> dict[str, Any]:
    return {"type": "image", "data": data, "mimeType": "image/png"}


def audio(data: str = "aGk=") -> dict[str, Any]:
    return {"type": "audio", "data": data, "mimeType": "audio/wav"}


def result(*blocks: dict[str, Any]) -> dict[str, Any]:
    return {"type": "tool_result", "toolUseId": "1", "content": list(blocks)}


def blob(mime_type: str | None, data: str = "aGk=") -> dict[str, Any]:
    return {"type": "resource", "resource": {"uri": "file:///x", "blob": data, "mimeType": mime_type}}


def test_max_tokens_beyond_the_limit_is_clamped_and_the_record_will_say_so() -> None:
    clamped, adjustments = apply_limits(request(max_tokens=10**9), rules("[default]\nlimits.max_tokens = 500"))
    assert clamped.max_tokens == 500
    reason = "1,000,000,000 were asked for, and the policy allows 500 (limits.max_tokens)."
    assert adjustments == (Adjustment(field="maxTokens", action="clamped", reason=reason),)


@pytest.mark.parametrize(("limit", "asked"), [("500", 500), ("500", 1), ('"unlimited"', 10**9)])
def test_max_tokens_within_the_limit_is_left_alone(limit: str, asked: int) -> None:
    original = request(max_tokens=asked)
    assert apply_limits(original, rules(f"[default]\nlimits.max_tokens = {limit}")) == (original, ())


@pytest.mark.parametrize(
    ("setting", "asked", "limit", "message", "facts"),
    [
        (
            "tools = false",
            request(tools=[{"name": "t", "inputSchema": {}}]),
            "tools",
            "Sampling requests with tools are not answered here.",
            "a request has some",
        ),
        (
            "tools = false",
            request(result()),
            "tools",
            "Sampling requests with tools are not answered here.",
            "a request has some",
        ),
        (
            'media = ["image"]',
            request("Hi", image(), audio()),
            "media",
            "Sampling requests with audio are not answered here.",
            "a request has audio, allowed: image",
        ),
        (
            "media = []",
            request(result(image(), blob("application/pdf"))),
            "media",
            "Sampling requests with file and image are not answered here.",
            "a request has file and image, allowed: none",
        ),
        (
            "limits.media_bytes = 5",
            request(image("aGkh"), image("aGkh")),
            "limits.media_bytes",
            "The sampling request is too large: 6 bytes of media, and at most 5 are taken.",
            "6 bytes of media, allowed: 5",
        ),
        (
            "limits.prompt_chars = 1_000",
            request("x" * 2000),
            "limits.prompt_chars",
            "The sampling request is too large: 2,083 characters, and at most 1,000 are taken.",
            "2083 characters, allowed: 1000",
        ),
    ],
)
def test_a_refusal_tells_the_server_what_was_too_much_and_the_operator_how_to_change_it(
    setting: str, asked: SamplingRequest, limit: str, message: str, facts: str
) -> None:
    with pytest.raises(LimitExceeded) as caught:
        apply_limits(asked, rules(f"[default]\n{setting}"))
    error = caught.value
    assert error.limit == limit
    assert error.to_wire() == {"code": -1, "message": message}
    assert error.detail.startswith(f"{limit} of logs: {facts}. It is set at {PATH}:2 default.{limit}; ")
    assert error.detail.endswith("under [server.logs.limits]." if "." in limit else "under [server.logs].")


def test_every_limit_that_is_exceeded_is_found() -> None:
    strict = rules("[default]\ntools = false\nmedia = []\nlimits.media_bytes = 1\nlimits.prompt_chars = 1")
    found = exceeded(request(image(), tools=[]), strict)
    assert [one.limit for one in found] == ["tools", "media", "limits.media_bytes", "limits.prompt_chars"]


def test_a_request_right_at_the_limits_passes() -> None:
    asked = request("Hello", image("aGkh"))
    chars = prompt_chars(asked)
    for spare, passes in ((0, True), (-1, False)):
        limits = f"[default]\nlimits.media_bytes = 3\nlimits.prompt_chars = {chars + spare}"
        assert (list(exceeded(asked, rules(limits))) == []) is passes


def test_the_built_in_rules_let_an_ordinary_request_with_tools_and_an_image_pass() -> None:
    asked = request("Explain this picture.", image(), tools=[{"name": "zoom", "inputSchema": {}}])
    assert apply_limits(asked, rules()) == (asked, ())


@pytest.mark.parametrize(
    "bulk",
    [
        {"systemPrompt": "x" * 500},
        {"metadata": {"k": "x" * 500}},
        {"tools": [{"name": "t", "description": "x" * 500, "inputSchema": {}}]},
        {"tools": [{"name": "t", "inputSchema": {"enum": list(range(200))}}]},
        {"stopSequences": ["x" * 500]},
        {"modelPreferences": {"hints": [{"name": "x" * 500}]}},
        {"_meta": {"x" * 500: 1}},
    ],
    ids=lambda bulk: next(iter(bulk)),
)
def test_bulk_cannot_hide_from_the_limit_of_the_prompt(bulk: dict[str, Any]) -> None:
    assert prompt_chars(request(**bulk)) >= prompt_chars(request()) + 500


def test_media_do_not_count_as_characters() -> None:
    assert prompt_chars(request(image("a" * 40_000))) == prompt_chars(request(image("")))
    assert prompt_chars(request(result(blob("x/y", "a" * 40_000)))) == prompt_chars(request(result(blob("x/y", ""))))


def test_characters_are_counted_not_bytes() -> None:
    assert prompt_chars(request("世界")) == prompt_chars(request("ab"))


@pytest.mark.parametrize(("data", "size"), [("", 0), ("aA==", 1), ("aGk=", 2), ("aGkh", 3), ("aGkhaA==", 4)])
def test_the_size_of_media_is_that_of_the_decoded_bytes(data: str, size: int) -> None:
    (media,) = media_in(request(image(data)))
    assert media.size == size


@pytest.mark.parametrize(
    ("block", "kind"),
    [
        (image(), "image"),
        (audio(), "audio"),
        (result(image()), "image"),
        (result(blob("image/png")), "image"),
        (result(blob("AUDIO/wav")), "audio"),
        (result(blob("application/pdf")), "file"),
        (result(blob(None)), "file"),
    ],
)
def test_media_are_found_wherever_they_are(block: dict[str, Any], kind: str) -> None:
    assert [media.kind for media in media_in(request("Hi", block))] == [kind]


def test_text_resources_and_links_are_no_media() -> None:
    text = {"type": "resource", "resource": {"uri": "file:///x", "text": "Hello"}}
    link = {"type": "resource_link", "uri": "file:///x", "name": "x"}
    assert media_in(request("Hi", result(text, link))) == []


def test_half_a_surrogate_pair_is_an_invalid_request() -> None:
    with pytest.raises(InvalidRequest, match="surrogate"):
        apply_limits(request("\ud800"), rules())
