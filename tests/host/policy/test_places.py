"""The line of every key, whatever way TOML lets one write it."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.host.policy.documents import toml
from upcall.host.policy._places import Path, places_of

EVERY_FORM = '''\
# a comment with [brackets] and "quotes"
top.dotted = 1
["quoted \\u0041".'literal "one"']
multi = """one ] # no comment
two \\""" three""""
literal = \'\'\'
it's\'\'\'
array = [ # a comment ]
  1,
  "two ]#", { three = 3, four.five = [6] },
]
when = 1979-05-27 07:32:00  # a date with a space
empty = ""
[[tables]]
a = 1
[[tables]]
[tables.sub]
b = 'c'
[[tables.more]]
last = {}
'''


def paths_of(value: Any, path: Path = ()) -> Iterator[Path]:
    """Every path of a parsed document."""
    if path:
        yield path
    if isinstance(value, dict):
        for key, one in value.items():
            yield from paths_of(one, (*path, key))
    elif isinstance(value, list):
        for number, one in enumerate(value):
            yield from paths_of(one, (*path, number))


def test_every_form_of_toml_has_its_line() -> None:
    places = places_of(EVERY_FORM)
    assert set(paths_of(tomllib.loads(EVERY_FORM))) == set(places)
    table = ("quoted A", 'literal "one"')
    assert {path: places[path] for path in places if path[-1] in ("dotted", "five", "when", "b", "last")} == {
        ("top", "dotted"): 2,
        (*table, "array", 2, "four", "five"): 10,
        (*table, "when"): 12,
        ("tables", 1, "sub", "b"): 18,
        ("tables", 1, "more", 0, "last"): 20,
    }
    assert (places[*table, "multi"], places[*table, "literal"], places[*table, "array", 1]) == (4, 6, 10)


def test_windows_line_ends_count_once() -> None:
    assert places_of("a = 1\r\n\r\nb = 2\r\n") == {("a",): 1, ("b",): 3}


_scalars = st.one_of(st.integers(), st.booleans(), st.text(st.characters(codec="utf-8")))
_values = st.recursive(_scalars, lambda inner: st.lists(inner, max_size=3), max_leaves=5)
_keys = st.text(st.characters(codec="utf-8"), max_size=5)
_documents = st.recursive(
    st.dictionaries(_keys, _values, max_size=3),
    lambda inner: st.dictionaries(_keys, st.one_of(_values, inner), max_size=3),
    max_leaves=8,
)


@given(_documents)
def test_every_path_of_any_document_has_a_line_that_names_it(document: dict[str, Any]) -> None:
    text = toml(document)
    assert tomllib.loads(text) == document
    places = places_of(text)
    assert set(places) == set(paths_of(document))
    lines = text.split("\n")
    for path, line in places.items():
        key = next(part for part in reversed(path) if isinstance(part, str))
        assert _last_key(lines[line - 1]) == key


def _last_key(line: str) -> str:
    parsed: Any = tomllib.loads(line)
    while isinstance(parsed, dict) and parsed:
        key, parsed = next(iter(parsed.items()))
    return str(key)
