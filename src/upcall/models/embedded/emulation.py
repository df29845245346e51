"""Tools for a model that has none: its output is held to a JSON schema that only a tool call fits. Pure.

What that can and cannot do:

- ``required``: the schema admits a call of any offered tool, and nothing else.
- ``auto`` with a single tool: the first answer is a call of it, and after tool results comes text, so that a tool
  loop ends. A model this small does not choose well by itself.
- ``auto`` with several tools, and ``none``: plain text; the model does not hear of the tools.
"""

from __future__ import annotations

import secrets
from typing import Any

import msgspec

from upcall.errors import ModelUnavailable
from upcall.models.base import Adjustment
from upcall.wire import SamplingRequest, Tool, ToolResult, ToolUse

__all__ = ["Emulation", "emulate", "read_call"]


class Emulation(msgspec.Struct, frozen=True, kw_only=True):
    """How a request's tools are stood in for. Without a ``schema`` the answer is plain text."""

    schema: dict[str, Any] | None = None
    instructions: str = ""
    adjustments: tuple[Adjustment, ...] = ()


class _Call(msgspec.Struct, frozen=True):
    name: str
    arguments: dict[str, Any]


def emulate(request: SamplingRequest) -> Emulation:
    """What stands in for the tools of ``request``."""
    tools = request.tools or []
    mode = request.tool_choice.mode if request.tool_choice is not None else "auto"
    if not tools:
        return Emulation()
    if mode == "none":
        return _text_only('toolChoice is "none", so the model does not hear of the tools.')
    if mode == "auto" and len(tools) > 1:
        return _text_only("It cannot choose among several tools by itself; it answers in plain text.")
    if mode == "auto" and any(isinstance(block, ToolResult) for block in request.messages[-1].blocks):
        return _text_only("After the results of its one tool it answers in plain text.")
    reason = "Its output is held to a JSON schema that only a tool call fits."
    if mode == "auto":
        reason += " It always calls the one tool first."
    adjustments = [Adjustment(field="tools", action="emulated", reason=reason)]
    if request.stop_sequences:
        reason = "They would cut the JSON of the tool call."
        adjustments.append(Adjustment(field="stopSequences", action="dropped", reason=reason))
    return Emulation(schema=_schema(tools), instructions=_instructions(tools), adjustments=tuple(adjustments))


def read_call(text: str) -> ToolUse:
    """The tool use that the model wrote under the schema of `emulate`.

    Raises:
        ModelUnavailable: It is not one, which the schema should have prevented.
    """
    try:
        call = msgspec.json.decode(text, type=_Call)
        return ToolUse(id=f"call_{secrets.token_hex(8)}", name=call.name, input=call.arguments)
    except msgspec.DecodeError as error:
        raise ModelUnavailable("The embedded model wrote a tool call that is not valid JSON.", detail=text) from error


def _text_only(reason: str) -> Emulation:
    return Emulation(adjustments=(Adjustment(field="tools", action="dropped", reason=reason),))


def _instructions(tools: list[Tool]) -> str:
    lines = [f"- {tool.name}: {tool.description or tool.title or tool.name}" for tool in tools]
    return "\n".join(["Answer with one call of a tool, as JSON with name and arguments. Tools:", *lines])


def _schema(tools: list[Tool]) -> dict[str, Any]:
    # Each tool's schema keeps its own root, so that its "#/$defs/…" still mean what they meant. Arguments that the
    # schema does not name are allowed by default; a small model would ramble on in them.
    narrow = {"type": "object", "additionalProperties": False}
    definitions = {
        f"tool{n}": _rerooted({**narrow, **tool.input_schema}, f"#/$defs/tool{n}") for n, tool in enumerate(tools)
    }
    calls = [
        {
            "type": "object",
            "properties": {"name": {"const": tool.name}, "arguments": {"$ref": f"#/$defs/tool{n}"}},
            "required": ["name", "arguments"],
            "additionalProperties": False,
        }
        for n, tool in enumerate(tools)
    ]
    return {**(calls[0] if len(calls) == 1 else {"anyOf": calls}), "$defs": definitions}


def _rerooted(schema: Any, root: str) -> Any:
    if isinstance(schema, list):
        return [_rerooted(item, root) for item in schema]
    if not isinstance(schema, dict):
        return schema
    moved = {key: _rerooted(value, root) for key, value in schema.items()}
    if isinstance(reference := schema.get("$ref"), str) and reference.startswith("#"):
        moved["$ref"] = root + reference[1:]
    return moved
