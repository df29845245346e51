"""Reading JSON with comments, and where everything in it stands."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.gateway.clients.configs import configs, written
from upcall.gateway.clients._jsonc import Edit, Node, NotJson, parse, spliced


@settings(max_examples=50, deadline=None)
@given(st.data())
def test_it_reads_what_was_written_and_knows_where_each_value_stands(data: st.DataObject) -> None:
    value = data.draw(configs())
    text = data.draw(written(value))

    def check(node: Node) -> None:
        assert parse(text[node.start : node.end]).value == node.value
        for member in node.members:
            assert json.loads(text[member.start : member.end]) == member.name
            assert member.comma is None or text[member.comma] == ","
            check(member.node)
        for item in node.items:
            check(item)

    root = parse(text)
    assert root.value == value
    check(root)


@settings(max_examples=50, deadline=None)
@given(st.text('{}[]":,/*\\ \n1ae-.', max_size=30))
def test_what_python_reads_as_json_is_read_the_same_and_nothing_crashes(text: str) -> None:
    try:
        expected = json.loads(text)
    except ValueError:
        expected = None
    try:
        found = parse(text).value
    except NotJson:
        found = None
    if expected is not None and not _twice(text):
        assert found == expected


def _twice(text: str) -> bool:
    pairs: list[list[str]] = []
    json.loads(text, object_pairs_hook=lambda found: pairs.append([name for name, _ in found]))
    return any(len(names) != len(set(names)) for names in pairs)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "Not JSON in line 1, column 1."),
        ('{"a": 1,\n "a": 2}', 'The key "a" stands twice in an object, again in line 2, column 2.'),
        ('{"a" 1}', "A colon is missing in line 1, column 6."),
        ('{"a": 1 "b": 2}', "A comma is missing in line 1, column 9."),
        ("{,}", "A key in double quotes is missing in line 1, column 2."),
        ("[1,,]", "Not JSON in line 1, column 4."),
        ("[1 2]", "A comma is missing in line 1, column 4."),
        ("{} x", "Something follows the end in line 1, column 4."),
        ("{'a': 1}", "A key in double quotes is missing in line 1, column 2."),
        ('"tab\there"', "Not JSON in line 1, column 1."),
        ("/* no end", "Not JSON in line 1, column 1."),
        ("[1e5x]", "Not JSON in line 1, column 2."),
        ("[" * 5000, "Too deep a nesting in line 1, column 202."),
        ("9" * 5000, "Not JSON in line 1, column 5001."),
    ],
)
def test_what_is_wrong_is_said_with_its_place(text: str, why: str) -> None:
    with pytest.raises(NotJson) as caught:
        parse(text)
    assert str(caught.value) == why


def test_edits_at_one_place_come_in_their_order() -> None:
    assert spliced("abc", [Edit(2, 3, "C"), Edit(1, 1, "x"), Edit(1, 1, "y")]) == "axybC"
    with pytest.raises(AssertionError):
        spliced("abc", [Edit(0, 2, ""), Edit(1, 3, "")])
