"""Plain functions as tools of the sampled model.

A function's name, docstring and type hints make the definition; its arguments are validated before it runs. What
goes wrong inside it is told to the model as an error result without the exception's text, because that text would
leave this server. A ``ToolError`` is meant to be read, and is passed on.
"""

from __future__ import annotations

import inspect
import json
import logging
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

import anyio
import anyio.to_thread
from mcp.server.mcpserver.exceptions import ToolError
from pydantic import BaseModel, ConfigDict, Field, PydanticUserError, TypeAdapter, ValidationError, create_model

from upcall.errors import ConfigurationError, UpcallError
from upcall.server._prompt import Audio, Image, as_messages
from upcall.wire import (
    AudioContent,
    ImageContent,
    ResultBlock,
    TextContent,
    Tool,
    ToolResult,
    ToolUse,
)

__all__ = ["SamplingTool", "Toolbox", "ToolError", "brief_schema"]

logger = logging.getLogger(__name__)

_PROBLEMS = 10
"""How many problems of one value a model is told. A long list can have as many as it has items."""


@dataclass(frozen=True, slots=True)
class SamplingTool:
    """A tool and, where this server runs it, the function behind it."""

    definition: Tool
    function: Callable[..., Any] | None = None
    arguments: type[BaseModel] | None = None
    """Validates the arguments; its fields are named by position and carry the parameters' names as aliases."""

    @classmethod
    def of(
        cls, function: Callable[..., Any], *, name: str | None = None, description: str | None = None
    ) -> SamplingTool:
        """A function as a tool.

        Raises:
            ConfigurationError: The signature cannot be described: positional-only or variable parameters, a type that
                JSON does not know, no name.
        """
        name = name or str(getattr(function, "__name__", ""))
        if not name.isidentifier():
            raise ConfigurationError(
                f"{function!r} has no name to offer it under.", hint="Use SamplingTool.of(function, name=...)."
            )
        try:
            arguments = _arguments_of(name, function)
            schema = brief_schema(arguments.model_json_schema())
        except (NameError, PydanticUserError) as error:
            raise ConfigurationError(
                f"{name}: its parameters cannot be described to a model.",
                hint="Give each a type that JSON can carry.",
                detail=str(error),
            ) from error
        definition = Tool(
            name=name,
            description=description or inspect.getdoc(function.func if isinstance(function, partial) else function),
            input_schema=schema,
        )
        return cls(definition, function, arguments)

    async def run(self, given: dict[str, Any]) -> list[ResultBlock] | Any:
        """Validate, call, and give back what the function returned. A plain function runs in a worker thread."""
        if self.function is None or self.arguments is None:
            raise ToolError(f"{self.definition.name} cannot be run here.")
        checked = self.arguments.model_validate(given)
        keywords = {str(field.alias): getattr(checked, key) for key, field in self.arguments.model_fields.items()}
        if inspect.iscoroutinefunction(self.function):
            return await self.function(**keywords)
        function = self.function
        returned = await anyio.to_thread.run_sync(lambda: function(**keywords))
        return await returned if inspect.isawaitable(returned) else returned


def _arguments_of(name: str, function: Callable[..., Any]) -> type[BaseModel]:
    fields: dict[str, Any] = {}
    for position, parameter in enumerate(inspect.signature(function, eval_str=True).parameters.values()):
        if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            raise ConfigurationError(
                f"{name}: a tool's parameters have names, and {parameter} does not fit that.",
                hint="Use ordinary or keyword-only parameters.",
            )
        hint = Any if parameter.annotation is parameter.empty else parameter.annotation
        default = ... if parameter.default is parameter.empty else parameter.default
        fields[f"p{position}"] = (hint, Field(default, alias=parameter.name))
    return create_model(f"{name}_arguments", __config__=ConfigDict(extra="forbid"), **fields)


ToolLike: TypeAlias = Callable[..., Any] | SamplingTool | Tool | Any
"""A function, or a definition (a value, the SDK's ``Tool``, or JSON) that the caller runs itself."""


