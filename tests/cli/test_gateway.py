"""`upcall gateway` on stdio: real clients that cannot sample, real servers, and every way to end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import Client
from mcp.client.stdio import StdioServerParameters, stdio_client

from tests.cli.commands import SERVER, UPCALL, environment, model_of, says, upcall
from tests.models.facade import Facade, Misbehave
from tests.waiting import until

pytestmark = pytest.mark.anyio

ERAS = ("legacy", "2026-07-28")
STAGES = (
    "in a call",
    pytest.param("before anything", marks=pytest.mark.slow),
    pytest.param("in a sampling request", marks=pytest.mark.slow),
)
ECHO = ("sh", "-c", "exec cat")


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    file = tmp_path / "upcall.toml"
    file.write_text(f'[default]\ndecision = "allow"\n[store]\nurl = "sqlite:///{tmp_path / "record.db"}"\n')
    return file


@asynccontextmanager
async def behind(*options: str, era: str, errlog: Path | None = None, **env: str) -> AsyncIterator[Client]:
    """The official client, which declares no sampling, with the tests' server behind a gateway."""
    program, *arguments = [*UPCALL, "gateway", *options, "--", sys.executable, str(SERVER)]
    parameters = StdioServerParameters(command=program, args=arguments, env=environment(**env))
    with (errlog or Path(os.devnull)).open("w") as stderr:
        async with Client(stdio_client(parameters, errlog=stderr), mode=era) as client:
            yield client


@pytest.mark.parametrize("era", ERAS)
async def test_a_client_that_cannot_sample_gets_its_tools_answers(policy: Path, tmp_path: Path, era: str) -> None:
    async with Facade(says("First."), says("Then.")) as facade:
        options = ("--policy", str(policy), "--model", model_of(facade), "--name", "bench")
        async with behind(*options, era=era, OPENAI_API_KEY="k") as client:
            result = await client.call_tool("twice", {"topic": "snow"})
        assert result.content[0].text == "Then."  # type: ignore[union-attr]
        assert "First snow" in json.dumps(facade.seen[0].body)
        assert "Then First." in json.dumps(facade.seen[1].body)
    ended = await upcall("log", "--store", str(tmp_path / "record.db"), "--server", "bench")
    assert ended.code == 0, ended.err
    assert ended.out.count("answered") == 2, ended.out


@pytest.mark.parametrize("era", ERAS)
async def test_a_refusal_reaches_the_tools_caller(tmp_path: Path, era: str) -> None:
    policy = tmp_path / "upcall.toml"
    policy.write_text(
        f'[default]\ndecision = "ask"\n[approval]\nby = "none"\n[store]\nurl = "sqlite:///{tmp_path / "record.db"}"\n'
    )
    async with behind("--policy", str(policy), era=era) as client:
        result = await client.call_tool("twice", {"topic": "snow"})
    assert result.is_error


async def test_a_broken_policy_stops_sampling_and_nothing_else(tmp_path: Path) -> None:
    policy, said = tmp_path / "upcall.toml", tmp_path / "said"
    policy.write_text("[default]\ndecison = 1\n")
    async with behind("--policy", str(policy), era="legacy", errlog=said) as client:
        assert not (await client.call_tool("environment", {"names": []})).is_error
        assert (await client.call_tool("twice", {"topic": "snow"})).is_error
    assert "answers no sampling until it is restarted" in said.read_text()
    assert "decison" in said.read_text()


@pytest.mark.parametrize("policy_is", ["sound", "broken"])
async def test_held_at_the_older_protocol_a_client_falls_back_whatever_the_policy_is(
    policy: Path, tmp_path: Path, policy_is: str
) -> None:
    if policy_is == "broken":
        await anyio.Path(policy).write_text("[default]\ndecison = 1\n")
    options = ("--policy", str(policy), "--protocol", "legacy")
    async with behind(*options, era="auto", errlog=tmp_path / "said") as client:
        assert client.session.protocol_version == "2025-11-25"
        assert not (await client.call_tool("environment", {"names": []})).is_error


