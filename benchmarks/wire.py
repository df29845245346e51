"""``wire``: how many bytes a modern call with N sequential samples moves, ``requestState`` and all.

Real HTTP bodies, counted at the door of a real server, in both directions. Each sample's question is of one size, and
so is each answer, whatever came before it.
"""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import warnings
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Annotated, Any

import anyio
import mcp_types as types
import uvicorn
from mcp import Client
from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.resolve import Resolve, Sample
from mcp.shared.exceptions import MCPDeprecationWarning

from benchmarks.measure import Goal, Outcome, Table
from benchmarks.peers import LEGACY, MODEL, MODERN
from upcall.server import Sampling, sample

__all__ = ["TITLE", "run"]

TITLE = "wire: bytes of one call with N sequential samples"

_SAMPLES = range(1, 11)
"""Ten rounds are what the SDKs' clients take part in."""
_QUESTION = "Which of the findings below matters most, and why? " * 4
_ANSWERS = (1_000, 50_000)
"""Bytes of an answer: a paragraph, and a small picture."""
_FLAT = 1.1
"""The last sample may cost this much more than the second and still count as constant."""

_UPCALL = "upcall sample(), modern"
_RESOLVE = "mcp Resolve(Sample), modern"
_BY_HAND = "mcp InputRequiredResult by hand, modern"
_LEGACY = "mcp create_message, legacy"


class Counter:
    """ASGI middleware that counts the bytes of bodies."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self.sent = 0
        self.received = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def counted_receive() -> Any:
            message = await receive()
            self.received += len(message.get("body", b""))
            return message

        async def counted_send(message: Any) -> None:
            self.sent += len(message.get("body", b""))
            await send(message)

        await self._app(scope, counted_receive, counted_send)


def _question(number: int) -> str:
    return f"{number:02} {_QUESTION}"


def _messages(number: int) -> list[types.SamplingMessage]:
    content = types.TextContent(type="text", text=_question(number))
    return [types.SamplingMessage(role="user", content=content)]


def _text(answer: Any) -> str:
    assert isinstance(answer.content, types.TextContent)
    return answer.content.text


# Each way as a server whose tool samples `count` times and answers with the number of answers.


def _with_upcall(count: int) -> MCPServer:
    server = MCPServer("bench", middleware=[Sampling()])

    @server.tool()
    async def work() -> str:
        return str(len([str(await sample(_question(number), max_tokens=100)) for number in range(count)]))

    return server


def _with_create_message(count: int) -> MCPServer:
    server = MCPServer("bench")

    @server.tool()
    async def work(ctx: Context) -> str:
        answers = []
        for number in range(count):
            # Related, so that it rides on the call's own stream as upcall's does.
            answers.append(
                await ctx.session.create_message(_messages(number), max_tokens=100, related_request_id=ctx.request_id)
            )
        return str(len(answers))

    return server


def _with_resolvers(count: int) -> MCPServer:
    """A chain: each resolver needs the answer of the one before it."""

    def link(number: int, before: Callable[..., Sample] | None) -> Callable[..., Sample]:
        # Signatures are made by hand, because the annotations differ from link to link.
        if before is None:

            def first() -> Sample:
                return Sample(_messages(number), max_tokens=100)

            return first

        def then(previous: Any) -> Sample:
            return Sample(_messages(number), max_tokens=100)

        then.__annotations__ = {
            "previous": Annotated[types.CreateMessageResult, Resolve(before)],
            "return": Sample,
        }
        return then

    last: Callable[..., Sample] | None = None
    for number in range(count):
        last = link(number, last)
    assert last is not None
    server = MCPServer("bench")

    async def work(answer: Any) -> str:
        return str(count)

    work.__annotations__ = {"answer": Annotated[types.CreateMessageResult, Resolve(last)], "return": str}
    server.tool()(work)
    return server


def _by_hand(count: int) -> MCPServer:
    """As the SDK's guide has it: the answers so far are the state, which the SDK seals."""
    server = MCPServer("bench")

    @server.tool()
    async def work(ctx: Context) -> str | types.InputRequiredResult:
        answers: list[str] = json.loads(ctx.request_state) if ctx.request_state else []
        if ctx.input_responses:
            answers.append(_text(ctx.input_responses["ask"]))
        if len(answers) == count:
            return str(len(answers))
        params = types.CreateMessageRequestParams(messages=_messages(len(answers)), max_tokens=100)
        return types.InputRequiredResult(
            input_requests={"ask": types.CreateMessageRequest(params=params)},
            request_state=json.dumps(answers) if answers else None,
        )

    return server