class Toolbox:
    """The tools of one `sample()` call."""

    def __init__(self, tools: Sequence[ToolLike]) -> None:
        self._tools = {tool.definition.name: tool for tool in map(_as_tool, tools)}
        if len(self._tools) != len(tools):
            raise ConfigurationError("Two tools of one request share a name.")

    def __contains__(self, name: object) -> bool:
        return name in self._tools

    @property
    def definitions(self) -> list[Tool]:
        """What the model is told."""
        return [tool.definition for tool in self._tools.values()]

    def runs(self, use: ToolUse) -> bool:
        """Whether this side can run it; a tool that is unknown counts, since the model is told so."""
        tool = self._tools.get(use.name)
        return tool is None or tool.function is not None

    async def run_all(self, uses: Sequence[ToolUse]) -> list[ToolResult]:
        """Run what the model asked for, all at once; results in its order."""
        results: dict[str, ToolResult] = {}

        async def run(use: ToolUse) -> None:
            results[use.id] = await self._run(use)

        async with anyio.create_task_group() as tasks:
            for use in uses:
                tasks.start_soon(run, use)
        return [results[use.id] for use in uses]

    async def _run(self, use: ToolUse) -> ToolResult:
        tool = self._tools.get(use.name)
        if tool is None:
            return _error(use, f"There is no tool {use.name!r}. There are: {', '.join(self._tools)}.")
        try:
            return _result(use, await tool.run(use.input))
        except ValidationError as error:
            return _error(use, f"The arguments do not fit: {explained(error)}")
        except _deliberate() as error:
            return _error(use, str(error))
        except Exception:
            logger.exception("tool %s failed; the model is told only that it did", use.name)
            return _error(use, f"{use.name} failed.")


def brief_schema(schema: dict[str, Any]) -> dict[str, Any]:
    """A JSON Schema without the titles that pydantic makes of names: they cost tokens and say nothing."""

    def stripped(node: Any, names: bool = False) -> Any:
        if isinstance(node, list):
            return [stripped(item) for item in node]
        if not isinstance(node, dict):
            return node
        # Inside `properties` a key is a name, and "title" is as good a name as any.
        return {
            key: stripped(value, key in ("properties", "$defs"))
            for key, value in node.items()
            if names or key != "title" or not isinstance(value, str)
        }

    return dict(stripped(schema))


def explained(error: ValidationError) -> str:
    """A validation error for a model to act on: where, and what is wrong there."""
    problems = error.errors(include_url=False, include_input=False)
    said = [f"{'.'.join(map(str, p['loc'])) or 'value'}: {p['msg']}" for p in problems[:_PROBLEMS]]
    if len(problems) > _PROBLEMS:
        said.append(f"and {len(problems) - _PROBLEMS} more")
    return "; ".join(said)


def _as_tool(tool: ToolLike) -> SamplingTool:
    if isinstance(tool, SamplingTool):
        return tool
    if isinstance(tool, Tool):
        return SamplingTool(tool)
    if callable(tool):
        return SamplingTool.of(tool)
    from upcall.wire import decode_request

    wire = tool.model_dump(by_alias=True, mode="json", exclude_none=True) if hasattr(tool, "model_dump") else tool
    decoded = decode_request({"messages": [], "maxTokens": 1, "tools": [wire]}).tools or []
    return SamplingTool(decoded[0])


def _result(use: ToolUse, returned: Any) -> ToolResult:
    structured: Any = None
    blocks: list[ResultBlock]
    if isinstance(returned, str):
        blocks = [TextContent(text=returned)]
    elif isinstance(returned, Image | Audio):
        blocks = _media(returned)
    elif isinstance(returned, ResultBlock):
        blocks = [returned]
    elif (
        isinstance(returned, list)
        and returned
        and all(isinstance(item, ResultBlock | Image | Audio) for item in returned)
    ):
        blocks = [block for item in returned for block in (_media(item) if isinstance(item, Image | Audio) else [item])]
    else:
        plain = TypeAdapter(Any).dump_python(returned, mode="json")
        blocks = [TextContent(text=json.dumps(plain, ensure_ascii=False))]
        # Revisions before 2026-07-28 know objects only.
        structured = plain if isinstance(plain, dict) else None
    return ToolResult(tool_use_id=use.id, content=blocks, structured_content=structured)


def _media(media: Image | Audio) -> list[ResultBlock]:
    return [block for block in as_messages(media)[0].blocks if isinstance(block, ImageContent | AudioContent)]


def _error(use: ToolUse, text: str) -> ToolResult:
    return ToolResult(tool_use_id=use.id, content=[TextContent(text=text)], is_error=True)


def _deliberate() -> tuple[type[Exception], ...]:
    """Exceptions whose text is meant for the model. FastMCP's counts where FastMCP is in use."""
    fastmcp = sys.modules.get("fastmcp.exceptions")
    return (ToolError, UpcallError, *((fastmcp.ToolError,) if fastmcp is not None else ()))
