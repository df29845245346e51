"""What of a JSON Schema Gemini is sent."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from upcall.errors import InvalidRequest
from upcall.models.codecs._schemas import _KNOWN, reduced

_values = st.none() | st.booleans() | st.integers() | st.text(max_size=5)
_keywords = st.sampled_from([*sorted(_KNOWN), "const", "definitions", "allOf", "not", "pattern", "default", "$schema"])


def _grown(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    named = st.dictionaries(st.text(max_size=5), inner, max_size=3)
    return st.dictionaries(_keywords, inner | named | st.lists(inner, max_size=3) | _values, max_size=4)


_schemas = st.recursive(st.dictionaries(_keywords, _values, max_size=2), _grown, max_leaves=10)


def subschemas(schema: Any) -> Iterator[dict[str, Any]]:
    """``schema`` and every schema in it."""
    if not isinstance(schema, dict):
        return
    yield schema
    for keyword in ("items", "additionalProperties"):
        yield from subschemas(schema.get(keyword))
    for keyword in ("anyOf", "oneOf", "prefixItems"):
        for each in schema.get(keyword, ()):
            yield from subschemas(each)
    for keyword in ("properties", "$defs"):
        for each in schema.get(keyword, {}).values():
            yield from subschemas(each)


@settings(max_examples=200, deadline=None)
@given(schema=_schemas)
def test_nothing_unknown_is_left_whatever_comes(schema: dict[str, Any]) -> None:
    before = copy.deepcopy(schema)
    sent, changed = reduced(schema)
    assert schema == before
    assert changed == sorted(set(changed))
    for each in subschemas(sent):
        assert each.keys() <= _KNOWN
        assert all(keyword.startswith("$") for keyword in each) or "$ref" not in each
    assert reduced(sent)[0] == sent


def test_a_schema_without_end_is_refused() -> None:
    schema: dict[str, Any] = {}
    for _ in range(5000):
        schema = {"items": schema}
    with pytest.raises(InvalidRequest, match="nested too deeply"):
        reduced(schema)


@pytest.mark.parametrize(
    ("schema", "sent", "changed"),
    [
        ({"type": ["string", "null"], "format": "date"}, {"type": ["string", "null"], "format": "date"}, []),
        ({"const": 1}, {"enum": [1]}, ["const"]),
        ({"const": None}, {}, ["const", "enum"]),
        ({"enum": ["a", 1, 1.5]}, {"enum": ["a", 1, 1.5]}, []),
        ({"enum": ["a", None]}, {}, ["enum"]),
        ({"$ref": "#/$defs/a", "title": "A"}, {"$ref": "#/$defs/a"}, ["title"]),
        ({"$ref": "#/properties/a"}, {}, ["$ref"]),
        ({"$ref": "https://example.org/schema"}, {}, ["$ref"]),
        ({"definitions": {"a": {"type": "string"}}}, {"$defs": {"a": {"type": "string"}}}, ["definitions"]),
        ({"allOf": [{"type": "string"}], "title": "A"}, {"type": "string", "title": "A"}, ["allOf"]),
        ({"allOf": [{"type": "string"}, {"minLength": 1}]}, {}, ["allOf"]),
        ({"anyOf": [{"type": "string"}, True]}, {"anyOf": [{"type": "string"}, {}]}, []),
        ({"additionalProperties": {"pattern": "a"}}, {"additionalProperties": {}}, ["pattern"]),
        ({"additionalProperties": False, "items": False}, {"additionalProperties": False, "items": {}}, []),
        ({"properties": {"pattern": {"type": "string"}}}, {"properties": {"pattern": {"type": "string"}}}, []),
    ],
)
def test_each_rule(schema: dict[str, Any], sent: dict[str, Any], changed: list[str]) -> None:
    assert reduced(schema) == (sent, changed)
