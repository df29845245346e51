"""A tool's JSON Schema, reduced to the keywords that Gemini knows.

Gemini takes JSON Schema in ``parametersJsonSchema`` and reads a part of it (its reference lists `_KNOWN`). What it does
not read, it ignores in some places and refuses with status 400 in others, so none of it is sent. Rules:

1. What is left out widens the schema: every input that the tool takes, the reduced schema takes too.
2. ``const`` becomes an ``enum`` of one, ``definitions`` become ``$defs``, an ``allOf`` of one is that one.
3. Beside ``$ref`` nothing else may stand. A reference to anywhere but ``$defs`` becomes the schema of anything.
4. An ``enum`` holds texts and numbers only, or goes.
"""

from __future__ import annotations

from typing import Any

from upcall.errors import InvalidRequest

__all__ = ["reduced"]

_VALUES = frozenset(
    {
        *("$id", "$anchor", "type", "format", "title", "description"),
        *("minItems", "maxItems", "minimum", "maximum", "required", "propertyOrdering"),
    }
)
"""Keywords whose values are plain."""
_ONE = frozenset({"items", "additionalProperties"})
_SEVERAL = frozenset({"prefixItems", "anyOf", "oneOf"})
_NAMED = frozenset({"properties", "$defs"})
_KNOWN = _VALUES | _ONE | _SEVERAL | _NAMED | {"enum", "$ref"}
_OLD_PLACE, _PLACE = "#/definitions/", "#/$defs/"


def reduced(schema: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """What of ``schema`` is sent, and the keywords that were left out or put otherwise, sorted.

    Raises:
        InvalidRequest: It is nested more deeply than Python can follow.
    """
    changed: set[str] = set()
    try:
        return _schema(schema, changed), sorted(changed)
    except RecursionError:
        raise InvalidRequest("A tool's inputSchema is nested too deeply.") from None


def _schema(schema: dict[str, Any], changed: set[str]) -> dict[str, Any]:
    schema = _translated(schema, changed)
    if "$ref" in schema:
        return _reference(schema, changed)
    sent: dict[str, Any] = {}
    for keyword, value in schema.items():
        if keyword in _VALUES:
            sent[keyword] = value
        elif keyword in _ONE:
            sent[keyword] = _any(value, changed, may_be_bool=keyword == "additionalProperties")
        elif keyword in _SEVERAL and isinstance(value, list):
            sent[keyword] = [_any(each, changed) for each in value]
        elif keyword in _NAMED and isinstance(value, dict):
            sent[keyword] = {name: _any(each, changed) for name, each in value.items()}
        elif keyword == "enum" and _is_plain(value):
            sent[keyword] = value
        else:
            changed.add(keyword)
    return sent


def _is_plain(enum: Any) -> bool:
    kinds = {type(each) for each in enum} if isinstance(enum, list) else {None}
    return kinds <= {str, int, float}


def _any(value: Any, changed: set[str], *, may_be_bool: bool = False) -> Any:
    if isinstance(value, dict):
        return _schema(value, changed)
    # `true` takes anything, and `false` nothing, which cannot be said.
    return value if may_be_bool else {}


def _translated(schema: dict[str, Any], changed: set[str]) -> dict[str, Any]:
    """``schema`` with `const`, `definitions` and a lone `allOf` in words that are known."""
    schema = dict(schema)
    only = schema.get("allOf")
    if isinstance(only, list) and len(only) == 1 and isinstance(only[0], dict):
        changed.add("allOf")
        del schema["allOf"]
        schema = {**only[0], **schema}
    if "const" in schema:
        changed.add("const")
        schema["enum"] = [schema.pop("const")]
    if isinstance(schema.get("definitions"), dict):
        changed.add("definitions")
        new = schema.get("$defs")
        schema["$defs"] = {**schema.pop("definitions"), **(new if isinstance(new, dict) else {})}
    return schema


def _reference(schema: dict[str, Any], changed: set[str]) -> dict[str, Any]:
    changed.update(keyword for keyword in schema if not keyword.startswith("$"))
    place = str(schema["$ref"]).replace(_OLD_PLACE, _PLACE, 1)
    if not place.startswith(_PLACE):
        changed.add("$ref")
        return {}
    sent: dict[str, Any] = {"$ref": place}
    if isinstance(schema.get("$defs"), dict):
        sent["$defs"] = {name: _any(each, changed) for name, each in schema["$defs"].items()}
    return sent
