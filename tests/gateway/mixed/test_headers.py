"""What a message says in headers, held against the official SDK's own reading of the specification."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mcp.shared.inbound import (
    InboundLadderRejection,
    classify_inbound_request,
    decode_header_value,
    encode_header_value,
    find_invalid_x_mcp_header,
    mcp_param_headers,
    validate_mcp_param_headers,
    x_mcp_header_map,
)

from upcall.gateway.http.headers import Said, ToolHeaders, decoded, encoded, mismatch, repeated, said, status_of

VERSION = "2026-07-28"


def body(method: str = "tools/call", **params: object) -> dict[str, Any]:
    meta = {"io.modelcontextprotocol/protocolVersion": VERSION, "io.modelcontextprotocol/clientCapabilities": {}}
    return {"jsonrpc": "2.0", "id": 1, "method": method, "params": {"_meta": meta, **params}}


def text(headers: dict[bytes, bytes]) -> dict[str, str]:
    return {name.decode(): value.decode() for name, value in headers.items()}


def read(message: dict[str, object]) -> Said:
    return said(str(message["method"]), msgspec.json.encode(message["params"]))


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_any_text_survives_the_way_through_a_header_as_the_sdk_writes_it(text: str) -> None:
    assert encoded(text) == encode_header_value(text)
    assert decoded(encoded(text)) == text


@given(st.one_of(st.text(), st.text("=?base64AQI").map(lambda inner: f"=?base64?{inner}?=")))
def test_a_header_is_read_as_the_sdk_reads_it(value: str) -> None:
    assert decoded(value) == decode_header_value(value)


@pytest.mark.parametrize(
    "message",
    [
        body(name="größe"),
        body("prompts/get", name=" edge "),
        body("resources/read", uri="file:///a b"),
        body("tools/list"),
        body("server/discover"),
    ],
)
def test_what_we_repeat_passes_our_own_check_and_the_sdks(message: dict[str, object]) -> None:
    headers = repeated(read(message), ToolHeaders())
    assert mismatch(read(message), headers.items(), ToolHeaders()) is None
    verdict = classify_inbound_request(message, headers=text(headers))
    assert not isinstance(verdict, InboundLadderRejection)


@pytest.mark.parametrize("name", [b"mcp-method", b"mcp-protocol-version", b"mcp-name"])
@pytest.mark.parametrize("value", [None, b"other", b"=?base64?!?="])
def test_a_header_that_is_missing_or_says_something_else_is_a_mismatch(name: bytes, value: bytes | None) -> None:
    message = body(name="add")
    headers = repeated(read(message), ToolHeaders())
    del headers[name]
    if value is not None:
        headers[name] = value
    assert name.decode() in str(mismatch(read(message), headers.items(), ToolHeaders()))


def test_a_header_that_comes_twice_is_a_mismatch() -> None:
    message = body(name="add")
    headers = list(repeated(read(message), ToolHeaders()).items())
    assert "more than once" in str(mismatch(read(message), [*headers, headers[0]], ToolHeaders()))


TOOL: dict[str, Any] = {
    "type": "object",
    "properties": {
        "region": {"type": "string", "x-mcp-header": "Region"},
        "count": {"type": "integer", "x-mcp-header": "Count"},
        "dry": {"type": "boolean", "x-mcp-header": "Dry"},
        "deep": {"type": "object", "properties": {"id": {"type": "string", "x-mcp-header": "Id"}}},
        "plain": {"type": "string"},
    },
}
ARGUMENTS: list[dict[str, Any]] = [
    {"region": "eu", "count": 3, "dry": True, "deep": {"id": "ü"}, "plain": "x"},
    {"region": None, "count": 4.0, "deep": 7},
    {"region": ["eu"], "count": -(10**30)},
    {},
]


def learned(schema: object) -> ToolHeaders:
    tools = ToolHeaders()
    tools.learn(json.dumps({"tools": [{"name": "add", "inputSchema": schema}]}).encode())
    return tools


@pytest.mark.parametrize("arguments", ARGUMENTS)
def test_marked_arguments_are_repeated_as_the_sdk_does_it(arguments: dict[str, object]) -> None:
    ours = learned(TOOL).repeated(read(body(name="add", arguments=arguments)))
    assert ours == mcp_param_headers(x_mcp_header_map(TOOL), arguments)


@pytest.mark.parametrize("arguments", ARGUMENTS)
@pytest.mark.parametrize(
    "extra", [{}, {b"mcp-param-region": b"us"}, {b"mcp-param-count": b"3.00"}, {b"mcp-param-id": b"=?base64?!?="}]
)
def test_marked_arguments_are_compared_as_the_sdk_does_it(
    arguments: dict[str, object], extra: dict[bytes, bytes]
) -> None:
    message, tools = read(body(name="add", arguments=arguments)), learned(TOOL)
    headers = {**repeated(message, tools), **extra}
    assert (mismatch(message, headers.items(), tools) is None) == (
        validate_mcp_param_headers(TOOL, arguments, text(headers)) is None
    )


@pytest.mark.parametrize(
    "schema",
    [
        {"properties": {"a": {"type": "number", "x-mcp-header": "A"}}},
        {"properties": {"a": {"type": "string", "x-mcp-header": "not a token"}}},
        {"properties": {"a": {"type": "string", "x-mcp-header": 7}}},
        {"properties": {"a": {"type": "string", "x-mcp-header": "A"}, "b": {"type": "string", "x-mcp-header": "a"}}},
        {"properties": {"a": {"type": ["string"], "x-mcp-header": "A"}}},
        {"items": {"type": "string", "x-mcp-header": "A"}},
        {"anyOf": [{"properties": {"a": {"type": "string", "x-mcp-header": "A"}}}]},
        {"$defs": {"d": {"type": "string", "x-mcp-header": "A"}}},
        {"x-mcp-header": "A", "type": "string"},
    ],
)
def test_a_tool_with_an_invalid_mark_has_no_headers(schema: dict[str, object]) -> None:
    assert find_invalid_x_mcp_header(schema) is not None
    assert learned(schema).repeated(read(body(name="add", arguments={"a": "x"}))) == {}


@pytest.mark.parametrize(
    "params", [b"", b"null", b"[]", b'{"_meta":7}', b'{"name":7,"arguments":"x"}', b"{", b"[" * 9999]
)
def test_params_of_any_shape_can_be_read(params: bytes) -> None:
    tools = learned(TOOL)
    request = said("tools/call", params)
    assert (request.version, request.name, tools.repeated(request)) == (None, None, {})


@pytest.mark.parametrize(("code", "status"), [(-32601, 404), (-32602, 400), (-32021, 400), (-32603, 200), (None, 200)])
def test_the_status_follows_the_error_code(code: int | None, status: int) -> None:
    assert status_of(code) == status
