"""From parsed TOML to the values of the schema, with every problem on the way, not only the first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

import msgspec
from msgspec import UnsetType

from upcall.host.policy._places import Path, Places
from upcall.host.policy._saying import choices, takes, written
from upcall.host.policy.origin import dotted
from upcall.host.policy.problems import Problem, nearest
from upcall.host.policy.schema import MOST_USD, Document, LimitSettings, Settings

__all__ = ["read_document"]

_SECRET = {("store", "url")}
"""Keys whose values are never repeated."""


class _Wrong:
    """Stands for a value that has been complained about."""


_WRONG = _Wrong()


def read_document(parsed: Mapping[str, Any], places: Places) -> tuple[Document, list[Problem]]:
    """The document, as far as it can be read, and what is wrong with the rest of it."""
    reader = _Reader(places)
    document = reader.value(parsed, Document, ())
    return (document if isinstance(document, Document) else Document()), reader.problems


class _Reader:
    def __init__(self, places: Places) -> None:
        self._places = places
        self.problems: list[Problem] = []

    def value(self, value: Any, kind: Any, path: Path) -> Any:
        """``value`` as ``kind``, or `_WRONG` once its problem is noted."""
        kind = _without_unset(kind)
        if isinstance(value, Decimal) and not value.is_finite():
            return self._misfit(value, kind, path)
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
            return self._table(value, kind, path) if isinstance(value, dict) else self._misfit(value, kind, path)
        plain = get_args(kind)[0] if get_origin(kind) is Annotated else kind
        if get_origin(plain) is Mapping and isinstance(value, dict):
            of = get_args(plain)[1]
            read = {key: self.value(one, of, (*path, key)) for key, one in value.items()}
            return {key: one for key, one in read.items() if one is not _WRONG}
        if get_origin(plain) is tuple and isinstance(value, list) and (value or plain is kind):
            of = get_args(plain)[0]
            elements = [self._element(one, of, (*path, number)) for number, one in enumerate(value)]
            return tuple(one for one in elements if one is not _WRONG)
        return self._leaf(value, kind, path)

    def _element(self, value: Any, kind: Any, path: Path) -> Any:
        """As `value`, but nothing of a table with a problem: what is left of it would seem to lack something."""
        before = len(self.problems)
        read = self.value(value, kind, path)
        return read if len(self.problems) == before else _WRONG

    def _table(self, table: dict[str, Any], kind: type[msgspec.Struct], path: Path) -> Any:
        fields = {field.encode_name: field for field in msgspec.structs.fields(kind)}
        found: dict[str, Any] = {}
        for key, value in table.items():
            if key not in fields:
                self._note((*path, key), f"There is no key {dotted((*path, key))}.", _meant(key, kind, path))
                continue
            read = self.value(value, fields[key].type, (*path, key))
            if read is not _WRONG:
                found[fields[key].name] = read
        missing = [name for name, field in fields.items() if field.required and name not in table]
        for name in missing:
            self._note(path, f"{dotted(path)} needs {name}: {takes(fields[name].type)}.")
        if any(field.required and field.name not in found for field in fields.values()):
            return _WRONG
        return kind(**found)

    def _leaf(self, value: Any, kind: Any, path: Path) -> Any:
        if kind is Decimal and (not isinstance(value, int | Decimal) or not 0 <= value <= MOST_USD):
            return self._misfit(value, kind, path)
        try:
            return msgspec.convert(value, kind)
        except msgspec.ValidationError:
            return self._misfit(value, kind, path)

    def _misfit(self, value: Any, kind: Any, path: Path) -> _Wrong:
        shown = "not of that kind" if path in _SECRET else written(value)
        near = nearest(value, choices(kind)) if isinstance(value, str) else None
        hint = f'Did you mean "{near}"?' if near else ""
        self._note(path, f"{dotted(path)} takes {takes(kind)}; it is {shown}.", hint)
        return _WRONG

    def _note(self, path: Path, message: str, hint: str = "") -> None:
        self.problems.append(Problem(line=self._line(path), message=message, hint=hint))

    def _line(self, path: Path) -> int | None:
        while path and path not in self._places:
            path = path[:-1]
        return self._places.get(path)


def _without_unset(kind: Any) -> Any:
    """``kind`` as it is when the key is there."""
    if get_origin(kind) not in (Union, UnionType):
        return kind
    kinds = tuple(one for one in get_args(kind) if one is not UnsetType)
    return kinds[0] if len(kinds) == 1 else Union[kinds]  # noqa: UP007 - built from a tuple


def _meant(key: str, kind: type[msgspec.Struct], path: Path) -> str:
    """The right key for a wrong one: in this table, in those below, or in the one above."""
    here = {field.encode_name: (*path, field.encode_name) for field in msgspec.structs.fields(kind)}
    elsewhere = dict(_below(kind, path))
    if kind is LimitSettings:
        elsewhere |= {field.encode_name: (*path[:-1], field.encode_name) for field in msgspec.structs.fields(Settings)}
    if key in elsewhere:
        return f"Did you mean {dotted(elsewhere[key])}?"
    for known in (here, elsewhere):
        if near := nearest(key, known):
            return f"Did you mean {dotted(known[near])}?"
    return f"Known here: {', '.join(here)}."


def _below(kind: type[msgspec.Struct], path: Path) -> Iterator[tuple[str, Path]]:
    """The keys of the tables inside a table, deepest first, so that the nearest one counts."""
    for field in msgspec.structs.fields(kind):
        if isinstance(field.type, type) and issubclass(field.type, msgspec.Struct):
            inside = (*path, field.encode_name)
            yield from _below(field.type, inside)
            yield from (
                (inner.encode_name, (*inside, inner.encode_name)) for inner in msgspec.structs.fields(field.type)
            )
