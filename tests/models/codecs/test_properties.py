"""What holds for every valid request, whatever is in it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from tests.models.codecs.requests import requests
from upcall.errors import InvalidAnswer, InvalidRequest, UnsupportedContent
from upcall.models.codecs import Encoded, anthropic, command, gemini, openai_chat, openai_responses
from upcall.wire import SamplingRequest, ToolResult, ToolUse, decode_request

Encode = Callable[[SamplingRequest], Encoded]

ANTHROPIC: list[Encode] = [
    partial(anthropic.encode, model="claude-haiku-4-5"),
    partial(anthropic.encode, model="claude-sonnet-5"),
]
OPENAI: list[Encode] = [
    partial(openai_chat.encode, model="gpt-4.1-mini"),
    partial(openai_chat.encode, model="o4-mini"),
    partial(openai_chat.encode, model="llama", dialect=openai_chat.COMPATIBLE),
]
RESPONSES: list[Encode] = [
    partial(openai_responses.encode, model="gpt-5.4-mini"),
    partial(openai_responses.encode, model="llama", dialect=openai_responses.COMPATIBLE),
]
GEMINI: list[Encode] = [
    partial(gemini.encode, model="gemini-2.5-flash"),
    partial(gemini.encode, model="gemini-3.5-flash"),
]
COMMAND: list[Encode] = [
    partial(command.encode, model="command/mine", form="text"),
    partial(command.encode, model="command/mine", form="json"),
]
thorough = settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
PROVIDERS = [*ANTHROPIC, *OPENAI, *RESPONSES, *GEMINI]
LIMITS = ("max_tokens", "max_completion_tokens", "max_output_tokens", "maxOutputTokens", "maxTokens")
STOPS = ("stop", "stop_sequences", "stopSequences")


def each(
    codecs: list[Encode], *, media: bool = True
) -> Callable[[Callable[[Encode, SamplingRequest], None]], Callable[..., None]]:
    """Check the same requests with each of these codecs: what takes the time is to think of them."""

    def checked(check: Callable[[Encode, SamplingRequest], None]) -> Callable[..., None]:
        def each_codec(request: SamplingRequest) -> None:
            for encode in codecs:
                note(str(encode))
                check(encode, request)

        each_codec.__name__ = each_codec.__qualname__ = check.__name__
        return thorough(given(request=requests(media=media))(each_codec))

    return checked


def parameters(encoded: Encoded) -> dict[str, Any]:
    """The members of a body, and those of Gemini's settings."""
    return {**encoded.body, **encoded.body.get("generationConfig", {})}


def attempt(encode: Encode, request: SamplingRequest) -> Encoded | InvalidRequest | UnsupportedContent:
    """What encoding gives, or the error of ours that it raises."""
    try:
        return encode(request)
    except (InvalidRequest, UnsupportedContent) as error:
        return error


def encoded_or_none(encode: Encode, request: SamplingRequest) -> Encoded | None:
    """``None`` where nothing but empty text is in it, which is the one reason to refuse text."""
    encoded = attempt(encode, request)
    if isinstance(encoded, Encoded):
        return encoded
    assert "empty text" in encoded.message
    return None


@each(PROVIDERS + COMMAND)
def test_encoding_gives_a_json_body_or_an_error_of_ours(encode: Encode, request: SamplingRequest) -> None:
    encoded = attempt(encode, request)
    if not isinstance(encoded, Encoded):
        assert encoded.message.endswith(".")
        return
    json.dumps(encoded.body, allow_nan=False)
    (limit,) = (value for name, value in parameters(encoded).items() if name in LIMITS)
    if limit != request.max_tokens:
        # OpenAI's Responses take no limit below 16.
        assert (limit, "maxTokens") == (16, next(e.field for e in encoded.adjustments if e.action == "emulated"))


@each(PROVIDERS, media=False)
def test_text_alone_is_never_refused(encode: Encode, request: SamplingRequest) -> None:
    encoded_or_none(encode, request)


@each(PROVIDERS + COMMAND)
def test_encoding_twice_gives_the_same_and_leaves_the_request_alone(encode: Encode, request: SamplingRequest) -> None:
    before = repr(request)
    assert repr(attempt(encode, request)) == repr(attempt(encode, request))
    assert repr(request) == before