_WAYS: dict[str, tuple[Callable[[int], MCPServer], str]] = {
    _UPCALL: (_with_upcall, MODERN),
    _BY_HAND: (_by_hand, MODERN),
    _RESOLVE: (_with_resolvers, MODERN),
    _LEGACY: (_with_create_message, LEGACY),
}


@asynccontextmanager
async def _served(server: MCPServer) -> AsyncIterator[tuple[str, Counter]]:
    counter = Counter(server.streamable_http_app())
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    listener.listen(16)
    config = uvicorn.Config(counter, log_level="critical", ws="none", timeout_graceful_shutdown=1)
    runner = uvicorn.Server(config)
    task = asyncio.create_task(runner.serve(sockets=[listener]))
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/mcp", counter
    finally:
        runner.should_exit = True
        await task


async def _bytes(way: str, count: int, answer: int) -> int:
    """Bytes of all bodies of one call, both directions."""
    make, era = _WAYS[way]

    async def answered(context: Any, params: Any) -> types.CreateMessageResult:
        content = types.TextContent(type="text", text="x" * answer)
        return types.CreateMessageResult(role="assistant", model=MODEL, content=content, stop_reason="endTurn")

    async with _served(make(count)) as (url, counter):
        async with Client(url, mode=era, sampling_callback=answered) as client:
            await client.list_tools()
            before = counter.sent + counter.received
            result = await client.call_tool("work", {})
            assert not result.is_error, result.content
            assert isinstance(result.content[0], types.TextContent)
            assert result.content[0].text == str(count)
            return counter.sent + counter.received - before


async def _all(samples: list[int], say: Callable[[str], None]) -> dict[int, dict[str, dict[int, int]]]:
    found: dict[int, dict[str, dict[int, int]]] = {}
    for answer in _ANSWERS:
        say(f"answers of {answer:,} bytes")
        found[answer] = {}
        for way in _WAYS:
            found[answer][way] = {}
            for count in samples:
                with anyio.fail_after(60):
                    found[answer][way][count] = await _bytes(way, count, answer)
    return found


def run(quick: bool, say: Callable[[str], None]) -> Outcome:
    """Count for every number of samples; there is no noise in it, so once is enough."""
    samples: list[int] = [1, 2, 5, 9, 10] if quick else list(_SAMPLES)
    logging.disable(logging.CRITICAL)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MCPDeprecationWarning)
        found = anyio.run(_all, samples, say)
    outcome = Outcome(data={"bytes": found})
    shown: list[int] = [count for count in (1, 2, 5, 10) if count in samples]
    for answer, ways in found.items():
        outcome.tables.append(
            Table(
                title=f"HTTP bodies of one call, kB, answers of {answer / 1e3:g} kB",
                columns=["", *(f"N = {count}" for count in shown), "2nd sample", "10th sample", "x"],
                rows=[_row(way, totals, shown) for way, totals in ways.items()],
            )
        )
        totals = ways[_UPCALL]
        outcome.goals.append(
            Goal(
                f"bytes of the 10th sample / of the 2nd, answers of {answer / 1e3:g} kB",
                _growth(totals),
                _FLAT,
                remark=", ".join(f"{way}: {_growth(ways[way]):.2f} x" for way in (_BY_HAND, _RESOLVE)),
            )
        )
    return outcome


def _growth(totals: dict[int, int]) -> float:
    return (totals[10] - totals[9]) / (totals[2] - totals[1])


def _row(way: str, totals: dict[int, int], shown: list[int]) -> list[str]:
    extra = [f"{(totals[2] - totals[1]) / 1e3:.1f}", f"{(totals[10] - totals[9]) / 1e3:.1f}"]
    return [way, *(f"{totals[count] / 1e3:.1f}" for count in shown), *extra, f"{_growth(totals):.2f}"]
