"""What the conformance suite expects of any server: tools, resources and prompts that need nothing of upcall.

Names, texts and behaviour are the suite's; it prescribes them scenario by scenario.
"""

from __future__ import annotations

import asyncio
import base64
import io
import json
import wave
from typing import Annotated, Any

import mcp_types as types
from mcp.server.context import ServerRequestContext
from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.prompts.base import Prompt, UserMessage
from pydantic import Field

__all__ = ["add_everything"]

PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNoAAAAggCBd81ytgAAAABJRU5ErkJggg=="

_STEP_SECONDS = 0.05
"""Between two reports of one tool, so that they arrive one by one; the suite asks for it."""

_SCHEMA_2020_12: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "$defs": {
        "address": {
            "$anchor": "addressDef",
            "type": "object",
            "properties": {"street": {"type": "string"}, "city": {"type": "string"}},
        }
    },
    "properties": {
        "name": {"type": "string"},
        "address": {"$ref": "#/$defs/address"},
        "contactMethod": {"type": "string", "enum": ["phone", "email"]},
        "phone": {"type": "string"},
        "email": {"type": "string"},
    },
    "allOf": [{"anyOf": [{"required": ["phone"]}, {"required": ["email"]}]}],
    "if": {"properties": {"contactMethod": {"const": "phone"}}, "required": ["contactMethod"]},
    "then": {"required": ["phone"]},
    "else": {"required": ["email"]},
    "additionalProperties": False,
}


def add_everything(server: MCPServer) -> None:
    """Register all of it."""
    _add_content_tools(server)
    _add_reporting_tools(server)
    _add_schema_tools(server)
    _add_change_tools(server)
    _add_resources(server)
    _add_prompts(server)
    _add_requests(server)


def _image() -> types.ImageContent:
    return types.ImageContent(data=PNG, mime_type="image/png")


def _embedded(uri: str, mime_type: str, text: str) -> types.EmbeddedResource:
    return types.EmbeddedResource(resource=types.TextResourceContents(uri=uri, mime_type=mime_type, text=text))


def _silence() -> str:
    file = io.BytesIO()
    with wave.open(file, "wb") as audio:
        audio.setnchannels(1)
        audio.setsampwidth(1)
        audio.setframerate(8000)
        audio.writeframes(bytes([128] * 8))
    return base64.b64encode(file.getvalue()).decode()


def _add_content_tools(server: MCPServer) -> None:
    @server.tool()
    def test_simple_text() -> str:
        """One text block."""
        return "This is a simple text response for testing."

    @server.tool()
    def test_image_content() -> types.ImageContent:
        """One image."""
        return _image()

    @server.tool()
    def test_audio_content() -> types.AudioContent:
        """One sound."""
        return types.AudioContent(data=_silence(), mime_type="audio/wav")

    @server.tool()
    def test_embedded_resource() -> types.EmbeddedResource:
        """One embedded resource."""
        return _embedded("test://embedded-resource", "text/plain", "This is an embedded resource content.")

    @server.tool()
    def test_multiple_content_types() -> list[types.TextContent | types.ImageContent | types.EmbeddedResource]:
        """Text, image and resource together."""
        return [
            types.TextContent(text="Multiple content types test:"),
            _image(),
            _embedded("test://mixed-content-resource", "application/json", '{"test":"data","value":123}'),
        ]

    @server.tool()
    def test_error_handling() -> str:
        """Fails, always."""
        raise RuntimeError("This tool intentionally returns an error for testing")


def _add_reporting_tools(server: MCPServer) -> None:
    @server.tool()
    async def test_tool_with_logging(ctx: Context) -> str:
        """Logs three messages on the way."""
        for text in ("Tool execution started", "Tool processing data", "Tool execution completed"):
            await ctx.info(text)
            await asyncio.sleep(_STEP_SECONDS)
        return "logged"

    @server.tool()
    async def test_logging_tool(ctx: Context) -> str:
        """Logs a message that a modern client must have asked for."""
        await ctx.info("Nobody asked to hear this.")
        return "logged"

    @server.tool()
    async def test_tool_with_progress(ctx: Context) -> str:
        """Reports progress three times."""
        for done in (0, 50, 100):
            await ctx.report_progress(done, 100, f"{done} of 100")
            await asyncio.sleep(_STEP_SECONDS)
        return "reported"

    @server.tool()
    async def test_reconnection(ctx: Context) -> str:
        """Closes its own stream, then answers."""
        await ctx.close_sse_stream()
        await asyncio.sleep(_STEP_SECONDS)
        return "The client came back for this."


