"""Hypothesis strategies for valid sampling requests."""

from __future__ import annotations

import base64
from typing import Any

from hypothesis import strategies as st

from upcall.errors import InvalidRequest
from upcall.wire import (
    AudioContent,
    ContentBlock,
    EmbeddedResource,
    ImageContent,
    ResourceLink,
    ResultBlock,
    SamplingCapability,
    SamplingMessage,
    SamplingRequest,
    TextContent,
    Tool,
    ToolChoice,
    ToolResult,
    ToolUse,
    check_request,
)

_texts = st.text(max_size=20)
_names = st.one_of(st.text(max_size=70), st.sampled_from(["a.b", "a_b", "a/b", "a" * 130, "a" * 200]))
_ids = st.one_of(st.text(max_size=50), st.sampled_from(["call_1", "call:1", "call_1_2"]))
_base64 = st.one_of(st.binary(min_size=1, max_size=8).map(lambda raw: base64.b64encode(raw).decode()), _texts)
_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | _texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_texts, inner, max_size=3),
    max_leaves=5,
)
_objects = st.dictionaries(_texts, _json, max_size=3)
_mimes = st.sampled_from(["image/png", "image/jpg", "image/webp; x=1", "audio/wav", "audio/mpeg", "text/plain", ""])

_text_blocks = st.builds(TextContent, text=_texts)
_plain_blocks: st.SearchStrategy[ContentBlock] = st.one_of(
    _text_blocks,
    _text_blocks,
    st.builds(ImageContent, data=_base64, mime_type=_mimes),
    st.builds(AudioContent, data=_base64, mime_type=_mimes),
)
_resources = st.fixed_dictionaries(
    {}, optional={"uri": _texts, "text": _texts, "blob": _base64, "mimeType": _mimes | st.none()}
)
_result_blocks: st.SearchStrategy[ResultBlock] = st.one_of(
    _text_blocks,
    st.builds(ImageContent, data=_base64, mime_type=_mimes),
    st.builds(AudioContent, data=_base64, mime_type=_mimes),
    st.builds(ResourceLink, uri=_texts, name=_texts),
    st.builds(EmbeddedResource, resource=_resources),
)


@st.composite
def _exchanges(draw: st.DrawFn, names: st.SearchStrategy[str], *, media: bool) -> list[SamplingMessage]:
    """A message, or one that uses tools and the one that answers it."""
    blocks = _plain_blocks if media else _text_blocks
    plain: list[ContentBlock] = [*draw(st.lists(blocks, max_size=3))]
    if draw(st.booleans()):
        return [SamplingMessage(role=draw(st.sampled_from(["user", "assistant"])), content=plain)]
    ids = draw(st.lists(_ids, min_size=1, max_size=3, unique=True))
    uses = [ToolUse(id=one, name=draw(names), input=draw(_objects)) for one in ids]
    inside: Any = _result_blocks if media else _text_blocks
    results = [
        ToolResult(
            tool_use_id=one,
            content=draw(st.lists(inside, max_size=3)),
            structured_content=draw(st.none() | _objects),
            is_error=draw(st.booleans()),
        )
        for one in draw(st.permutations(ids))
    ]
    return [
        SamplingMessage(role="assistant", content=[*plain, *uses]),
        SamplingMessage(role="user", content=[*results]),
    ]


@st.composite
def requests(draw: st.DrawFn, *, media: bool = True) -> SamplingRequest:
    """Any request that `check_request` lets pass. Without ``media`` its content is text, so that it can be encoded."""
    tool_names = draw(st.lists(_names, max_size=4, unique=True))
    tools = [
        Tool(
            name=name, input_schema=draw(_objects), description=draw(st.none() | _texts), title=draw(st.none() | _texts)
        )
        for name in tool_names
    ]
    in_history = st.sampled_from(tool_names) | _names if tool_names else _names
    exchanges = draw(st.lists(_exchanges(in_history, media=media), min_size=1, max_size=5))
    modes = ["auto", "required", "none"] if tools else ["auto", "none"]
    request = SamplingRequest(
        messages=[message for exchange in exchanges for message in exchange],
        max_tokens=draw(st.integers(1, 10**9)),
        system_prompt=draw(st.none() | _texts),
        temperature=draw(st.none() | st.floats()),
        stop_sequences=draw(st.none() | st.lists(st.text(max_size=3), max_size=6)),
        include_context=draw(st.sampled_from([None, "none", "thisServer", "allServers"])),
        metadata=draw(st.none() | _objects),
        tools=tools if tools else draw(st.sampled_from([tools, None])),
        tool_choice=draw(st.none() | st.builds(ToolChoice, mode=st.sampled_from(modes))),
    )
    try:
        check_request(request, declared=SamplingCapability(tools={}, context={}))
    except InvalidRequest as error:
        raise AssertionError(f"The strategy made an invalid request: {error}") from error
    return request
