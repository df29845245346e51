"""What a key takes, in words, drawn from its type, so that no message can fall behind the schema."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from msgspec import inspect

from upcall.host.policy.origin import quoted
from upcall.host.policy.schema import MOST_USD

__all__ = ["choices", "joined", "takes", "written"]

_LONGEST = 60
_LOGIN = re.compile(r"//[^/@]*@")
"""User and password in an address."""


def takes(kind: Any) -> str:
    """What values ``kind``, a type of the schema, allows: ``"ask", "allow" or "deny"``."""
    return _said(inspect.type_info(kind))


def choices(kind: Any) -> tuple[str, ...]:
    """The words that ``kind`` takes, where it takes some words and no others."""
    told = inspect.type_info(kind)
    types = told.types if isinstance(told, inspect.UnionType) else (told,)
    return tuple(str(value) for one in types if isinstance(one, inspect.LiteralType) for value in one.values)


def _said(kind: inspect.Type) -> str:
    match kind:
        case inspect.UnionType(types=types):
            return joined([_said(one) for one in types])
        case inspect.LiteralType(values=values):
            return joined([f'"{value}"' for value in values])
        case inspect.BoolType():
            return "true or false"
        case inspect.IntType(ge=least, le=most):
            return f"a whole number from {least} to {most:.0e}".replace("e+", "e")
        case inspect.FloatType():
            return "a number of seconds, above 0 and within a year"
        case inspect.DecimalType():
            return f"a number of US dollars from 0 to {MOST_USD:.0e}".replace("e+0", "e")
        case inspect.StrType():
            return "a text in quotes"
        case inspect.VarTupleType(item_type=item, min_length=least):
            few = "a list, not empty, of " if least else "a list of "
            return few + ("texts in quotes" if isinstance(item, inspect.StrType) else _said(item))
        case inspect.DictType() | inspect.StructType():
            return "a table"
        case _:
            raise TypeError(f"The schema has a type without words: {kind}.")


def joined(words: Sequence[str], last: str = "or") -> str:
    """``a, b or c``."""
    return f" {last} ".join(filter(None, [", ".join(words[:-1]), *words[-1:]]))


def written(value: object) -> str:
    """A value as it stands in the file, or its kind where it is long."""
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, list):
        return "a list" if value else "an empty list"
    if isinstance(value, str):
        text = _LOGIN.sub("//…@", value)
        return quoted(text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…")
    return str(value).lower() if isinstance(value, bool) else str(value)[:_LONGEST]
