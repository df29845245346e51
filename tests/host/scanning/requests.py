"""Requests and results that hold one text in one place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from upcall.host.scanning import Flag, Place, scan_reply, scan_request
from upcall.wire import (
    ContentBlock,
    EmbeddedResource,
    ResourceLink,
    SamplingMessage,
    SamplingRequest,
    SamplingResult,
    TextContent,
    Tool,
    ToolResult,
    ToolUse,
)

__all__ = ["HOLDERS", "asked", "flags_in", "replied"]


def asked(*blocks: ContentBlock, **fields: Any) -> SamplingRequest:
    """A request with one message."""
    content = list(blocks) or TextContent(text="Hello")
    return SamplingRequest(messages=[SamplingMessage(role="user", content=content)], max_tokens=10, **fields)


def replied(text: str) -> SamplingResult:
    """A reply of one text."""
    return SamplingResult(role="assistant", content=TextContent(text=text), model="m")


def flags_in(place: Place, text: str) -> list[Flag]:
    """What is noticed when ``text`` stands in ``place``."""
    if place == "reply":
        return scan_reply(replied(text))
    requests: dict[Place, SamplingRequest] = {
        "system": asked(system_prompt=text),
        "message": asked(TextContent(text=text)),
        "tool": asked(tools=[Tool(name="t", input_schema={}, description=text)]),
        "name": asked(tools=[Tool(name=text, input_schema={})]),
        "metadata": asked(metadata={"note": text}),
    }
    return scan_request(requests[place])


def _result(*parts: Any, **fields: Any) -> SamplingRequest:
    return asked(ToolResult(tool_use_id="1", content=list(parts), **fields))


HOLDERS: dict[str, Callable[[str], SamplingRequest]] = {
    "systemPrompt": lambda text: asked(system_prompt=text),
    "messages[0].content[0].text": lambda text: asked(TextContent(text=text)),
    "messages[0].content[1].input.a.b[0]": lambda text: asked(
        TextContent(text=""), ToolUse(id="1", name="t", input={"a": {"b": [text]}})
    ),
    "messages[0].content[0].content[0].text": lambda text: _result(TextContent(text=text)),
    "messages[0].content[0].content[0].resource.text": lambda text: _result(
        EmbeddedResource(resource={"uri": "file:///a", "text": text})
    ),
    "messages[0].content[0].content[0].uri": lambda text: _result(ResourceLink(uri=text)),
    "messages[0].content[0].content[0].description": lambda text: _result(ResourceLink(uri="a", description=text)),
    "messages[0].content[0].structuredContent.keys[1]": lambda text: _result(structured_content={"a": 1, text: 2}),
    "tools[0].title": lambda text: asked(tools=[Tool(name="t", input_schema={}, title=text)]),
    "tools[0].description": lambda text: asked(tools=[Tool(name="t", input_schema={}, description=text)]),
    "tools[0].inputSchema.properties.values[0].description": lambda text: asked(
        tools=[Tool(name="t", input_schema={"properties": {"a strange key": {"description": text}}})]
    ),
    "tools[0].outputSchema.title": lambda text: asked(
        tools=[Tool(name="t", input_schema={}, output_schema={"title": text})]
    ),
    "metadata.note": lambda text: asked(metadata={"note": text}),
}
"""Path → a request with a text at that path."""
