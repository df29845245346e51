"""Splitting a stream of bytes into lines."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from upcall.gateway.stdio.lines import Lines, TooLong


@given(st.lists(st.binary(max_size=8).map(lambda piece: piece.replace(b"\x00", b"\n"))))
def test_lines_do_not_depend_on_the_pieces(pieces: list[bytes]) -> None:
    lines = Lines()
    got = [line for piece in pieces for line in lines.feed(piece)]
    *expected, rest = b"".join(pieces).split(b"\n")
    assert (got, lines.end()) == (expected, rest)
    assert lines.end() == b""


def test_a_long_line_in_many_pieces_costs_no_more_than_its_length() -> None:
    lines, piece = Lines(), b"x" * 65536
    start = time.process_time()
    for _ in range(1600):
        assert lines.feed(piece) == []
    assert [len(line) for line in lines.feed(b"\n")] == [1600 * 65536]
    assert time.process_time() - start < 5


def test_a_line_without_end_is_given_up_at_the_bound() -> None:
    lines = Lines(longest=10)
    assert lines.feed(b"0123456789") == []
    with pytest.raises(TooLong):
        lines.feed(b"0")
    with pytest.raises(TooLong):
        Lines(longest=10).feed(b"a\n" + b"0" * 11)