def _add_schema_tools(server: MCPServer) -> None:
    @server.tool()
    def test_x_mcp_header(
        region: Annotated[str, Field(json_schema_extra={"x-mcp-header": "Region"})] = "<none>",
    ) -> str:
        """Has a parameter that is mirrored in a header."""
        return region

    @server.tool()
    def json_schema_2020_12_tool() -> str:
        """Has a schema full of 2020-12 keywords."""
        return "ok"

    # MCPServer derives schemas from signatures, and no signature has these keywords.
    tool = server._tool_manager.get_tool("json_schema_2020_12_tool")
    assert tool is not None
    tool.parameters = _SCHEMA_2020_12


def _add_change_tools(server: MCPServer) -> None:
    def passing() -> str:
        """Comes and goes."""
        return "here for a moment"

    @server.tool()
    async def test_trigger_tool_change(ctx: Context) -> str:
        """Changes the list of tools."""
        server.add_tool(passing)
        server.remove_tool("passing")
        await ctx.notify_tools_changed()
        return "changed"

    @server.tool()
    async def test_trigger_prompt_change(ctx: Context) -> str:
        """Changes the list of prompts."""
        server.add_prompt(Prompt.from_function(passing))
        server.remove_prompt("passing")
        await ctx.notify_prompts_changed()
        return "changed"


def _add_resources(server: MCPServer) -> None:
    @server.resource("test://static-text", mime_type="text/plain")
    def static_text() -> str:
        """Some text."""
        return "This is the content of the static text resource."

    @server.resource("test://static-binary", mime_type="image/png")
    def static_binary() -> bytes:
        """Some bytes."""
        return base64.b64decode(PNG)

    @server.resource("test://template/{id}/data", mime_type="application/json")
    def template(id: str) -> str:
        """Depends on its URI."""
        return json.dumps({"id": id, "templateTest": True, "data": f"Data for ID: {id}"})

    @server.resource("test://watched-resource", mime_type="text/plain")
    def watched() -> str:
        """Can be subscribed to."""
        return "Watched resource content"


def _add_prompts(server: MCPServer) -> None:
    @server.prompt()
    def test_simple_prompt() -> str:
        """One message."""
        return "This is a simple prompt for testing."

    @server.prompt()
    def test_prompt_with_arguments(arg1: str, arg2: str) -> str:
        """Contains its arguments."""
        return f"Prompt with arguments: arg1={arg1!r}, arg2={arg2!r}"

    @server.prompt()
    def test_prompt_with_embedded_resource(resourceUri: str) -> list[UserMessage]:  # noqa: N803 - the suite's name
        """Embeds a resource."""
        return [
            UserMessage(_embedded(resourceUri, "text/plain", "Embedded resource content for testing.")),
            UserMessage("Please process the embedded resource above."),
        ]

    @server.prompt()
    def test_prompt_with_image() -> list[UserMessage]:
        """Shows an image."""
        return [UserMessage(_image()), UserMessage("Please analyze the image above.")]


def _add_requests(server: MCPServer) -> None:
    """Requests that MCPServer leaves to the low-level server."""
    subscribed: set[str] = set()

    async def set_level(ctx: ServerRequestContext[Any, Any], params: types.SetLevelRequestParams) -> types.EmptyResult:
        return types.EmptyResult()

    async def subscribe(ctx: ServerRequestContext[Any, Any], params: types.SubscribeRequestParams) -> types.EmptyResult:
        subscribed.add(str(params.uri))
        return types.EmptyResult()

    async def unsubscribe(
        ctx: ServerRequestContext[Any, Any], params: types.UnsubscribeRequestParams
    ) -> types.EmptyResult:
        subscribed.discard(str(params.uri))
        return types.EmptyResult()

    async def complete(
        ctx: ServerRequestContext[Any, Any], params: types.CompleteRequestParams
    ) -> types.CompleteResult:
        words = [word for word in ("paris", "park", "party") if word.startswith(params.argument.value)]
        return types.CompleteResult(completion=types.Completion(values=words))

    lowlevel = server._lowlevel_server
    lowlevel.add_request_handler("completion/complete", types.CompleteRequestParams, complete)
    lowlevel.add_request_handler("logging/setLevel", types.SetLevelRequestParams, set_level)
    lowlevel.add_request_handler("resources/subscribe", types.SubscribeRequestParams, subscribe)
    lowlevel.add_request_handler("resources/unsubscribe", types.UnsubscribeRequestParams, unsubscribe)
