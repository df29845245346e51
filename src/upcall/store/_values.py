"""How values go into columns, and come out again. Both databases take text that is UTF-8 without NUL."""

from __future__ import annotations

import json
import re
from typing import Any, TypeVar, overload

import msgspec

__all__ = ["MOST", "clean", "from_json", "needle", "to_json", "whole"]

T = TypeVar("T")

_TOO_DEEP = '"[nested too deeply to be kept]"'
_SURROGATE = re.compile("[\ud800-\udfff]")

MOST = 10**15
"""What is counted higher is kept as this much: sums of it still fit into the database's integers."""


def to_json(value: object) -> str | None:
    """JSON text; ``None`` for ``None``.

    Raises:
        TypeError: ``value`` is not JSON.
    """
    if value is None:
        return None
    try:
        return msgspec.json.encode(value).decode()
    except UnicodeEncodeError:
        # Half of a surrogate pair: JSON has an escape for it, UTF-8 has no bytes.
        text = json.dumps(msgspec.to_builtins(value), ensure_ascii=False)
        return _SURROGATE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
    except RecursionError:
        return _TOO_DEEP  # a record without its body rather than none


@overload
def from_json(text: str | None, default: T) -> Any | T: ...
@overload
def from_json(text: str | None) -> Any: ...
def from_json(text: str | None, default: object = None) -> Any:
    """What `to_json` was given; ``default`` for ``None``."""
    return default if text is None else json.loads(text)


@overload
def clean(text: str) -> str: ...
@overload
def clean(text: str | None) -> str | None: ...
def clean(text: str | None) -> str | None:
    """``text`` with a replacement character for each that cannot be stored."""
    if text is None or (text.isascii() and "\x00" not in text):
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace").replace("\x00", "\ufffd")


@overload
def whole(number: int) -> int: ...
@overload
def whole(number: int | None) -> int | None: ...
def whole(number: int | None) -> int | None:
    """``number`` within what columns hold."""
    return None if number is None else max(-MOST, min(number, MOST))


def needle(text: str) -> str:
    """A pattern for ``LIKE … ESCAPE '!'`` that finds ``text`` anywhere."""
    for special in "!%_":
        text = text.replace(special, "!" + special)
    return f"%{text}%"
