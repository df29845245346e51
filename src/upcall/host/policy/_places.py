"""Where in a TOML text each key and each element stands. `tomllib` reads values but keeps no lines.

`places_of` takes a text that `tomllib` has accepted, so it only has to tell the parts of valid TOML 1.0 from each
other; it checks nothing.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from typing import TypeAlias

__all__ = ["Path", "Places", "places_of"]

Path: TypeAlias = tuple[str | int, ...]
"""Keys and, inside arrays, positions from 0: ``("budget", 0, "usd")``."""

Places: TypeAlias = Mapping[Path, int]
"""Path → line, from 1."""

_BLANK = re.compile(r"(?:[ \t\n,]|#[^\n]*)*")
_SPACE = re.compile(r"[ \t]*")
_KEY = re.compile(r"""[A-Za-z0-9_-]+|"(?:[^"\\]|\\.)*"|'[^']*'""")
_STRING = re.compile(
    r'''"""(?:[^\\]|\\.)*?"""(?!")'''
    r"""|\'\'\'.*?\'\'\'(?!')"""
    r"""|"(?:[^"\\]|\\.)*"|'[^']*'""",
    re.DOTALL,
)
_SCALAR = re.compile(r"[^,\]}#\n]+")  # numbers, booleans, dates (which may contain a space)


def places_of(text: str) -> Places:
    """The line of every key, table and array element in ``text``, which is valid TOML."""
    return _Reader(text.replace("\r\n", "\n")).read()


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._line = 1
        self._places: dict[Path, int] = {}
        self._tables: dict[Path, int] = {}  # arrays of tables, and how many each has so far

    def read(self) -> Places:
        prefix: Path = ()
        while self._skip(_BLANK) and self._at < len(self._text):
            if self._text.startswith("[[", self._at):
                self._take("[[")
                *parents, last = self._keys()
                array = (*self._resolved(parents), last)
                self._mark(array)
                number = self._tables.get(array, 0)
                self._tables[array] = number + 1
                prefix = (*array, number)
                self._mark(prefix)
                self._take("]]")
            elif self._text.startswith("[", self._at):
                self._take("[")
                prefix = self._resolved(self._keys())
                self._take("]")
            else:
                self._pair(prefix)
        return self._places

    def _pair(self, prefix: Path) -> None:
        path = prefix
        for key in self._keys():
            path = (*path, key)
            self._mark(path)
        self._take("=")
        self._value(path)

    def _value(self, path: Path) -> None:
        self._skip(_SPACE)
        self._mark(path)
        match self._text[self._at]:
            case "[":
                self._take("[")
                number = 0
                while self._skip(_BLANK) and self._text[self._at] != "]":
                    self._value((*path, number))
                    number += 1
                self._take("]")
            case "{":
                self._take("{")
                while self._skip(_BLANK) and self._text[self._at] != "}":
                    self._pair(path)
                self._take("}")
            case '"' | "'":
                self._skip(_STRING)
            case _:
                self._skip(_SCALAR)

    def _keys(self) -> list[str]:
        keys = []
        while True:
            self._skip(_SPACE)
            found = _KEY.match(self._text, self._at)
            assert found is not None, "places_of takes valid TOML"  # noqa: S101
            self._at = found.end()
            keys.append(_plain(found[0]))
            self._skip(_SPACE)
            if not self._text.startswith(".", self._at):
                return keys
            self._take(".")

    def _resolved(self, keys: list[str]) -> Path:
        """``keys`` of a header as a path: inside an array of tables, its last table is meant."""
        path: Path = ()
        for key in keys:
            path = (*path, key)
            self._mark(path)
            if path in self._tables:
                path = (*path, self._tables[path] - 1)
        return path

    def _mark(self, path: Path) -> None:
        self._places.setdefault(path, self._line)

    def _take(self, token: str) -> None:
        self._at += len(token)

    def _skip(self, pattern: re.Pattern[str]) -> bool:
        found = pattern.match(self._text, self._at)
        if found is not None:
            self._line += found[0].count("\n")
            self._at = found.end()
        return True


def _plain(key: str) -> str:
    """A key as it is meant, from how it is written."""
    if key[0] not in "\"'":
        return key
    return next(iter(tomllib.loads(f"{key} = 0")))
