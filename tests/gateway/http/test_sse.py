"""Server-sent events, however the network cuts them."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from upcall.gateway.http.sse import Event, EventTooLarge, Parser, comment, written

_ENDS = st.sampled_from([b"\n", b"\r\n", b"\r"])
_LINES = st.sampled_from(
    [b"", b": note", b":", b"data: a", b"data", b"data:  b: c", b"id: 7", b"event: message", b"retry: 5", b"x: y"]
)


def in_pieces(stream: bytes, cuts: list[int], parser: Parser) -> list[Event]:
    found: list[Event] = []
    at = 0
    for cut in sorted({cut % (len(stream) + 1) for cut in cuts}):
        found += parser.feed(stream[at:cut])
        at = cut
    return found + parser.feed(stream[at:])


def as_a_browser_reads(stream: bytes) -> list[tuple[bytes, bytes]]:
    """Data and id of the events that have data, by the letter of the standard: another way to the same."""
    found = []
    data: list[bytes] = []
    last = b""
    for line in re.split(rb"\r\n|\n|\r", stream)[:-1]:
        if not line:
            if data:
                found.append((b"\n".join(data), last))
            data, last = [], b""
        elif not line.startswith(b":"):
            name, _, value = line.partition(b":")
            value = value.removeprefix(b" ")
            if name == b"data":
                data.append(value)
            elif name == b"id":
                last = value
    return found


@given(st.lists(st.tuples(_LINES, _ENDS)), st.lists(st.integers(0, 500)))
def test_a_stream_is_passed_on_byte_for_byte_however_it_is_cut(
    lines: list[tuple[bytes, bytes]], cuts: list[int]
) -> None:
    stream = b"".join(line + end for line, end in lines)
    parser = Parser()
    events = in_pieces(stream, cuts, parser)
    assert b"".join(event.raw for event in events) + parser.rest == stream
    read = [(event.data, event.id or b"") for event in events if event.data is not None]
    if not stream.endswith(b"\r"):  # where the other half of an end may still come
        assert read == as_a_browser_reads(stream)


def test_an_event_is_given_with_the_chunk_that_ends_it() -> None:
    parser = Parser()
    assert parser.feed(b"event: message\r\nid: 1\r\ndata: {}\r\n\r") == [
        Event(b"event: message\r\nid: 1\r\ndata: {}\r\n\r", b"{}", b"message", b"1")
    ]
    assert parser.feed(b"\n") == [Event(b"\n")]
    assert parser.rest == b""


def test_a_comment_waits_for_no_event() -> None:
    assert Parser().feed(b": ping\n") == [Event(b": ping\n")]


def test_a_priming_event_has_empty_data() -> None:
    (event,) = Parser().feed(b"id: 1\nretry: 100\ndata:\n\n")
    assert (event.id, event.retry, event.data) == (b"1", b"100", b"")


def test_an_event_that_never_ends_is_given_up() -> None:
    parser = Parser(event_bytes=100)
    parser.feed(b"data: 1234\n" * 9)
    with pytest.raises(EventTooLarge):
        parser.feed(b"data: 1234\n")


def test_an_end_of_line_may_be_cut_anywhere() -> None:
    parser = Parser()
    assert [event for part in (b"data: a\r", b"\n", b"\n", b"\n") for event in parser.feed(part)] == [
        Event(b"data: a\r\n\n", b"a"),
        Event(b"\n"),
    ]


@given(st.binary().filter(lambda data: not data.endswith((b"\n", b"\r"))), st.none() | st.just(b"7"))
def test_what_is_written_is_read_again(data: bytes, ident: bytes | None) -> None:
    (event,) = Parser().feed(written(data, id=ident))
    assert event.data == b"\n".join(data.splitlines())
    assert event.id == ident


def test_a_comment_is_no_event() -> None:
    assert all(event.data is None for event in Parser().feed(comment(b"still here")))
