"""Every text of a request or a result that a model, or the asker, gets to read: one way through, to look or to change.

Not among them: data of media, ids, stop sequences, hints, annotations and ``_meta``; no model reads those.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeAlias, TypeVar

import msgspec

from upcall.host.scanning.rules import Place
from upcall.wire import (
    ContentBlock,
    EmbeddedResource,
    ResourceLink,
    ResultBlock,
    SamplingMessage,
    SamplingRequest,
    SamplingResult,
    TextContent,
    Tool,
    ToolResult,
    ToolUse,
)

__all__ = ["Visit", "mapped_request", "mapped_result"]

Visit: TypeAlias = Callable[[Place, str, str], str]
"""From where a text stands, its path in the JSON (``messages[0].content.text``) and the text to its replacement."""

B = TypeVar("B", bound=msgspec.Struct)

_PLAIN_KEY = re.compile(r"[A-Za-z_$][A-Za-z_$-]{0,39}|[A-Za-z_][A-Za-z0-9_]{0,11}")
"""Keys that may show in a path: none of them can be a secret."""


def mapped_request(request: SamplingRequest, visit: Visit) -> SamplingRequest:
    """``request`` with each text replaced by what ``visit`` gives for it; the same object when nothing changes."""
    system = request.system_prompt
    return _with(
        request,
        system_prompt=system if system is None else visit("system", "systemPrompt", system),
        messages=_each(request.messages, "messages", lambda path, message: _message(path, message, visit)),
        tools=request.tools and _each(request.tools, "tools", lambda path, tool: _tool(path, tool, visit)),
        metadata=_json("metadata", "metadata", request.metadata, visit),
    )


def mapped_result(result: SamplingResult, visit: Visit) -> SamplingResult:
    """The same of a result."""
    return _with(result, content=_content("reply", "content", result.content, visit))


def _message(path: str, message: SamplingMessage, visit: Visit) -> SamplingMessage:
    return _with(message, content=_content("message", f"{path}.content", message.content, visit))


def _content(
    place: Place, path: str, content: ContentBlock | list[ContentBlock], visit: Visit
) -> ContentBlock | list[ContentBlock]:
    if isinstance(content, list):
        return _each(content, path, lambda path, block: _block(place, path, block, visit))
    return _block(place, path, content, visit)


def _block(place: Place, path: str, block: ContentBlock, visit: Visit) -> ContentBlock:
    if isinstance(block, TextContent):
        return _with(block, text=visit(place, f"{path}.text", block.text))
    if isinstance(block, ToolUse):
        visit("name", f"{path}.name", block.name)
        return _with(block, input=_json(place, f"{path}.input", block.input, visit))
    if isinstance(block, ToolResult):
        return _with(
            block,
            content=_each(block.content, f"{path}.content", lambda path, part: _part(place, path, part, visit)),
            structured_content=_json(place, f"{path}.structuredContent", block.structured_content, visit),
        )
    return block


def _part(place: Place, path: str, part: ResultBlock, visit: Visit) -> ResultBlock:
    if isinstance(part, TextContent):
        return _with(part, text=visit(place, f"{path}.text", part.text))
    if isinstance(part, EmbeddedResource):
        media = {"blob": part.resource["blob"]} if "blob" in part.resource else {}
        texts = {**part.resource, **dict.fromkeys(media)}
        seen = _json(place, f"{path}.resource", texts, visit)
        return part if seen is texts else _with(part, resource={**seen, **media})
    if isinstance(part, ResourceLink):
        fields = {name: getattr(part, name) for name in ("uri", "name", "title", "description")}
        return _with(part, **{name: text and visit(place, f"{path}.{name}", text) for name, text in fields.items()})
    return part


def _tool(path: str, tool: Tool, visit: Visit) -> Tool:
    visit("name", f"{path}.name", tool.name)
    return _with(
        tool,
        title=tool.title and visit("tool", f"{path}.title", tool.title),
        description=tool.description and visit("tool", f"{path}.description", tool.description),
        input_schema=_json("tool", f"{path}.inputSchema", tool.input_schema, visit),
        output_schema=_json("tool", f"{path}.outputSchema", tool.output_schema, visit),
    )


def _each(items: list[B], path: str, visit: Callable[[str, B], B]) -> list[B]:
    new = [visit(f"{path}[{number}]", item) for number, item in enumerate(items)]
    return items if all(one is other for one, other in zip(items, new, strict=True)) else new


def _with(value: B, **fields: Any) -> B:
    changed = {name: new for name, new in fields.items() if new is not getattr(value, name)}
    return msgspec.structs.replace(value, **changed) if changed else value


def _json(place: Place, path: str, value: Any, visit: Visit) -> Any:
    """All strings of a JSON value, keys included. Not recursive: how deep it goes is the peer's choice."""
    root = [value]
    changed = False
    left: list[tuple[Any, Any, str]] = [(root, 0, path)]
    while left:
        holder, place_in_it, path = left.pop()
        node = holder[place_in_it]
        below: list[tuple[Any, Any, str]] = []
        if isinstance(node, str):
            holder[place_in_it] = visit(place, path, node)
            changed = changed or holder[place_in_it] is not node
        elif isinstance(node, list):
            copy = holder[place_in_it] = list(node)
            below = [(copy, number, f"{path}[{number}]") for number in range(len(node))]
        elif isinstance(node, dict):
            members: dict[Any, Any] = {}
            holder[place_in_it] = members
            for number, (key, member) in enumerate(node.items()):
                kept = visit(place, f"{path}.keys[{number}]", key) if isinstance(key, str) else key
                if kept is not key:
                    changed = True
                    kept = _unused(kept, members, node)
                members[kept] = member
                shown = key if isinstance(key, str) and _PLAIN_KEY.fullmatch(key) else f"values[{number}]"
                below.append((members, kept, f"{path}.{shown}"))
        left.extend(reversed(below))
    return root[0] if changed else value


def _unused(key: str, *taken: dict[Any, Any]) -> str:
    number, free = 1, key
    while any(free in there for there in taken):
        number += 1
        free = f"{key} ({number})"
    return free