async def test_an_option_for_the_protocol_counts_before_the_policy(policy: Path) -> None:
    await anyio.Path(policy).write_text('[server.it]\nprotocol = "legacy"\n')
    for option, spoken in (((), "2025-11-25"), (("--protocol", "auto"), "2026-07-28")):
        async with behind("--policy", str(policy), "--name", "it", *option, era="auto") as client:
            assert client.session.protocol_version == spoken


async def test_the_server_gets_the_environment_but_what_is_private(policy: Path) -> None:
    options = ("--policy", str(policy), "--private-env", "MINE")
    async with behind(*options, era="legacy", MINE="secret", OURS="both") as client:
        result = await client.call_tool("environment", {"names": ["MINE", "OURS"]})
    assert json.loads(result.content[0].text) == {"MINE": None, "OURS": "both"}  # type: ignore[union-attr]


async def test_the_first_thing_is_the_server_and_no_sdk_is_loaded(policy: Path) -> None:
    command = [*UPCALL, "gateway", "--policy", str(policy), "--", *ECHO]
    frame = b'{"jsonrpc":"2.0","method":"notifications/x"}\n'
    ended = await anyio.run_process(command, input=frame, env=environment(PYTHONPROFILEIMPORTTIME="1"))
    assert ended.stdout == frame
    loaded = [line.rpartition("|")[2].strip() for line in ended.stderr.decode().splitlines() if "|" in line]
    heavy = {"mcp", "mcp_types", "pydantic", "rich", "httpx", "httpx2", "anthropic", "openai", "aiohttp", "uvicorn"}
    assert not heavy & {name.partition(".")[0] for name in loaded}
    assert not [name for name in loaded if name.startswith(("upcall.server", "upcall.gateway.http"))]
    assert loaded.index("upcall.gateway.stdio.child") < min(loaded.index("asyncio"), loaded.index("msgspec"))
    assert "this server is 'sh'" in ended.stderr.decode()


@pytest.mark.parametrize(("command", "code"), [("/no/such/program", 127), ("/", 126)])
async def test_a_command_that_cannot_be_started_is_said_as_a_shell_says_it(command: str, code: int) -> None:
    ended = await upcall("gateway", "--", command)
    assert (ended.code, ended.out) == (code, "")
    assert f"upcall gateway: {command}: " in ended.err
    assert "Traceback" not in ended.err


async def test_without_a_command_it_is_used_wrongly() -> None:
    ended = await upcall("gateway", "--name", "x")
    assert ended.code == 2
    assert "Traceback" not in ended.err


async def test_where_to_listen_may_stand_in_the_policy(policy: Path) -> None:
    file = anyio.Path(policy)
    await file.write_text(await file.read_text() + '[gateway]\nlisten = "127.0.0.1:0"\n')
    ended = await upcall("gateway", "--policy", str(policy))
    assert ended.code == 1
    assert "There is no server to serve." in ended.err


async def test_the_exit_code_is_the_servers(policy: Path) -> None:
    for code, script in ((5, "exit 5"), (128 + signal.SIGKILL, "kill -9 $$")):
        ended = await upcall("gateway", "--policy", str(policy), "--", "sh", "-c", script)
        assert ended.code == code


