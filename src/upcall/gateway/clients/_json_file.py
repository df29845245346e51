"""A client's config in JSON, with comments or without: its entries, and the edits that wrap them and put them back."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from upcall.gateway.clients._entries import Program, Remote, unwound
from upcall.gateway.clients._jsonc import Edit, Member, Node, parse, spliced

__all__ = ["JsonFile"]

Path = tuple[str, ...]


class JsonFile:
    """The text of such a file. A value: changes give a new text.

    ``entries`` has every server's entry under its path: ``("mcpServers", "logs")``.

    Args:
        text: The whole text.
        gemini: Whether its place says that it is Gemini CLI's; an ``httpUrl`` in it says so, too.

    Raises:
        NotJson: It cannot be read.
    """

    def __init__(self, text: str, *, gemini: bool = False) -> None:
        self.text = text
        self.root = parse(text)
        self._tables = list(_tables(self.root))
        self._nodes = {(*path, member.name): member.node for path, table in self._tables for member in table.members}
        self.entries: dict[Path, Any] = {path: node.value for path, node in self._nodes.items()}
        is_gemini = gemini or any("httpUrl" in entry for entry in self.entries.values() if isinstance(entry, dict))
        self.client = _client([path for path, _ in self._tables], is_gemini)

    def entry_text(self, path: Path) -> str:
        """The entry as it is written."""
        node = self._nodes[path]
        return self.text[node.start : node.end]

    def with_entry_of(self, other: JsonFile, path: Path) -> str:
        """The text with the entry as ``other`` has it."""
        node = self._nodes[path]
        return spliced(self.text, [Edit(node.start, node.end, other.entry_text(path))])

    def wrapped(self, path: Path, plan: Program | Remote) -> str:
        """The text with one entry behind the gateway."""
        node = self._nodes[path]
        if isinstance(plan, Program):
            return spliced(self.text, self._program(node, plan))
        return spliced(self.text, self._remote(node, plan))

    def rebuilt(self, path: Path, like: Mapping[str, Any] | None = None) -> str:
        """The text with a wrapped entry as its own arguments say it was, with the type and the names that ``like`` has.

        The comments in it stay where it started a program, and go where it named an address.
        """
        node = self._nodes[path]
        was = unwound(node.value, like=like or ({"httpUrl": ""} if self.client == "Gemini CLI" else {})) or {}
        if "command" in was:
            return spliced(self.text, self._program_again(node, was))
        line = self.text[self.text.rfind("\n", 0, node.start) + 1 : node.start]
        margin = line[: len(line) - len(line.lstrip())]
        inner = self._gap(node.members[0])
        step = inner.rpartition("\n")[2].removeprefix(margin) if "\n" in inner else None
        written = json.dumps(was, ensure_ascii=False, indent=step or None)
        return spliced(self.text, [Edit(node.start, node.end, written.replace("\n", self._newline() + margin))])

    def _program_again(self, node: Node, was: Mapping[str, Any]) -> Iterator[Edit]:
        command, args = node["command"], node["args"]
        yield Edit(command.node.start, command.node.end, _written(was["command"]))
        if "args" in was:
            items = args.node.items
            yield Edit(items[0].start, items[len(items) - len(was["args"])].start, "")
        else:
            yield from self._removed(node, args)

    def _program(self, node: Node, plan: Program) -> Iterator[Edit]:
        command, args = node["command"], node.get("args")
        yield Edit(command.node.start, command.node.end, _written(plan.command))
        if args is None:
            yield self._args_after(command, plan.front)
        elif not args.node.items:
            yield Edit(args.node.start + 1, args.node.start + 1, _listed(plan.front))
        else:
            first = args.node.items[0].start
            gap = self.text[args.node.start + 1 : first]
            own_line = gap[gap.rfind("\n") :] if "\n" in gap and not gap[gap.rfind("\n") :].strip() else None
            between = (self._newline() + own_line[1:]) if own_line else " "
            yield Edit(first, first, f"{_listed(plan.front)},{between}")

    def _remote(self, node: Node, plan: Remote) -> Iterator[Edit]:
        url, kind = node[plan.url_key], node.get("type")
        yield Edit(url.start, url.end, '"command"')
        yield Edit(url.node.start, url.node.end, _written(plan.command))
        yield self._args_after(url, plan.arguments)
        if kind is not None:
            yield Edit(kind.node.start, kind.node.end, '"stdio"')
        if plan.headers_key is None:
            return
        headers, env = node[plan.headers_key], node.get("env")
        if env is None:
            yield Edit(headers.start, headers.end, '"env"')
            for member in headers.node.members:
                variable, value = plan.headers[member.name]
                yield Edit(member.start, member.end, _written(variable))
                yield Edit(member.node.start, member.node.end, _written(value))
            return
        pairs = ", ".join(f"{_written(variable)}: {_written(value)}" for variable, value in plan.headers.values())
        if pairs:
            comma = ", " if env.node.members else ""
            yield Edit(env.node.start + 1, env.node.start + 1, pairs + comma)
        yield from self._removed(node, headers)

    def _removed(self, node: Node, member: Member) -> Iterator[Edit]:
        before = node.members[: node.members.index(member)]
        start, end = member.start, member.node.end if member.comma is None else member.comma + 1
        if before and before[-1].comma is not None and member.comma is None:  # the last one: the comma before it goes
            comma = before[-1].comma
            if self.text[comma + 1 : start].isspace():
                start = comma
            else:
                yield Edit(comma, comma + 1, "")
        yield Edit(start, end, "")

    def _args_after(self, member: Member, arguments: tuple[str, ...]) -> Edit:
        return Edit(member.node.end, member.node.end, f',{self._gap(member) or " "}"args": [{_listed(arguments)}]')

    def _gap(self, member: Member) -> str:
        """What parts ``member`` from what stands before it: a new line with its margin, or blanks."""
        found = re.search(r"(\r?\n)?[ \t]*$", self.text[: member.start])
        return found[0] if found else ""

    def _newline(self) -> str:
        return "\r\n" if "\r\n" in self.text else "\n"


def _tables(root: Node) -> Iterator[tuple[Path, Node]]:
    """The tables of servers: `mcpServers`; VS Code's `servers`; those of Claude Code's projects, in ~/.claude.json."""
    for path in (("mcpServers",), ("servers",), ("mcp", "servers")):
        node: Node | None = root
        for name in path:
            member = node.get(name) if node is not None else None
            node = member.node if member is not None else None
        if node is not None and isinstance(node.value, dict):
            yield path, node
    projects = root.get("projects")
    for project in projects.node.members if projects is not None else ():
        table = project.node.get("mcpServers")
        if table is not None and isinstance(table.node.value, dict):
            yield ("projects", project.name, "mcpServers"), table.node


def _client(paths: list[Path], is_gemini: bool) -> str | None:
    if not paths:
        return None
    if is_gemini:
        return "Gemini CLI"
    return "VS Code" if paths[0][-1] == "servers" else "mcpServers"


def _written(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:  # half a surrogate pair, which only an escape can write
        return json.dumps(text)
    return json.dumps(text, ensure_ascii=False)


def _listed(texts: tuple[str, ...]) -> str:
    return ", ".join(map(_written, texts))
