"""Claude Code, the application, before servers that sample: without the gateway, and behind it."""

from __future__ import annotations

import json
import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest

from tests.conformance.npm import Programs
from tests.interop.clients.claude_code import APP, Claude
from tests.interop.clients.endpoint import ABSENT, FAILED, SAID
from tests.interop.clients.leaving import alone, ended, hit, running
from tests.interop.clients.places import ALLOW, ASK, DENY, MODEL, Scene
from tests.interop.gateway.places import SERVERS, spawned
from tests.interop.gateway.places import program as gateway_program

pytestmark = [pytest.mark.anyio, pytest.mark.slow, pytest.mark.embedded, pytest.mark.timeout(600)]

_QUESTION = "Why is the sky blue?"
_TOOLS = [
    ("server-everything", "trigger-sampling-request", {"prompt": _QUESTION}),
    ("mcp-2", "resolve", {"text": _QUESTION}),
    ("mcp-2", "by_hand", {"text": _QUESTION}),
    ("upcall-mcp-2", "sample", {"text": _QUESTION}),
    ("upcall-mcp-2", "create_message", {"text": _QUESTION}),
]
"""Server, tool, arguments. What there is of 2026-07-28 is spoken with it; server-everything speaks 2025-11-25."""
_TOKEN = "a-token-of-sixteen-and-more"
_WAITS = ASK + '[approval]\nby = "store"\n'

each_tool = pytest.mark.parametrize(("server", "tool", "arguments"), _TOOLS)


@pytest.fixture(scope="session")
def program() -> Path:
    """The client's program."""
    return APP.program()


@pytest.fixture
def claude(scene: Scene, program: Path) -> Claude:
    """The client."""
    return Claude(scene, program)


async def behind(scene: Scene, claude: Claude, programs: Programs, *makes: str) -> None:
    """Give the client servers of these makes, and put them behind the gateway, as a user does."""
    claude.has(**{make: scene.entry(programs, make) for make in makes})
    wrapped = await scene.upcall("wrap", "--yes", ".mcp.json")
    assert wrapped.code == 0, wrapped.err


@each_tool
async def test_without_the_gateway_the_tool_fails_or_is_not_there(
    scene: Scene, claude: Claude, programs: Programs, server: str, tool: str, arguments: dict[str, Any]
) -> None:
    scene.policy(ALLOW)
    claude.has(**{server: scene.entry(programs, server)})
    said = await claude.asks(server, tool, arguments)
    assert said == ABSENT if server == "server-everything" else (said.startswith(FAILED) and "sampling" in said), said
    assert await scene.records() == []


@each_tool
async def test_wrapped_the_tool_gets_what_the_policys_model_says(
    scene: Scene, claude: Claude, programs: Programs, server: str, tool: str, arguments: dict[str, Any]
) -> None:
    scene.policy(ALLOW)
    claude.has(**{server: scene.entry(programs, server)})
    before = claude.config.read_bytes()
    await scene.wrap(".mcp.json")
    said = await claude.asks(server, tool, arguments)
    (record,) = await scene.records()
    assert (record["server"], record["name"], record["outcome"], record["model_used"]) == (
        server, tool, "answered", MODEL
    )  # fmt: skip
    assert said.startswith(SAID)
    assert json.dumps(record["result"]["content"]["text"])[1:-1] in said
    await alone(scene)
    await scene.unwrap(".mcp.json")
    assert claude.config.read_bytes() == before


@asynccontextmanager
async def listening(
    scene: Scene, command: Sequence[str], form: str, *options: str, **environment: str
) -> AsyncIterator[str]:
    """Where a gateway listens that is before this server over HTTP ("proxied"), or has started it itself ("hosted")."""
    async with AsyncExitStack() as stack:
        if form == "proxied":
            port = await stack.enter_async_context(spawned([*command, "http"]))
            place = ["--upstream", f"http://127.0.0.1:{port}/mcp"]
        else:
            place = ["--", *command, "stdio"]
        program = gateway_program("--name", "logs", *options, "--listen", "127.0.0.1:0", *place)
        gateway = spawned(program, on_stderr=True, says="serving http", **scene.env, **environment)
        yield (await stack.enter_async_context(gateway)).rpartition(" ")[2]


