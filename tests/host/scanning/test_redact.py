"""Secrets taken out of prompts, and everything else left as it is."""

from __future__ import annotations

import copy
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.host.scanning.requests import HOLDERS, asked, replied
from upcall.host.scanning import redact, redact_reply, rules, scan_request
from upcall.wire import EmbeddedResource, ImageContent, TextContent, Tool, ToolResult, encode

_KEY = "sk-ant-api03-Zk9qLw3vTn8yRb2mXc7d"
_SECRETS = [
    pytest.param(rule.id, text, id=f"{rule.id}-{number}")
    for rule in rules().secrets
    for number, text in enumerate(rule.fires)
]


def _redacted(text: str) -> str:
    return redact(asked(TextContent(text=text)))[0].messages[0].text


@pytest.mark.parametrize(("rule", "text"), _SECRETS)
def test_a_secret_is_replaced_by_what_it_was(rule: str, text: str) -> None:
    request = asked(TextContent(text=f"before {text} after"))
    redacted, flags = redact(request)
    assert f"[redacted: {rule}]" in redacted.messages[0].text
    assert redacted.messages[0].text.startswith("before ")
    assert redacted.messages[0].text.endswith(" after")
    assert rule in {flag.rule for flag in flags}
    assert not [flag for flag in scan_request(redacted) if flag.kind == "secrets"]


def test_what_stands_around_a_secret_stays() -> None:
    assert _redacted(f"a\r\n\u202e {_KEY}, b") == "a\r\n\u202e [redacted: anthropic-key], b"
    assert (
        _redacted("postgresql://app:kT4rosq9@db.example.com:5432/orders")
        == "postgresql://app:[redacted: password-in-url]@db.example.com:5432/orders"
    )
    assert _redacted("DB_PASSWORD='tr0ub4dor&3xKq';") == "DB_PASSWORD='[redacted: secret-value]';"
    assert _redacted(f"{_KEY} {_KEY}") == "[redacted: anthropic-key] [redacted: anthropic-key]"
    assert _redacted(f"Authorization: Bearer {_KEY}").count("[redacted: ") == 1


@pytest.mark.parametrize("path", HOLDERS)
def test_a_secret_is_found_wherever_a_model_would_read_it(path: str) -> None:
    request = HOLDERS[path](_KEY)
    expected = HOLDERS[path]("[redacted: anthropic-key]")
    redacted, flags = redact(request)
    assert redacted == expected
    assert [(flag.path, flag.start, flag.end) for flag in flags] == [(path, 0, len(_KEY))]


def test_a_request_without_secrets_comes_back_as_it_was() -> None:
    request = asked(TextContent(text="Hello"), tools=[Tool(name="t", input_schema={"a": ["b", {"c": 1}]})])
    redacted, flags = redact(request)
    assert redacted is request
    assert flags == []


def test_media_and_the_order_of_keys_stay() -> None:
    image = ImageContent(data=_KEY, mime_type="image/png")
    resource = EmbeddedResource(resource={"blob": _KEY, "uri": f"a?k={_KEY}", "n": 1})
    request = asked(image, ToolResult(tool_use_id="1", content=[resource], structured_content={"z": 1, "a": _KEY}))
    before = copy.deepcopy(request)
    redacted = encode(redact(request)[0])
    blocks = redacted["messages"][0]["content"]
    assert blocks[0]["data"] == _KEY
    assert list(blocks[1]["content"][0]["resource"].items()) == [
        ("blob", _KEY),
        ("uri", "a?k=[redacted: anthropic-key]"),
        ("n", 1),
    ]
    assert list(blocks[1]["structuredContent"].items()) == [("z", 1), ("a", "[redacted: anthropic-key]")]
    assert request == before


def test_two_secret_keys_of_one_object_stay_two() -> None:
    other = _KEY[:-1] + "e"
    taken = {_KEY: 1, other: 2, "[redacted: anthropic-key] (3)": 3}
    redacted, _ = redact(asked(ToolResult(tool_use_id="1", content=[], structured_content=taken)))
    (block,) = redacted.messages[0].blocks
    assert isinstance(block, ToolResult)
    assert block.structured_content == {
        "[redacted: anthropic-key]": 1,
        "[redacted: anthropic-key] (2)": 2,
        "[redacted: anthropic-key] (3)": 3,
    }


def test_names_of_tools_stay_because_answers_refer_to_them() -> None:
    request = asked(tools=[Tool(name=_KEY, input_schema={})])
    assert redact(request)[0] is request


def test_a_reply_is_redacted_too() -> None:
    redacted, flags = redact_reply(replied(f"It is {_KEY}."))
    assert redacted.text == "It is [redacted: anthropic-key]."
    assert [flag.path for flag in flags] == ["content.text"]


@pytest.mark.parametrize(
    "seed", [f"{_KEY} ", f"password={_KEY},", "a://u:x9Q@h", "token=tr0ub4dor&3xKq;", "sk-aaaaaaaaaaa-"]
)
def test_a_prompt_full_of_secrets_takes_linear_time(seed: str) -> None:
    text = (seed * (200_000 // len(seed) + 1))[:200_000]
    started = time.process_time()
    redact(asked(TextContent(text=text)))
    assert time.process_time() - started < 10


_PIECES = st.sampled_from(
    [
        *(text for rule in rules().secrets for text in (*rule.fires, *rule.passes)),
        *(
            "sk-ant-",
            "AKIA",
            "AIza",
            "ghp_",
            "password=",
            "token: ",
            "bearer ",
            "://u:",
            "@h",
            "-----BEGIN PRIVATE KEY-----",
        ),
        *(
            "-----END PRIVATE KEY-----",
            "\n",
            " ",
            "[",
            "]",
            "=",
            '"',
            "[redacted: jwt]",
            "x9Q",
            "eyJhbGciOi.",
            "aws secret",
        ),
    ]
)
_TOKENS = st.text("abcXYZ0189_-+/=.", max_size=45)


@settings(max_examples=400)
@given(st.lists(_PIECES | _TOKENS, max_size=8).map("".join) | st.text(max_size=100))
def test_redacting_twice_changes_nothing_and_leaves_no_secret(text: str) -> None:
    once = _redacted(text)
    assert _redacted(once) == once
    assert not [flag for flag in scan_request(asked(TextContent(text=once))) if flag.kind == "secrets"]


@given(st.lists(_PIECES | _TOKENS, max_size=8).map("".join))
def test_what_is_redacted_is_what_the_flags_say(text: str) -> None:
    redacted, flags = redact(asked(TextContent(text=text)))
    for flag in sorted(flags, key=lambda flag: -flag.start):
        assert not {"[", "]"} & set(text[flag.start : flag.end])
        text = f"{text[: flag.start]}[redacted: {flag.rule}]{text[flag.end :]}"
    assert redacted.messages[0].text == text