class Raw:
    """A client of bytes, so that it can be killed, or stop, wherever it likes."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        self._numbers = 0

    def send(self, message: dict[str, Any]) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")

    def request(self, method: str, **params: Any) -> int:
        self._numbers += 1
        self.send({"id": self._numbers, "method": method, "params": params})
        return self._numbers

    async def receive(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        with anyio.fail_after(20):
            line = await anyio.to_thread.run_sync(self.process.stdout.readline, abandon_on_cancel=True)
        found: dict[str, Any] = json.loads(line)
        return found

    async def reach(self, stage: str, facade: Facade, marks: Path) -> int:
        """The server's process id, once the connection is as far as ``stage``."""
        if stage == "before anything":
            return await child_of(self.process.pid)
        about = {"name": "raw", "version": "1"}
        self.request("initialize", protocolVersion="2025-11-25", capabilities={}, clientInfo=about)
        assert "result" in await self.receive()
        self.send({"method": "notifications/initialized"})
        if stage == "in a call":
            self.request("tools/call", name="slow", arguments={})
            await until(lambda: (marks / "started").exists())
        else:
            self.request("tools/call", name="twice", arguments={"topic": "snow"})
            with anyio.fail_after(20):
                await facade.hanging.wait()
        return await child_of(self.process.pid)

    async def ended(self) -> int:
        with anyio.fail_after(15):
            return await anyio.to_thread.run_sync(self.process.wait, abandon_on_cancel=True)


@contextmanager
def raw(facade: Facade, policy: Path, marks: Path) -> Iterator[Raw]:
    options = ("--policy", str(policy), "--model", model_of(facade), "--name", "bench")
    command = [*UPCALL, "gateway", *options, "--", sys.executable, str(SERVER), "--marks", str(marks)]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        bufsize=0,
        env=environment(OPENAI_API_KEY="k"),
    ) as process:
        try:
            yield Raw(process)
        finally:
            process.kill()


def children_of(pid: int) -> list[int]:
    """Process ids."""
    try:
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except FileNotFoundError:
        pytest.skip("needs Linux's /proc")


async def child_of(pid: int) -> int:
    """The process id of the first child, as soon as there is one."""
    await until(lambda: bool(children_of(pid)))
    return children_of(pid)[0]


def gone(pid: int) -> bool:
    """Whether a process has ended, reaped or not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


@pytest.mark.parametrize("stage", STAGES)
async def test_no_server_outlives_a_gateway_that_is_killed(policy: Path, tmp_path: Path, stage: str) -> None:
    async with Facade(Misbehave.HANG) as facade:
        with raw(facade, policy, tmp_path) as client:
            server = await client.reach(stage, facade, tmp_path)
            client.process.kill()
            await until(lambda: gone(server))


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize(
    "way", ["hangs up", *(pytest.param(f"sends {name}", marks=pytest.mark.slow) for name in ("SIGTERM", "SIGINT"))]
)
async def test_nothing_outlives_a_client(policy: Path, tmp_path: Path, stage: str, way: str) -> None:
    async with Facade(Misbehave.HANG) as facade:
        with raw(facade, policy, tmp_path) as client:
            server = await client.reach(stage, facade, tmp_path)
            if way == "hangs up":
                assert client.process.stdin is not None
                client.process.stdin.close()
            else:
                client.process.send_signal(signal.SIGTERM if way == "sends SIGTERM" else signal.SIGINT)
            await client.ended()
            await until(lambda: gone(server))


@pytest.mark.parametrize("stage", STAGES)
async def test_a_killed_server_leaves_an_error_for_each_request(policy: Path, tmp_path: Path, stage: str) -> None:
    async with Facade(Misbehave.HANG) as facade:
        with raw(facade, policy, tmp_path) as client:
            server = await client.reach(stage, facade, tmp_path)
            os.kill(server, signal.SIGKILL)
            if stage != "before anything":
                answer = await client.receive()
                assert (answer["id"], "error" in answer) == (2, True)
            assert await client.ended() == 128 + signal.SIGKILL


async def test_a_cancelled_call_ends_the_models_request_within_a_second(policy: Path, tmp_path: Path) -> None:
    async with Facade(Misbehave.HANG) as facade:
        with raw(facade, policy, tmp_path) as client:
            await client.reach("in a sampling request", facade, tmp_path)
            client.send({"method": "notifications/cancelled", "params": {"requestId": 2}})
            with anyio.fail_after(1):
                await facade.left.wait()