@pytest.mark.parametrize("form", ["hosted", "proxied"])
async def test_a_gateway_that_listens_serves_it_for_the_token(
    scene: Scene, claude: Claude, programs: Programs, form: str
) -> None:
    scene.policy(ALLOW)
    command = SERVERS["upcall-mcp-2"].command(programs)
    async with listening(scene, command, form, "--token-env", "GATEWAY_TOKEN", GATEWAY_TOKEN=_TOKEN) as url:
        claude.has(logs={"type": "http", "url": url, "headers": {"Authorization": "Bearer ${GATEWAY_TOKEN}"}})
        said = await claude.asks("logs", "sample", {"text": _QUESTION}, GATEWAY_TOKEN=_TOKEN)
        assert said.startswith(SAID), said
        (record,) = await scene.records()
        assert (record["server"], record["outcome"]) == ("logs", "answered")
        listed = await claude.mcp("list", GATEWAY_TOKEN=_TOKEN)
        assert f"logs: {url} (HTTP) - ✔ Connected" in listed
        listed = await claude.mcp("list", GATEWAY_TOKEN="another")
        assert "Connected" not in listed


async def test_a_server_with_an_address_is_wrapped_and_put_back(
    scene: Scene, claude: Claude, programs: Programs
) -> None:
    scene.policy(ALLOW)
    async with spawned([*SERVERS["upcall-mcp-2"].command(programs), "http"]) as port:
        url = f"http://127.0.0.1:{port}/mcp"
        claude.has(logs={"type": "http", "url": url, "headers": {"X-Api-Key": "${LOGS_KEY}"}})
        before = claude.config.read_bytes()
        await scene.wrap(".mcp.json")
        said = await claude.asks("logs", "create_message", {"text": _QUESTION}, LOGS_KEY="k")
        assert said.startswith(SAID), said
        await scene.unwrap(".mcp.json")
        assert claude.config.read_bytes() == before


async def test_its_health_check_finds_the_servers_and_their_approval_holds(
    scene: Scene, claude: Claude, programs: Programs
) -> None:
    await behind(scene, claude, programs, "mcp-2", "server-everything")
    listed = await claude.mcp("list")
    (one, other) = [line for line in listed.splitlines() if "gateway --name" in line]
    assert one.endswith("✔ Connected"), listed
    assert other.endswith("✔ Connected"), listed
    await alone(scene)


async def test_what_claude_mcp_add_wrote_is_wrapped_and_put_back(
    scene: Scene, claude: Claude, programs: Programs
) -> None:
    scene.policy(ALLOW)
    entry = scene.entry(programs, "mcp-2")
    for scope in ("user", "local"):
        env = [f"--env={name}={value}" for name, value in entry["env"].items()]
        await claude.mcp("add", "--scope", scope, f"logs-{scope}", *env, "--", entry["command"], *entry["args"])
    before = json.loads(claude.own.read_text())
    await scene.wrap(claude.own)
    for scope in ("user", "local"):
        said = await claude.asks(f"logs-{scope}", "resolve", {"text": _QUESTION})
        assert said.startswith(SAID), said
    assert [record["server"] for record in await scene.records()] == ["logs-user", "logs-local"]
    # The client has written to the file meanwhile, and whatever else it wrote is to stay.
    await scene.unwrap(claude.own)
    after = json.loads(claude.own.read_text())
    assert after["mcpServers"] == before["mcpServers"]
    project = str(scene.project)
    assert after["projects"][project]["mcpServers"] == before["projects"][project]["mcpServers"]


async def test_told_to_speak_the_older_protocol_it_gets_what_a_server_asks_in_that_way(
    scene: Scene, claude: Claude, programs: Programs
) -> None:
    scene.policy(ALLOW)
    await behind(scene, claude, programs, "mcp-2")
    said = await claude.asks("mcp-2", "create_message", {"text": _QUESTION}, MCP_PROTOCOL_NEGOTIATION="legacy")
    assert said.startswith(SAID)
    (record,) = await scene.records()
    assert (record["outcome"], record["version"]) == ("answered", "2025-11-25")


