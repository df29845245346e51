"""Taking a change back when other lines were changed since."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from upcall.gateway.clients._merging import taken_back

_lines = st.lists(st.sampled_from(["a\n", "b\n", "c\n", "\n"]), max_size=6).map(lambda lines: f"<\n{''.join(lines)}>\n")


@settings(max_examples=100, deadline=None)
@given(_lines, _lines, st.sampled_from(["", "mine\n", "mine\nyours\n"]), st.sampled_from(["", "theirs\n"]))
def test_what_was_added_around_the_change_stays(before: str, after: str, above: str, below: str) -> None:
    assert taken_back(before, after, above + after + below) in (above + before + below, None)
    assert taken_back(before, after, after) == before


def test_other_lines_keep_their_change_and_the_same_lines_are_a_conflict() -> None:
    before, after = "1\n2\n3\n4\n5\n", "1\nTWO\n3\n4\nFIVE\n"
    assert taken_back(before, after, "1\nTWO\n3\nx\n4\nFIVE\n") == "1\n2\n3\nx\n4\n5\n"
    assert taken_back(before, after, "1\nTWO!\n3\n4\nFIVE\n") is None
