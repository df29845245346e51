"""Codex's config.toml: its entries, and the changes that wrap them and put them back. tomlkit keeps the formatting."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import Array, InlineTable

from upcall.gateway.clients._entries import Program, Remote, unwound

__all__ = ["NotToml", "TomlFile"]

Path = tuple[str, ...]
_TABLE = "mcp_servers"


class NotToml(ValueError):
    """The text is not TOML, or its formatting could not be kept; the message says why."""


class TomlFile:
    """The text of such a file; the same face as `JsonFile`.

    Raises:
        NotToml: It cannot be read.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        document = self._document()
        if tomlkit.dumps(document) != text:
            raise NotToml("Its formatting cannot be kept.")
        values = document.unwrap().get(_TABLE)
        self.entries: dict[Path, Any] = {(_TABLE, k): v for k, v in values.items()} if isinstance(values, dict) else {}
        self.client = "Codex" if isinstance(values, dict) else None

    def entry_text(self, path: Path) -> str:
        """The entry as it is written, without its header."""
        return str(self._document()[_TABLE][path[1]].as_string())

    def with_entry_of(self, other: TomlFile, path: Path) -> str:
        """The text with the entry as ``other`` has it."""
        document = self._document()
        document[_TABLE][path[1]] = other._document()[_TABLE][path[1]]
        return self._checked(document, path, other.entries[path])

    def wrapped(self, path: Path, plan: Program | Remote) -> str:
        """The text with one entry behind the gateway."""
        document = self._document()
        entry: Any = document[_TABLE][path[1]]
        if isinstance(plan, Program):
            entry["command"] = plan.command
            if "args" in entry and {"\n", "#"} & set(entry["args"].as_string()):
                _put_first(entry["args"], plan.front)
            elif "args" in entry:
                entry["args"] = _array((*plan.front, *self.entries[path]["args"]))
            else:
                entry["args"] = _array(plan.front)
            expected = {**self.entries[path], "command": plan.command}
            expected["args"] = [*plan.front, *self.entries[path].get("args", [])]
            return self._checked(document, path, expected)
        command = tomlkit.item(plan.command)
        command.trivia.comment_ws = entry[plan.url_key].trivia.comment_ws
        command.trivia.comment = entry[plan.url_key].trivia.comment
        _removed(entry, plan.url_key)
        entry["command"] = command
        entry["args"] = _array(plan.arguments)
        if "type" in entry:
            entry["type"] = "stdio"
        if plan.headers_key is not None:
            _removed(entry, plan.headers_key)
        if plan.headers:
            if "env" not in entry:
                entry["env"] = tomlkit.inline_table()
            for variable, value in plan.headers.values():
                entry["env"][variable] = value
        return self._checked(document, path, None)

    def rebuilt(self, path: Path, like: Mapping[str, Any] | None = None) -> str:
        """The text with a wrapped entry as its own arguments say it was; type and names are those of ``like``."""
        was = unwound(self.entries[path], like={"http_headers": {}, **(like or {})}) or {}
        document = self._document()
        entry: Any = document[_TABLE][path[1]]
        for key in [key for key in entry if key not in was]:
            _removed(entry, key)
        for key, value in was.items():
            if key not in entry or self.entries[path][key] != value:
                entry[key] = _inline(value)
        return self._checked(document, path, was)

    def _document(self) -> tomlkit.TOMLDocument:
        try:
            return tomlkit.parse(self.text)
        except (TOMLKitError, ValueError, RecursionError) as error:
            raise NotToml(str(error)) from None

    def _checked(self, document: tomlkit.TOMLDocument, path: Path, expected: Any) -> str:
        """What ``document`` is written as, when that still says the same about all other entries."""
        text = tomlkit.dumps(document)
        if "\r\n" in self.text and "\n" not in self.text.replace("\r\n", ""):
            text = text.replace("\r\n", "\n").replace("\n", "\r\n")
        now, before = tomlkit.parse(text).unwrap(), self._document().unwrap()
        found, _ = now[_TABLE].pop(path[1], None), before[_TABLE].pop(path[1])
        if now != before or (expected is not None and found != expected):
            raise NotToml(f"The entry {path[1]} is written in a way that cannot be changed safely.")
        return text


def _array(texts: tuple[str, ...]) -> Array:
    array = tomlkit.array()
    array.extend(texts)
    return array


def _put_first(array: Array, texts: tuple[str, ...]) -> None:
    for number, text in enumerate(texts):
        array.insert(number, text)


def _inline(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    table: InlineTable = tomlkit.inline_table()
    table.update(value)
    return table


def _removed(entry: Any, key: str) -> None:
    entry.remove(key)
