"""A hostile server, the official client in front of it, and a real host that it tries to misuse."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal, TypeAlias

import anyio
import mcp_types as types
from mcp import Client, MCPError
from mcp.server.mcpserver import Context, MCPServer

from tests.host.governed import Office, office
from upcall.store import Record
from upcall.testing import ScriptedModel
from upcall.wire import SamplingRequest

Way: TypeAlias = Literal["together", "on and on"]

ERAS = ("legacy", "auto")
"""The client's ``mode`` for either era."""
BOUND = 20
"""Seconds that an attack may take. None comes near; it is there to tell a hang."""


class Attacker:
    """A server whose tool ``ask`` puts its requests to the client as its era has it, and keeps what comes back.

    Args:
        requests: What it asks.
        way: All at once (in one result, on modern connections), or one after the other.
        name: What it calls itself.
    """

    def __init__(self, *requests: types.CreateMessageRequest, way: Way = "together", name: str = "attacker") -> None:
        self.received: list[Any] = []
        self._requests = requests
        self._way = way
        self.server = MCPServer(name)
        self.server.tool()(self.ask)

    async def ask(self, ctx: Context) -> str | types.InputRequiredResult:
        """Attack."""
        if ctx.session.can_send_request:
            await self._ask_directly(ctx)
            return "done"
        return self._ask_in_rounds(ctx)

    async def _ask_directly(self, ctx: Context) -> None:
        async def one(request: types.CreateMessageRequest) -> None:
            try:
                self.received.append(await ctx.session.send_request(request, types.CreateMessageResultWithTools))
            except MCPError as error:
                self.received.append(error)

        if self._way == "on and on":
            for request in self._requests:
                await one(request)
            return
        async with anyio.create_task_group() as tasks:
            for request in self._requests:
                tasks.start_soon(one, request)

    def _ask_in_rounds(self, ctx: Context) -> str | types.InputRequiredResult:
        answers = ctx.input_responses
        if answers is not None:
            self.received += answers.values()
        if self._way == "together":
            rest = self._requests if answers is None else ()
        else:
            rest = self._requests[len(self.received) :][:1]
        if not rest:
            return "done"
        return types.InputRequiredResult(input_requests={f"q{n}": request for n, request in enumerate(rest)})

    @property
    def texts(self) -> list[str]:
        """Of the answers that it got."""
        replies = [reply for reply in self.received if not isinstance(reply, MCPError)]
        blocks = [reply.content if isinstance(reply.content, list) else [reply.content] for reply in replies]
        return ["|".join(getattr(block, "text", block.type) for block in content) for content in blocks]

    @property
    def seen(self) -> str:
        """All that reached it, as one text."""
        return "\n".join(
            f"{each.code} {each.message} {each.data}" if isinstance(each, MCPError) else each.model_dump_json()
            for each in self.received
        )


class Scene:
    """An attack and what came of it."""

    def __init__(self, made: Office, attacker: Attacker, client: Client, store: Path) -> None:
        self.office = made
        self.attacker = attacker
        self.store = store
        self._client = client
        self.error: MCPError | None = None
        """What the client's own call ended in: on modern connections a refusal ends it, unknown to the server."""

    async def attack(self) -> None:
        """Call the tool."""
        with anyio.fail_after(BOUND):
            try:
                await self._client.call_tool("ask", {})
            except MCPError as error:
                self.error = error

    @property
    def refusal(self) -> str:
        """The only refusal, whoever was told of it."""
        told = [error for error in [self.error, *self.attacker.received] if isinstance(error, MCPError)]
        (error,) = told
        return f"{error.code}: {error.message}"

    @property
    def prompts(self) -> list[SamplingRequest]:
        """What the model saw."""
        assert isinstance(self.office.model, ScriptedModel)
        return self.office.model.requests

    async def record(self) -> Record:
        """The only one."""
        return await self.office.record()

    def kept(self) -> bytes:
        """Every byte of the record's files."""
        with sqlite3.connect(self.store) as connection:
            connection.execute("PRAGMA wal_checkpoint(FULL)")
        connection.close()
        return b"".join(path.read_bytes() for path in sorted(self.store.parent.glob(f"{self.store.name}*")))


@asynccontextmanager
async def scene(
    attacker: Attacker, text: str, mode: str, folder: Path, *, reached_as: str = "logs", **settings: Any
) -> AsyncIterator[Scene]:
    """A host under the policy in ``text``, and a client of ``attacker`` that samples with it."""
    store = folder / "upcall.db"
    async with office(text, store=str(store), **settings) as made:
        async with Client(attacker.server, mode=mode, **made.host.for_client(reached_as)) as client:
            yield Scene(made, attacker, client, store)


def flags_of(record: Record) -> set[str]:
    """The kinds of its flags."""
    return {flag["kind"] for flag in record.flags}
