"""Real gateways in every form, a server behind them, a client in front of them, and a provider that can be watched."""

from __future__ import annotations

import asyncio
import itertools
import json
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from io import BytesIO
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.cli.commands import UPCALL, environment, model_of, says
from tests.faults.gateway.server import META, MODERN
from tests.models.facade import Facade, Misbehave, Reply
from tests.waiting import until
from upcall.store import Store

__all__ = [
    "FORMS",
    "LEGACY",
    "Http",
    "Pipes",
    "Place",
    "Provider",
    "place",
    "policy",
    "started",
    "watched",
    "ways",
]

ROOT = Path(__file__).parents[3]
SERVER = (sys.executable, "-m", "tests.faults.gateway.server")
FORMS = ("stdio", "stdio to http", "http", "http to stdio")
LEGACY = "2025-11-25"


def ways(*quick: tuple[str, str]) -> pytest.MarkDecorator:
    """Every form in both eras. All are slow but these."""
    slow = pytest.mark.slow
    return pytest.mark.parametrize(
        ("form", "era"),
        [
            pytest.param(form, era, marks=() if (form, era) in quick else slow, id=f"{form}-{era}")
            for form in FORMS
            for era in ("legacy", "modern")
        ],
    )


class Provider(Facade):
    """Leaves ``hang``, and ``late`` with ``then``, without an answer; fails ``500`` and ``drop``; repeats the rest."""

    def __init__(self) -> None:
        super().__init__()
        self._script = self  # type: ignore[assignment]
        self.open = 0
        """Requests that wait in vain now."""
        self._released = asyncio.Event()

    def pop(self, _: int) -> Any:
        content = self.seen[-1].body["messages"][-1]["content"]
        text = content if isinstance(content, str) else content[-1]["text"]
        if "hang" in text or ("late" in text and "then" in text):
            return Misbehave.HANG
        if "drop" in text:
            return Misbehave.DROP
        return Reply(500, {"error": {"message": "broken"}}) if text == "500" else says(f"about {text}")

    async def _answer(self, step: Any, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        if step is not Misbehave.HANG:
            return await super()._answer(step, reader, writer)
        self.open += 1
        left, released = asyncio.create_task(reader.read()), asyncio.create_task(self._released.wait())
        try:
            await asyncio.wait((left, released), return_when=asyncio.FIRST_COMPLETED)
        finally:
            self.open -= 1
            gone = left.done()
            left.cancel()
            released.cancel()
            await asyncio.gather(left, released, return_exceptions=True)
        return not gone and await super()._answer(says("at last"), reader, writer)

    def release(self) -> None:
        """Answer what waits."""
        self._released.set()
        self._released = asyncio.Event()


class Pipes:
    """A client on the gateway's pipes."""

    def __init__(self, process: asyncio.subprocess.Process, modern: bool) -> None:
        self.process, self.modern = process, modern
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self.heard: list[dict[str, Any]] = []
        """What was no response."""
        self._reading = asyncio.create_task(self._read())

    def pause(self) -> None:
        """Read nothing for now."""
        self._transport(1).pause_reading()

    def resume(self) -> None:
        self._transport(1).resume_reading()

    def _transport(self, number: int) -> Any:
        process: Any = self.process
        return process._transport.get_pipe_transport(number)

    async def _read(self) -> None:
        assert self.process.stdout is not None
        while line := await self.process.stdout.readline():
            message = json.loads(line)
            waiting = None if "method" in message else self._waiting.pop(message["id"], None)
            if waiting is None:
                self.heard.append(message)
            elif not waiting.done():
                waiting.set_result(message)
        for left in self._waiting.values():
            if not left.done():
                left.set_exception(ConnectionError("the gateway said nothing more"))

    async def begin(self) -> None:
        if not self.modern:
            about = {"name": "c", "version": "1"}
            answer = await self.request(
                "initialize", {"protocolVersion": LEGACY, "capabilities": {}, "clientInfo": about}
            )
            assert "result" in answer, answer
            self.tell({"method": "notifications/initialized"})

    def tell(self, message: dict[str, Any]) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")

    async def request(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        """The response to it."""
        number = next(self._numbers)
        waiting: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._waiting[number] = waiting
        self.tell({"id": number, "method": method, "params": params})
        try:
            return await waiting
        except asyncio.CancelledError:
            self.tell({"method": "notifications/cancelled", "params": {"requestId": number}})
            raise

    async def call(self, tool: str, **arguments: Any) -> dict[str, Any]:
        return await self.request("tools/call", _call(tool, arguments, self.modern))

    async def leave(self) -> None:
        """As if it had been killed."""
        for number in (0, 1):
            pipe = self._transport(number)
            if not pipe.is_closing():
                pipe.abort() if number == 0 else pipe.close()


class Http:
    """A client of the gateway's endpoint. Each has connections of its own."""

    def __init__(self, url: str, modern: bool) -> None:
        self.url, self.modern = url, modern
        accepted = {"Accept": "application/json, text/event-stream", "Content-Type": "application/json"}
        self._http = aiohttp.ClientSession(
            headers=accepted, connector=aiohttp.TCPConnector(limit=0), timeout=aiohttp.ClientTimeout(total=None)
        )
        self._headers = {"MCP-Protocol-Version": MODERN if modern else LEGACY}
        self._numbers = itertools.count(1)
        self._reads = asyncio.Event()
        self._reads.set()
        self.heard: list[dict[str, Any]] = []

    def pause(self) -> None:
        """Read nothing for now."""
        self._reads.clear()

    def resume(self) -> None:
        self._reads.set()

    async def begin(self) -> None:
        if not self.modern:
            about = {"name": "c", "version": "1"}
            params = {"protocolVersion": LEGACY, "capabilities": {}, "clientInfo": about}
            assert "result" in await self.request("initialize", params)
            await self._post({"method": "notifications/initialized"})

    async def _post(self, message: dict[str, Any]) -> None:
        async with self._http.post(self.url, json={"jsonrpc": "2.0", **message}, headers=self._headers) as response:
            assert response.status == 202, response

    async def request(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        """The response to it. To cancel this task closes the connection, and says so to a legacy session."""
        number = next(self._numbers)
        headers = dict(self._headers)
        if self.modern:
            headers["Mcp-Method"] = method
            headers["Mcp-Name"] = params["name"]
        body = {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
        try:
            async with self._http.post(self.url, data=BytesIO(json.dumps(body).encode()), headers=headers) as response:
                if "Mcp-Session-Id" in response.headers:
                    self._headers["Mcp-Session-Id"] = response.headers["Mcp-Session-Id"]
                await self._reads.wait()
                async for message in _messages(response):
                    if message.get("id") == number and "method" not in message:
                        return message
                    self.heard.append(message)
        except asyncio.CancelledError:
            if not self.modern:
                await self._post({"method": "notifications/cancelled", "params": {"requestId": number}})
            raise
        raise ConnectionError(f"no answer: HTTP {response.status}")

    async def call(self, tool: str, **arguments: Any) -> dict[str, Any]:
        return await self.request("tools/call", _call(tool, arguments, self.modern))

    async def end(self) -> None:
        """End the session, and leave."""
        if "Mcp-Session-Id" in self._headers:
            async with self._http.delete(self.url, headers=self._headers) as response:
                assert response.status in (200, 204)
        await self.leave()

    async def leave(self) -> None:
        """As if it had been killed."""
        await self._http.close()


async def _messages(response: aiohttp.ClientResponse) -> AsyncIterator[dict[str, Any]]:
    if response.content_type == "application/json":
        yield json.loads(await response.read())
        return
    rest = bytearray()
    async for piece in response.content.iter_any():
        *ends, last = piece.split(b"\n")
        for end in ends:
            rest += end
            if rest.startswith(b"data:") and len(rest) > 6:
                yield json.loads(rest[5:])
            rest = bytearray()
        rest += last


def _call(tool: str, arguments: dict[str, Any], modern: bool) -> dict[str, Any]:
    params: dict[str, Any] = {"name": tool, "arguments": arguments}
    if modern:
        params["_meta"] = {"io.modelcontextprotocol/protocolVersion": MODERN, META: {}}
    return params


class Place:
    """A gateway in one of its forms, with its server."""

    def __init__(self, form: str, gateway: asyncio.subprocess.Process, log: Path) -> None:
        self.form, self.gateway, self.log = form, gateway, log
        self.url: str | None = None
        self.server: asyncio.subprocess.Process | None = None
        """Where it is not the gateway's child."""

    def client(self, modern: bool) -> Pipes | Http:
        return Pipes(self.gateway, modern) if self.url is None else Http(self.url, modern)

    def servers(self) -> list[int]:
        """Process ids of the servers that run for it."""
        if self.server is not None:
            return [self.server.pid]
        threads = Path(f"/proc/{self.gateway.pid}/task").glob("*/children")
        return [int(word) for thread in threads for word in thread.read_text().split()]


def policy(
    folder: Path, provider: Facade, store: str | None = None, *, decision: str = "allow", more: str = ""
) -> Path:
    """A policy file in which this provider answers."""
    file = folder / "upcall.toml"
    file.write_text(
        f'[default]\ndecision = "{decision}"\nmodel = "{model_of(provider)}"\n'
        "limits.per_minute = 1000000\nlimits.concurrent = 5000\n"
        '[[budget]]\nfor = "server:*"\nper = "day"\ncalls = 1000000\n'
        f'[store]\nurl = "{store or f"sqlite:///{folder}/upcall.db"}"\n{more}'
    )
    return file


@asynccontextmanager
async def place(
    form: str,
    rules: Path,
    *,
    upstream: str | None = None,
    marks: Path | None = None,
    env: dict[str, str] | None = None,
    command: Sequence[str] = UPCALL,
) -> AsyncIterator[Place]:
    """A gateway with a server behind it; what is left of both is killed."""
    marked = [] if marks is None else ["--marks", str(marks)]
    options = ["--policy", str(rules), "--name", "victim"]
    async with AsyncExitStack() as stack:
        if form.startswith("stdio"):
            log = rules.parent / "gateway.log"
        else:
            log, options = rules.parent / f"gateway-{id(stack)}.log", [*options, "--listen", "127.0.0.1:0"]
        server = None
        if upstream is not None:
            options += ["--upstream", upstream]
        elif form in ("stdio to http", "http"):
            server = await stack.enter_async_context(
                started(*SERVER, "--http", "0", *marked, log=log.with_suffix(".up"))
            )
            options += ["--upstream", await _served(log.with_suffix(".up"))]
        else:
            options += ["--", *SERVER, *marked]
        gateway = await stack.enter_async_context(started(*command, "gateway", *options, log=log, env=env))
        found = Place(form, gateway, log)
        found.server = server
        if not form.startswith("stdio"):
            found.url = await _served(log)
        yield found


@asynccontextmanager
async def started(
    *command: str, log: Path, env: dict[str, str] | None = None
) -> AsyncIterator[asyncio.subprocess.Process]:
    """A process with pipes; killed in the end."""
    pipe = asyncio.subprocess.PIPE
    with log.open("wb") as errors:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=pipe,
            stdout=pipe,
            stderr=errors,
            limit=1 << 28,
            env=environment(OPENAI_API_KEY="k", PYTHONPATH=str(ROOT), **(env or {})),
        )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        transport: Any = process
        transport._transport.close()


async def _served(log: Path) -> str:
    found: list[str] = []

    def look() -> bool:
        found[:] = [line.split()[-1] for line in log.read_text().splitlines() if "serving http" in line]
        return bool(found)

    await until(look)
    return found[0]


async def watched(store: Store) -> tuple[list[str], int]:
    """States of all records, and the calls that are reserved."""
    records = (await store.page(limit=1000)).records
    spent = [one for one in await store.spent(["server:victim"]) if one.window == "day"]
    return sorted(record.state for record in records), sum(one.reserved.calls for one in spent)