@each(ANTHROPIC, media=False)
def test_turns_alternate_and_none_is_empty(encode: Encode, request: SamplingRequest) -> None:
    if (encoded := encoded_or_none(encode, request)) is None:
        return
    messages = encoded.body["messages"]
    assert all(one["role"] != other["role"] for one, other in pairwise(messages))
    assert all(message["content"] for message in messages)
    assert all(block["text"].strip() for block in _blocks(encoded, "text"))


@each(OPENAI, media=False)
def test_no_role_but_the_tools_follows_itself(encode: Encode, request: SamplingRequest) -> None:
    if (encoded := encoded_or_none(encode, request)) is None:
        return
    roles = [message["role"] for message in encoded.body["messages"]]
    assert all(one != other or one == "tool" for one, other in pairwise(roles))


@each(ANTHROPIC, media=False)
def test_anthropic_gets_each_result_under_the_id_of_its_use(encode: Encode, request: SamplingRequest) -> None:
    if (encoded := encoded_or_none(encode, request)) is None:
        return
    uses, results = _blocks(encoded, "tool_use"), _blocks(encoded, "tool_result")
    _check_ids(
        request,
        encoded,
        [(use["id"], use["name"], use["input"]) for use in uses],
        [result["tool_use_id"] for result in results],
        limit=(64, 128),
    )


@each(OPENAI, media=False)
def test_openai_gets_each_result_under_the_id_of_its_use(encode: Encode, request: SamplingRequest) -> None:
    if (encoded := encoded_or_none(encode, request)) is None:
        return
    messages = encoded.body["messages"]
    calls = [call for message in messages for call in message.get("tool_calls", ())]
    _check_ids(
        request,
        encoded,
        [(one["id"], one["function"]["name"], json.loads(one["function"]["arguments"])) for one in calls],
        [message["tool_call_id"] for message in messages if message["role"] == "tool"],
        limit=(40, 64),
    )


def _blocks(encoded: Encoded, kind: str) -> list[dict[str, Any]]:
    return [b for message in encoded.body["messages"] for b in message["content"] if b["type"] == kind]


def _check_ids(
    request: SamplingRequest,
    encoded: Encoded,
    sent_uses: list[tuple[str, str, Any]],
    sent_results: list[str],
    *,
    limit: tuple[int, int],
) -> None:
    """Ids are plain, unique and paired as in the request; names lead back to the request's."""
    uses = [block for message in request.messages for block in message.blocks if isinstance(block, ToolUse)]
    assert [(encoded.names.get(name, name), given) for _, name, given in sent_uses] == [
        (use.name, use.input) for use in uses
    ]
    assert len({call_id for call_id, _, _ in sent_uses}) == len(uses)
    for call_id, name, _ in sent_uses:
        assert re.fullmatch(r"[a-zA-Z0-9_-]+", call_id)
        assert len(call_id) <= limit[0]
        assert re.fullmatch(r"[a-zA-Z0-9_-]+", name)
        assert len(name) <= limit[1]
    expected = []
    position = 0
    for message in request.messages:
        turn = [block.id for block in message.blocks if isinstance(block, ToolUse)]
        if turn:
            known = dict(zip(turn, (sent[0] for sent in sent_uses[position:]), strict=False))
            position += len(turn)
        expected += [known[block.tool_use_id] for block in message.blocks if isinstance(block, ToolResult)]
    assert sent_results == expected


@each(RESPONSES, media=False)
def test_responses_get_each_result_under_the_id_of_its_use(encode: Encode, request: SamplingRequest) -> None:
    if (encoded := encoded_or_none(encode, request)) is None:
        return
    items = encoded.body["input"]
    _check_ids(
        request,
        encoded,
        [(i["call_id"], i["name"], json.loads(i["arguments"])) for i in items if i["type"] == "function_call"],
        [item["call_id"] for item in items if item["type"] == "function_call_output"],
        limit=(64, 64),
    )