async def test_held_at_the_older_protocol_by_the_policy_such_a_server_is_answered(
    scene: Scene, claude: Claude, programs: Programs
) -> None:
    scene.policy(ALLOW)
    await behind(scene, claude, programs, "mcp-2")
    said = await claude.asks("mcp-2", "create_message", {"text": _QUESTION})
    assert "no back-channel" in said
    scene.policy(ALLOW + '[server.mcp-2]\nprotocol = "legacy"\n')  # whatever it may remember of the first turn
    said = await claude.asks("mcp-2", "create_message", {"text": _QUESTION})
    assert said.startswith(SAID), said
    (record,) = await scene.records()
    assert (record["outcome"], record["version"]) == ("answered", "2025-11-25")


@pytest.mark.parametrize("form", ["hosted", "proxied"])
async def test_held_behind_a_gateway_that_listens_it_is_answered_too(
    scene: Scene, claude: Claude, programs: Programs, form: str
) -> None:
    scene.policy(ALLOW)
    async with listening(scene, SERVERS["mcp-2"].command(programs), form, "--protocol", "legacy") as url:
        claude.has(logs={"type": "http", "url": url})
        said = await claude.asks("logs", "create_message", {"text": _QUESTION})
    assert said.startswith(SAID), said
    (record,) = await scene.records()
    assert (record["outcome"], record["version"]) == ("answered", "2025-11-25")


@pytest.mark.parametrize("server", ["server-everything", "upcall-mcp-2"])
async def test_a_policy_that_denies_leaves_the_client_as_it_is_without_the_gateway(
    scene: Scene, claude: Claude, programs: Programs, server: str
) -> None:
    scene.policy(DENY)
    await behind(scene, claude, programs, server)
    (tool, arguments) = next((tool, arguments) for name, tool, arguments in _TOOLS if name == server)
    said = await claude.asks(server, tool, arguments)
    assert (
        said == ABSENT
        if server == "server-everything"
        else said.startswith(f"{FAILED}The client did not declare the sampling capability")
    )
    assert await scene.records() == []


@pytest.mark.parametrize("server", ["server-everything", "upcall-mcp-2"])
async def test_where_nobody_sits_before_it_its_answer_is_a_no(
    scene: Scene, claude: Claude, programs: Programs, server: str
) -> None:
    scene.policy(ASK)
    await behind(scene, claude, programs, server)
    (tool, arguments) = next((tool, arguments) for name, tool, arguments in _TOOLS if name == server)
    said = await claude.asks(server, tool, arguments)
    assert said.startswith(FAILED), said
    assert "The user rejected the sampling request." in said
    record = (await scene.records())[-1]
    assert (record["outcome"], record["decision"]) == ("refused", "deny")
    assert record["decided_by"].startswith("client (The client answered 'cancel'")


@pytest.mark.parametrize(("answer", "expected"), [("approve", SAID), ("deny", FAILED)])
async def test_a_question_in_the_store_is_decided_from_another_terminal(
    scene: Scene, claude: Claude, programs: Programs, answer: str, expected: str
) -> None:
    scene.policy(_WAITS)
    await behind(scene, claude, programs, "upcall-mcp-2")
    found: list[str] = []

    async def call() -> None:
        found.append(await claude.asks("upcall-mcp-2", "sample", {"text": _QUESTION}))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(call)
        number = await scene.question()
        assert _QUESTION in (await scene.upcall("pending", number)).out
        assert (await scene.upcall("pending", number, answer)).code == 0
    assert found[0].startswith(expected)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
async def test_when_it_ends_in_the_middle_of_a_call_no_process_is_left(
    scene: Scene, claude: Claude, programs: Programs, number: signal.Signals
) -> None:
    scene.policy(_WAITS)
    await behind(scene, claude, programs, "upcall-mcp-2", "server-everything")
    async with claude.calling("upcall-mcp-2", "sample", {"text": _QUESTION}) as endpoint:
        async with running(scene, claude.command("upcall-mcp-2", "sample"), **claude.env(endpoint)) as process:
            await scene.question()
            if number == signal.SIGINT:
                hit(process, number)  # as Ctrl-C does
            else:
                process.send_signal(number)
            await ended(process)
            await alone(scene)
    (record,) = await scene.records()
    assert (record["state"], record["outcome"]) == ("finished", "cancelled")
