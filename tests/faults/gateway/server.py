"""A server in both eras, on its pipes or behind HTTP, whose tools are there to be interrupted.

``python -m tests.faults.gateway.server [--http PORT] [--marks FOLDER]``. Everything it sends carries the ``text`` that
the call brought, so that a frame that goes astray is recognized.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import secrets
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeAlias

from aiohttp import web

Say: TypeAlias = Callable[[dict[str, Any]], Awaitable[None]]
META = "io.modelcontextprotocol/clientCapabilities"
MODERN = "2026-07-28"


class Asks(Exception):
    """A call of 2026-07-28 needs this before it can go on."""

    def __init__(self, requests: dict[str, Any], state: dict[str, Any]) -> None:
        self.result = {"resultType": "input_required", "inputRequests": requests, "requestState": json.dumps(state)}


def sampling(text: str) -> dict[str, Any]:
    message = {"role": "user", "content": {"type": "text", "text": text}}
    return {"method": "sampling/createMessage", "params": {"messages": [message], "maxTokens": 50}}


def question(text: str) -> dict[str, Any]:
    schema = {"type": "object", "properties": {"colour": {"type": "string"}}}
    return {"method": "elicitation/create", "params": {"message": text, "requestedSchema": schema}}


class Session:
    """What one client has open."""

    def __init__(self, marks: Path | None) -> None:
        self.marks = marks
        self.waiting: dict[str, asyncio.Future[dict[str, Any]]] = {}
        self.calls: dict[Any, asyncio.Task[None]] = {}
        self._asked = 0

    def mark(self, name: str) -> None:
        if self.marks is not None:
            (self.marks / name).touch()

    def take(self, frame: dict[str, Any], say: Say) -> asyncio.Task[None] | None:
        """Start a request; or hear what is none."""
        if "method" not in frame:
            waiting = self.waiting.pop(str(frame["id"]), None)
            if waiting is not None and not waiting.done():
                waiting.set_result(frame)
        elif frame["method"] == "notifications/cancelled":
            task = self.calls.get(frame["params"]["requestId"])
            if task is not None:
                self.mark("cancelled")
                task.cancel()
        elif "id" in frame:
            task = asyncio.create_task(self._answer(frame, say))
            self.calls[frame["id"]] = task
            task.add_done_callback(lambda _: self.calls.pop(frame["id"], None))
            return task
        return None

    async def _answer(self, frame: dict[str, Any], say: Say) -> None:
        params = frame.get("params", {})
        try:
            if frame["method"] == "initialize":
                info = {"name": "victim", "version": "1"}
                version = params["protocolVersion"]
                result: Any = {"protocolVersion": version, "capabilities": {"tools": {}}, "serverInfo": info}
            elif frame["method"] == "tools/call":
                text = await self._call(params, say)
                result = {"content": [{"type": "text", "text": text}]}
                if META in params.get("_meta", {}):
                    result["resultType"] = "complete"
            else:
                result = {}
        except Asks as asks:
            result = asks.result
        await say({"id": frame["id"], "result": result})

    async def _call(self, params: dict[str, Any], say: Say) -> str:
        tool, arguments = params["name"], params.get("arguments", {})
        text = arguments.get("text", "")
        if tool == "echo":
            return str(text).ljust(arguments.get("size", 0), "x")
        if tool == "hang":
            self.mark(tool)
            await asyncio.Event().wait()
        if tool == "die":
            os._exit(3)
        if tool == "flood":
            for _ in range(arguments["count"]):
                data = str(text).ljust(arguments["size"], "x")
                await say({"method": "notifications/message", "params": {"level": "info", "data": data}})
            return str(text)
        return await (self._rounds if META in params.get("_meta", {}) else self._live)(tool, text, params, say)

    async def _live(self, tool: str, text: str, params: dict[str, Any], say: Say) -> str:
        async def asked(request: dict[str, Any]) -> dict[str, Any]:
            self._asked += 1
            id = f"s{self._asked}"
            answer: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
            self.waiting[id] = answer
            await say({"id": id, **request})
            return await answer

        first = await asked(sampling(text))
        said = first["result"]["content"]["text"] if "result" in first else first["error"]["message"]
        if tool == "twice":
            then = await asked(sampling(f"{text} then"))
            said += " " + then["result"]["content"]["text"]
        if tool == "after":
            self.mark(tool)
            await asyncio.Event().wait()
        return f"{text}: {said}"

    async def _rounds(self, tool: str, text: str, params: dict[str, Any], say: Say) -> str:
        given = params.get("inputResponses", {})
        state = json.loads(params.get("requestState", "{}"))
        told = {**state.get("told", {}), **given}
        if "one" not in told:
            raise Asks({"one": sampling(text), **({"two": question(text)} if tool == "both" else {})}, {"text": text})
        assert state["text"] == text
        if tool == "twice" and "then" not in told:
            raise Asks({"then": sampling(f"{text} then")}, {"text": text, "told": told})
        if tool == "after":
            self.mark(tool)
            await asyncio.Event().wait()
        said = [told[key]["content"]["text"] for key in ("one", "then") if key in told]
        colour = [told["two"]["content"]["colour"]] if "two" in told else []
        return f"{text}: {' '.join(said + colour)}"


async def on_pipes(marks: Path | None) -> None:
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=1 << 28)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    transport, protocol = await loop.connect_write_pipe(asyncio.streams.FlowControlMixin, sys.stdout)
    writer = asyncio.StreamWriter(transport, protocol, reader, loop)
    session = Session(marks)

    async def say(frame: dict[str, Any]) -> None:
        writer.write(json.dumps({"jsonrpc": "2.0", **frame}).encode() + b"\n")
        await writer.drain()

    while line := await reader.readline():
        session.take(json.loads(line), say)


class OverHttp:
    """A session for each ``Mcp-Session-Id``, one for each POST of 2026-07-28."""

    def __init__(self, marks: Path | None) -> None:
        self._marks = marks
        self._sessions: dict[str, Session] = {}

    async def post(self, request: web.Request) -> web.StreamResponse:
        frame = await request.json()
        id, headers = request.headers.get("Mcp-Session-Id"), {}
        if META in frame.get("params", {}).get("_meta", {}):
            session = Session(self._marks)
        elif frame.get("method") == "initialize":
            id = secrets.token_hex(16)
            session = self._sessions[id] = Session(self._marks)
            headers["Mcp-Session-Id"] = id
        elif id in self._sessions:
            session = self._sessions[id]
        else:
            return web.Response(status=404)
        if "id" not in frame or "method" not in frame:
            session.take(frame, self._nowhere)
            return web.Response(status=202)
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", **headers})
        await response.prepare(request)

        async def say(frame: dict[str, Any]) -> None:
            await response.write(b"data: " + json.dumps({"jsonrpc": "2.0", **frame}).encode() + b"\n\n")

        task = session.take(frame, say)
        assert task is not None
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError:
            session.mark("left")
            task.cancel()
            raise
        return response

    async def delete(self, request: web.Request) -> web.Response:
        self._sessions.pop(request.headers.get("Mcp-Session-Id", ""), None)
        return web.Response()

    async def _nowhere(self, frame: dict[str, Any]) -> None:
        raise AssertionError(frame)


async def over_http(port: int, marks: Path | None) -> None:
    app = web.Application(client_max_size=1 << 28)
    served = OverHttp(marks)
    app.router.add_post("/mcp", served.post)
    app.router.add_delete("/mcp", served.delete)
    runner = web.AppRunner(app, handler_cancellation=True, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port, backlog=2048)
    await site.start()
    host, port = runner.addresses[0][:2]
    sys.stderr.write(f"serving http://{host}:{port}/mcp\n")
    sys.stderr.flush()
    await asyncio.Event().wait()


def main() -> None:
    """Serve until standard input ends, or for ever."""
    options = argparse.ArgumentParser()
    options.add_argument("--http", type=int)
    options.add_argument("--marks", type=Path)
    given = options.parse_args()
    sys.stderr.write("the victim is up\n")
    sys.stderr.flush()
    asyncio.run(on_pipes(given.marks) if given.http is None else over_http(given.http, given.marks))


if __name__ == "__main__":
    main()
