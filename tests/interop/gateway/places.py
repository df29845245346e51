"""What the tests of this folder put together: servers of many makes, gateways in four forms, a provider's façade."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import anyio
from benchmarks.envs import python_of

from tests.conformance.npm import ROOT, Programs
from tests.conformance.scenarios import MODERN
from tests.models.facade import Facade

__all__ = ["ANSWER", "FORMS", "LEGACY", "SERVERS", "Desk", "Make", "Place", "desk", "program", "spawned"]

LEGACY = "legacy"
ANSWER = "Because of Rayleigh."
FORMS = ("pipes", "hosted", "proxied", "reached")
"""Client and server on stdio; HTTP and stdio; HTTP and HTTP; stdio and HTTP."""

_SERVERS = Path(__file__).parent / "servers"
_SECONDS = 60
_MANY = 64

Place = list[str]
"""Where a client finds a server: a URL, or a command and its arguments."""


class Make(NamedTuple):
    """A server of some make, with a tool ``plain`` that answers by itself and tools that sample."""

    command: Callable[[Programs], list[str]]
    """Without its last argument, which names the transport."""
    tools: dict[str, tuple[str, ...]]
    """Those that sample, by era."""
    plain: str = "plain"
    argument: str = "text"
    http: str = "http"
    """The last argument for HTTP; ``PORT`` in the environment says where, when it is another."""


def _benchmarked(peer: str, environment: str | None = None) -> Callable[[Programs], list[str]]:
    return lambda programs: [python_of(environment, print), "-m", "benchmarks.peers.serve", peer]


def _typescript(name: str) -> Callable[[Programs], list[str]]:
    return lambda programs: [programs.node, programs.script(_SERVERS / name)]


SERVERS: dict[str, Make] = {
    "server-everything": Make(
        lambda programs: [programs.node, programs.package("server-everything", "dist/index.js")],
        {LEGACY: ("trigger-sampling-request",)},
        plain="echo",
        argument="prompt",
        http="streamableHttp",
    ),
    "typescript-1": Make(_typescript("typescript_v1.mjs"), {LEGACY: ("ask",)}),
    "typescript-2": Make(_typescript("typescript_v2.mjs"), {LEGACY: ("ask",), MODERN: ("ask",)}),
    "mcp-1": Make(lambda _: [python_of("fastmcp3", print), str(_SERVERS / "mcp1.py")], {LEGACY: ("ask",)}),
    "mcp-2": Make(_benchmarked("mcp2"), {LEGACY: ("create_message",), MODERN: ("resolve", "by_hand")}),
    "fastmcp-3": Make(_benchmarked("fastmcp3", "fastmcp3"), {LEGACY: ("ctx_sample",)}),
    "fastmcp-4": Make(_benchmarked("fastmcp4"), {LEGACY: ("create_message",), MODERN: ("by_hand",)}),
    "mcp-use-1": Make(_benchmarked("mcp_use1", "mcp_use1"), {LEGACY: ("ctx_sample",)}),
    "upcall-mcp-2": Make(_benchmarked("upcall_mcp2"), dict.fromkeys((LEGACY, MODERN), ("create_message", "sample"))),
}


def program(*arguments: str) -> list[str]:
    """The gateway's command line."""
    return [sys.executable, "-m", "upcall.cli", "gateway", *arguments]


@asynccontextmanager
async def spawned(command: Sequence[str], *, says: str = "", on_stderr: bool = False, **env: str) -> AsyncIterator[str]:
    """Start a process; gives the first line that contains ``says``."""
    pipe = -1
    async with await anyio.open_process(
        command,
        cwd=ROOT,
        env=os.environ | ENVIRONMENT | env,
        stdin=-3,
        stdout=-3 if on_stderr else pipe,
        stderr=pipe if on_stderr else None,
    ) as process:
        stream = process.stderr if on_stderr else process.stdout
        assert stream is not None
        try:
            read = b""
            with anyio.fail_after(_SECONDS):
                while not (lines := [line for line in read.split(b"\n")[:-1] if says.encode() in line]):
                    read += await stream.receive()
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(_drained, stream)
                yield lines[0].decode().strip()
                tasks.cancel_scope.cancel()
        finally:
            with suppress(ProcessLookupError):
                process.terminate()
            with anyio.move_on_after(8, shield=True):
                await process.wait()
            if process.returncode is None:
                process.kill()


async def _drained(stream: Any) -> None:
    with suppress(anyio.EndOfStream):
        while True:
            await stream.receive()


ENVIRONMENT = {
    "PYTHONPATH": str(ROOT),
    "MCP_USE_ANONYMIZED_TELEMETRY": "false",
    "OPENAI_API_KEY": "none",
}


class Desk:
    """Everything that a test needs to put a gateway in front of a server."""

    def __init__(self, programs: Programs, folder: Path, facade: Facade, stack: AsyncExitStack) -> None:
        self._programs = programs
        self._folder = folder
        self._stack = stack
        self._facade = facade
        self.model = f"openai/any@{facade.url}/v1"
        self._policy = folder / "policy.toml"
        self._policy.write_text('[default]\ndecision = "allow"\n')

    @property
    def prompts(self) -> list[str]:
        """The last message of each request that the model got."""
        return [str(seen.body["messages"][-1]["content"]) for seen in self._facade.seen]

    @property
    def options(self) -> list[str]:
        """Those of every gateway."""
        return ["--policy", str(self._policy), "--store", str(self._folder / "store.sqlite3"), "--model", self.model]

    async def server(self, make: Make, *, http: bool) -> Place:
        """Start a server of this make, or say how to start it."""
        command = make.command(self._programs)
        if not http:
            return [*command, "stdio"]
        command.append(make.http)
        if make.http != "http":
            return await self.listening(command, says="port")
        said = await self.started(spawned(command))
        return [said if said.startswith("http") else f"http://127.0.0.1:{said}/mcp"]

    async def listening(self, command: Sequence[str], *, says: str) -> Place:
        """Start a server whose environment says where, and which says this on standard error once it serves."""
        port = str(_free_port())
        await self.started(spawned(command, on_stderr=True, says=says, PORT=port))
        return [f"http://127.0.0.1:{port}/mcp"]

    async def gateway(self, place: Place, *options: str, http: bool) -> Place:
        """A gateway in front of what is at a place: started, or how to start it."""
        behind = ["--upstream", place[0]] if place[0].startswith("http") else ["--", *place]
        if not http:
            return program(*self.options, *options, *behind)
        command = program(*self.options, *options, "--listen", "127.0.0.1:0", *behind)
        said = await self.started(spawned(command, on_stderr=True, says="serving http"))
        return [said.rpartition(" ")[2]]

    async def started(self, process: AbstractAsyncContextManager[str]) -> str:
        """Enter this until the end of the test; gives what it gives."""
        return await self._stack.enter_async_context(process)

    async def before(self, make: Make, form: str, *options: str) -> Place:
        """A gateway of this form in front of a server of this make."""
        server = await self.server(make, http=form in ("proxied", "reached"))
        return await self.gateway(server, *options, http=form in ("hosted", "proxied"))


@asynccontextmanager
async def desk(programs: Programs, folder: Path) -> AsyncIterator[Desk]:
    """A desk with a model that answers `ANSWER`."""
    answer = {"role": "assistant", "content": ANSWER}
    reply = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "any",
        "choices": [{"index": 0, "message": answer, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 5, "completion_tokens": 4, "total_tokens": 9},
    }
    async with Facade(*[reply] * _MANY) as facade, AsyncExitStack() as stack:
        yield Desk(programs, folder, facade, stack)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port
