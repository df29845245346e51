"""A reader for JSON with comments and trailing commas that remembers where everything stands.

No library keeps the formatting of such files, so what is changed is spliced into the text: `parse` gives spans,
`spliced` applies edits. Offsets count characters of the text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Edit", "Member", "Node", "NotJson", "parse", "spliced"]

_DEEPEST = 200
_SPACE = re.compile(r"(?:[ \t\r\n\ufeff]+|//[^\r\n]*|/\*(?:[^*]|\*(?!/))*\*/)*")
_STRING = re.compile(r'"(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"')
_OTHER = re.compile(r"(?:true|false|null|-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)(?![\w.+-])")


class NotJson(ValueError):
    """The text is not JSON, not even with comments; the message says where."""


@dataclass(frozen=True, slots=True)
class Edit:
    """Replace ``text[start:end]`` by ``text``."""

    start: int
    end: int
    text: str


@dataclass(slots=True)
class Node:
    """A value: where it stands, what it means, and what is in it."""

    start: int
    end: int
    value: Any
    members: list[Member] = field(default_factory=list)
    items: list[Node] = field(default_factory=list)

    def __getitem__(self, name: str) -> Member:
        found = self.get(name)
        if found is None:
            raise KeyError(name)
        return found

    def get(self, name: str) -> Member | None:
        """The member of an object under ``name``."""
        return next((member for member in self.members if member.name == name), None)


@dataclass(slots=True)
class Member:
    """A key with its value; ``start`` and ``end`` are the key's, ``comma`` is where the comma after it stands."""

    name: str
    start: int
    end: int
    node: Node
    comma: int | None = None


def parse(text: str) -> Node:
    """The value in ``text``.

    Raises:
        NotJson: It cannot be read, or an object has the same key twice: clients disagree which counts.
    """
    reader = _Reader(text)
    node = reader.value(0)
    reader.space()
    if reader.at < len(text):
        raise reader.wrong("Something follows the end")
    return node


def spliced(text: str, edits: Iterable[Edit]) -> str:
    """``text`` after all ``edits``, which must not overlap; those at the same place come in the order given."""
    pieces, done = [], 0
    for edit in sorted(edits, key=lambda edit: (edit.start, edit.end)):
        if edit.start < done:
            raise AssertionError("edits overlap")
        pieces += [text[done : edit.start], edit.text]
        done = edit.end
    return "".join([*pieces, text[done:]])


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def wrong(self, what: str) -> NotJson:
        before = self.text[: self.at]
        line, column = before.count("\n") + 1, self.at - (before.rfind("\n") + 1) + 1
        return NotJson(f"{what} in line {line}, column {column}.")

    def space(self) -> None:
        if found := _SPACE.match(self.text, self.at):  # always: the pattern matches nothing, too
            self.at = found.end()

    def next_is(self, character: str) -> bool:
        self.space()
        return self.text.startswith(character, self.at)

    def value(self, depth: int) -> Node:
        if depth > _DEEPEST:
            raise self.wrong("Too deep a nesting")
        if self.next_is("{"):
            return self.object(depth)
        if self.next_is("["):
            return self.array(depth)
        found = _STRING.match(self.text, self.at) or _OTHER.match(self.text, self.at)
        if found is None:
            raise self.wrong("Not JSON")
        self.at = found.end()
        try:
            return Node(found.start(), found.end(), json.loads(found[0]))
        except ValueError:  # a number of more digits than Python reads
            raise self.wrong("Not JSON") from None

    def object(self, depth: int) -> Node:
        node = Node(self.at, 0, {})
        self.at += 1
        while not self.next_is("}"):
            if node.members and node.members[-1].comma is None:
                raise self.wrong("A comma is missing")
            found = _STRING.match(self.text, self.at)
            if found is None:
                raise self.wrong("A key in double quotes is missing")
            name = json.loads(found[0])
            if name in node.value:
                raise self.wrong(f"The key {found[0]} stands twice in an object, again")
            self.at = found.end()
            if not self.next_is(":"):
                raise self.wrong("A colon is missing")
            self.at += 1
            member = Member(name, found.start(), found.end(), self.value(depth + 1))
            node.members.append(member)
            node.value[name] = member.node.value
            if self.next_is(","):
                member.comma = self.at
                self.at += 1
        self.at += 1
        node.end = self.at
        return node

    def array(self, depth: int) -> Node:
        node = Node(self.at, 0, [])
        self.at += 1
        parted = True
        while not self.next_is("]"):
            if not parted:
                raise self.wrong("A comma is missing")
            node.items.append(self.value(depth + 1))
            node.value.append(node.items[-1].value)
            if parted := self.next_is(","):
                self.at += 1
        self.at += 1
        node.end = self.at
        return node