@each(GEMINI, media=False)
def test_gemini_gets_each_result_under_the_id_and_name_of_its_use(encode: Encode, request: SamplingRequest) -> None:
    if (encoded := encoded_or_none(encode, request)) is None:
        return
    parts = [part for content in encoded.body["contents"] for part in content["parts"]]
    calls = [part["functionCall"] for part in parts if "functionCall" in part]
    results = [part["functionResponse"] for part in parts if "functionResponse" in part]
    names = {call["id"]: call["name"] for call in calls}
    assert all(result["name"] == names[result["id"]] for result in results)
    assert all(re.match("[a-zA-Z_]", name) for name in names.values())
    _check_ids(
        request,
        encoded,
        [(call["id"], call["name"], call["args"]) for call in calls],
        [result["id"] for result in results],
        limit=(64, 64),
    )


@each(GEMINI, media=False)
def test_gemini_gets_alternating_turns_of_which_none_is_empty(encode: Encode, request: SamplingRequest) -> None:
    if (encoded := encoded_or_none(encode, request)) is None:
        return
    contents = encoded.body["contents"]
    assert all(one["role"] != other["role"] for one, other in pairwise(contents))
    assert all(content["parts"] for content in contents)
    assert all(part["text"] for content in contents for part in content["parts"] if "text" in part)


@each(PROVIDERS, media=False)
def test_renaming_is_reversible(encode: Encode, request: SamplingRequest) -> None:
    if (encoded := encoded_or_none(encode, request)) is None or not request.tools:
        return
    (first, *_) = declared = encoded.body["tools"]
    declared = first.get("functionDeclarations", declared)
    sent = [tool.get("function", tool)["name"] for tool in declared]
    assert [encoded.names.get(name, name) for name in sent] == [tool.name for tool in request.tools]
    assert len(set(sent)) == len(sent)


@thorough
@given(request=requests(media=False), given_input=st.dictionaries(st.text(), st.integers() | st.text()), data=st.data())
def test_a_tool_use_comes_back_under_its_own_name(
    request: SamplingRequest, given_input: dict[str, Any], data: st.DataObject
) -> None:
    encode = ANTHROPIC[0]
    if not request.tools or (encoded := encoded_or_none(encode, request)) is None:
        return
    if encoded.cut_at:
        return
    number = data.draw(st.integers(0, len(request.tools) - 1))
    use = {"type": "tool_use", "id": "t", "name": encoded.body["tools"][number]["name"], "input": given_input}
    result = anthropic.decode({"content": [use], "stop_reason": "end_turn"}, request, encoded).result
    assert result.tool_uses == [ToolUse(id="t", name=request.tools[number].name, input=given_input)]
    assert result.stop_reason == "toolUse"


@thorough
@given(body=st.recursive(st.none() | st.integers() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)))
def test_any_json_is_decoded_or_refused_by_an_error_of_ours(body: Any) -> None:
    request = decode_request(
        {"messages": [{"role": "user", "content": {"type": "text", "text": "Hi"}}], "maxTokens": 5}
    )
    decoders = [
        partial(anthropic.decode, encoded=ANTHROPIC[0](request)),
        partial(openai_chat.decode, encoded=OPENAI[0](request)),
        partial(openai_responses.decode, encoded=RESPONSES[0](request)),
        partial(gemini.decode, encoded=GEMINI[0](request)),
    ]
    for decode in decoders:
        with pytest.raises(InvalidAnswer):
            decode(body, request)


@each(PROVIDERS + COMMAND)
def test_whatever_is_left_out_is_named(encode: Encode, request: SamplingRequest) -> None:
    encoded = attempt(encode, request)
    if not isinstance(encoded, Encoded):
        return
    named = {adjustment.field for adjustment in encoded.adjustments}
    if request.metadata:
        assert "metadata" in named
    if request.include_context in ("thisServer", "allServers"):
        assert "includeContext" in named
    sent = parameters(encoded).get("temperature")
    if request.temperature is not None and sent != request.temperature:
        assert "temperature" in named
    stops: list[str] = next((value for name, value in parameters(encoded).items() if name in STOPS), [])
    if set(request.stop_sequences or ()) != set(stops):
        assert "stopSequences" in named
    assert {*stops, *encoded.cut_at} == set(request.stop_sequences or ()) - {""}
