"""What the conformance suite expects of a server that asks.

The bodies ask in the middle of straight-line code, on both eras. One tool is hand-written, because the suite
prescribes its keys and answers it without the round's ``requestState``; upcall passes such a tool on untouched.
"""

from __future__ import annotations

import asyncio
from typing import Any

import mcp_types as types
from mcp.server.mcpserver import Context, MCPServer
from pydantic import BaseModel

from upcall.server import sample

__all__ = ["add_legacy_questions", "add_questions", "name_form"]


class Name(BaseModel):
    """Answers "What is your name?"."""

    name: str


class Color(BaseModel):
    """Answers "What is your favorite color?"."""

    color: str


class Confirmation(BaseModel):
    """Answers "Please confirm"."""

    ok: bool


class Situation(BaseModel):
    """Answers "What context should the prompt use?"."""

    context: str


def user(text: str) -> types.SamplingMessage:
    """One user message."""
    return types.SamplingMessage(role="user", content=types.TextContent(text=text))


def add_legacy_questions(server: MCPServer) -> None:
    """Tools that ask over the back channel; they need no more than the SDK, on the revisions that have one."""

    @server.tool()
    async def test_sampling(prompt: str, ctx: Context) -> str:
        """Asks the client's model."""
        reply = await ctx.session.create_message([user(prompt)], max_tokens=100, related_request_id=ctx.request_id)
        assert isinstance(reply.content, types.TextContent)
        return f"LLM response: {reply.content.text}"

    @server.tool()
    async def test_elicitation(message: str, ctx: Context) -> str:
        """Asks the person."""
        return await _elicited(ctx, message, username={"type": "string"}, email={"type": "string"})

    @server.tool()
    async def test_elicitation_sep1034_defaults(ctx: Context) -> str:
        """Asks with a default for every primitive type."""
        return await _elicited(
            ctx,
            "Please review the defaults",
            name={"type": "string", "default": "John Doe"},
            age={"type": "integer", "default": 30},
            score={"type": "number", "default": 95.5},
            status={"type": "string", "enum": ["active", "inactive", "pending"], "default": "active"},
            verified={"type": "boolean", "default": True},
        )

    @server.tool()
    async def test_elicitation_sep1330_enums(ctx: Context) -> str:
        """Asks with every kind of choice."""
        plain = ["option1", "option2", "option3"]
        titled = [{"const": f"value{n}", "title": f"Choice {n}"} for n in (1, 2, 3)]
        return await _elicited(
            ctx,
            "Please choose",
            untitledSingle={"type": "string", "enum": plain},
            titledSingle={"type": "string", "oneOf": titled},
            legacyEnum={"type": "string", "enum": ["opt1", "opt2"], "enumNames": ["Option One", "Option Two"]},
            untitledMulti={"type": "array", "items": {"type": "string", "enum": plain}},
            titledMulti={"type": "array", "items": {"anyOf": titled}},
        )


def add_questions(server: MCPServer) -> None:
    """Tools and a prompt that ask on 2026-07-28, too; they need `upcall.server.Sampling`."""

    @server.tool()
    async def test_streaming_elicitation(ctx: Context) -> str:
        """Asks the person, on the stream of its own call."""
        return await _elicited(ctx, "What is your name?", name={"type": "string"})

    @server.tool()
    async def test_missing_capability(ctx: Context) -> str:
        """Cannot do without a model."""
        return str(await sample("Anybody there?", max_tokens=10))

    @server.tool()
    async def test_input_required_result_sampling() -> str:
        """Asks the model once."""
        return f"Model said: {await sample('What is the capital of France?', max_tokens=100)}"

    @server.tool()
    async def test_input_required_result_list_roots(ctx: Context) -> str:
        """Asks for the client's roots."""
        listed = await ctx.session.list_roots()
        return "Roots: " + ", ".join(str(root.uri) for root in listed.roots)

    @server.tool()
    async def test_input_required_result_request_state(ctx: Context) -> str:
        """Asks for a confirmation."""
        reply = await ctx.elicit("Please confirm", Confirmation)
        return f"state-ok: {reply.action}"

    @server.tool()
    async def test_input_required_result_tampered_state(ctx: Context) -> str:
        """Asks for a confirmation, whose state the suite then tampers with."""
        reply = await ctx.elicit("Please confirm", Confirmation)
        return f"state-ok: {reply.action}"

    @server.tool()
    async def test_input_required_result_multiple_inputs(ctx: Context) -> str:
        """Asks for three things at once."""
        name, greeting, listed = await asyncio.gather(
            ctx.elicit("What is your name?", Name),
            sample("Generate a greeting", max_tokens=50),
            ctx.session.list_roots(),
        )
        assert name.action == "accept"
        return f"{greeting} {name.data.name} has {len(listed.roots)} roots."

    @server.tool()
    async def test_input_required_result_multi_round(ctx: Context) -> str:
        """Asks twice, one after the other."""
        name = await ctx.elicit("Step 1: What is your name?", Name)
        color = await ctx.elicit("Step 2: What is your favorite color?", Color)
        assert name.action == color.action == "accept"
        return f"{name.data.name} likes {color.data.color}."

    @server.tool()
    async def test_input_required_result_capabilities(ctx: Context) -> str:
        """Asks for more than the client declared."""
        # Both are asked for; what the client did not declare never reaches it and fails here.
        answers = await asyncio.gather(
            sample("Say hello", max_tokens=50), ctx.elicit("What is your name?", Name), return_exceptions=True
        )
        return "; ".join(str(answer) for answer in answers)

    @server.prompt()
    async def test_input_required_result_prompt(ctx: Context) -> str:
        """A prompt that asks first."""
        reply = await ctx.elicit("What context should the prompt use?", Situation)
        assert reply.action == "accept"
        return f"Use this context: {reply.data.context}"

    @server.tool()
    async def test_input_required_result_elicitation(ctx: Context) -> str | types.InputRequiredResult:
        """Asks for a name, by hand."""
        reply = (ctx.input_responses or {}).get("user_name")
        if isinstance(reply, types.ElicitResult) and reply.content:
            return f"Hello, {reply.content['name']}!"
        question = types.ElicitRequestFormParams(message="What is your name?", requested_schema=name_form())
        return types.InputRequiredResult(input_requests={"user_name": types.ElicitRequest(params=question)})


def name_form() -> dict[str, Any]:
    """The form for a name, as JSON Schema."""
    return _form(name={"type": "string"})


def _form(**properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties)}


async def _elicited(ctx: Context, message: str, **properties: dict[str, Any]) -> str:
    reply = await ctx.session.elicit_form(message, _form(**properties), related_request_id=ctx.request_id)
    return f"Elicitation completed: action={reply.action}, content={reply.content}"
