"""Frames: read as far as needed, changed along one path, and never a reason to fall over."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET, Raw

from upcall.gateway import frames
from upcall.gateway._deep import deep_envelope

DEEP = 200_000
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        b"  ",
        b"null",
        b"7",
        b'"x"',
        b"{",
        b"{}x",
        b"\xff\xfe",
        b'{"method":"\xff"}',
        b'{"id":"\xff"}',
        b'{"id":true}',
        b'{"id":{}}',
        b'{"method":7}',
        b'{"method":null}',
        b'{"id":1e999}',
        b'{"id":' + b"9" * 5000 + b"}",
        b'{"method":"\\ud800"}',
        b"[" * 500_000,
        b'{"a":' * 500_000,
        b'{"a":' + b"[" * 500_000,
        b"[" * 500_000 + b"]" * 500_000,
        b'{"a":' * 500_000 + b"1" + b"}" * 500_000 + b"}",
    ],
)
def test_what_is_no_message_has_no_envelope(frame: bytes) -> None:
    assert frames.peek(frame) is None


@pytest.mark.parametrize("before", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("value", [b"NaN", b"-Infinity", b'"\\ud800"', b"1"])
def test_what_only_some_parsers_take_hides_no_envelope(before: bytes, value: bytes) -> None:
    frame = before + b'{"id":1,"method":"m","params":{"a":%s}}' % value
    found = frames.peek(frame)
    assert found is not None
    assert (found.id, found.method, frames.raw_id(frame)) == (1, "m", b"1")
    assert frames.members(found.params) == {"a": Raw(value)}


def test_an_envelope_is_read_and_its_contents_are_left_alone() -> None:
    found = frames.peek(b' {"id" : "\\u00e4","params":{"x": 1.50 },"method":"a\\/b", "result":[], "error":null} \n')
    assert found is not None
    assert (found.id, found.method) == ("ä", "a/b")
    assert [bytes(part) for part in (found.params, found.result, found.error) if isinstance(part, Raw)] == [
        b'{"x": 1.50 }',
        b"[]",
        b"null",
    ]


def test_of_a_member_that_stands_twice_the_last_counts() -> None:
    found = frames.peek(b'{"id":1,"method":"a","id":2,"method":"b"}')
    assert found is not None
    assert (found.id, found.method) == (2, "b")
    assert frames.changed(b'{"id":1,"a":1,"id":2}', {"id": b"3"}) == b'{"id":3,"a":1}'


@pytest.mark.parametrize("nested", [b"[" * DEEP + b"]" * DEEP, b'{"]":' * DEEP + b'"\\"}"' + b"}" * DEEP])
def test_an_envelope_is_read_whatever_the_depth_of_what_it_holds(nested: bytes) -> None:
    frame = b' {"jsonrpc": "2.0", "id" : 7 ,"result":' + nested + b"}"
    began = time.perf_counter()
    found = frames.peek(frame)
    assert time.perf_counter() - began < 5
    assert found is not None
    assert found.id == 7
    assert found.method is UNSET
    assert isinstance(found.result, Raw)
    assert bytes(found.result) == nested
    assert frames.raw_id(frame) == b"7"
    assert frames.changed(frame, {"id": b'"x"'}) == b'{"jsonrpc":"2.0","id":"x","result":' + nested + b"}"
    assert (frames.members(found.result) is None) == nested.startswith(b"[")


@given(st.dictionaries(st.text(), ANY_JSON, max_size=5), st.booleans(), st.booleans())
def test_the_way_for_deep_objects_agrees_with_the_parser(value: dict[str, Any], ascii_only: bool, spaced: bool) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only, indent=1 if spaced else None).encode()
    found, parsed = deep_envelope(text), frames.members(text)
    assert found is not None
    assert parsed is not None
    assert {key: bytes(part) for key, part in found.items()} == {
        key: bytes(part).strip() for key, part in parsed.items()
    }


@given(st.binary() | st.text(alphabet='{}[]",:\\ 1a').map(str.encode))
def test_nothing_makes_reading_raise(frame: bytes) -> None:
    frames.peek(frame)
    frames.elements(frame)
    frames.members(frame)
    frames.request_id(frame)
    frames.changed(frame, {"id": b"1"})
    frames.compact(frame)
    deep_envelope(frame)


@given(ANY_JSON, st.dictionaries(st.text(), ANY_JSON, max_size=5))
def test_a_change_leaves_the_rest_as_it_was(value: Any, rest: dict[str, Any]) -> None:
    built = frames.changed(
        json.dumps({"before": 1.0, **rest}).encode(), {"new": json.dumps(value).encode(), "before": None}
    )
    assert built is not None
    assert json.loads(built) == {**{key: part for key, part in rest.items() if key != "before"}, "new": value}


def test_numbers_escapes_and_order_outlast_a_change() -> None:
    params = b'{"z":1.50,"a":"\\u00e4\\/","n":123456789012345678901234567890,"e":1E+2,"m":-0}'
    assert frames.changed(b'{"params":' + params + b',"id":1}', {"id": b"2"}) == b'{"params":' + params + b',"id":2}'


def test_a_value_is_swapped_only_where_it_is_the_only_one() -> None:
    assert frames.swapped(b'{"a":"x","b":1}', b'"x"', b"7") == b'{"a":7,"b":1}'
    assert frames.swapped(b'{"a":"x","b":"x"}', b'"x"', b"7") is None
    assert frames.swapped(b"{}", b'"x"', b"7") is None


@given(ANY_JSON)
def test_a_compact_frame_is_one_line_of_the_same_value(value: Any) -> None:
    line = frames.compact(json.dumps(value, indent=2).encode())
    assert b"\n" not in line
    assert json.loads(line) == value


def test_a_frame_on_one_line_is_not_touched() -> None:
    frame = b'{ "a" : 1.0 }'
    assert frames.compact(frame) is frame
    assert b"\n" not in frames.compact(b'{"a":\n')
    assert frames.compact(b'{"a" :\r\n 1.0}') == b'{"a":1.0}'
