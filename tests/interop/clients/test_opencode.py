"""opencode, the application, before servers that sample: without the gateway, and behind it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conformance.npm import Programs
from tests.interop.clients.endpoint import ABSENT, SAID
from tests.interop.clients.leaving import alone
from tests.interop.clients.opencode import APP, Opencode
from tests.interop.clients.places import ALLOW, DENY, MODEL, Scene
from tests.interop.gateway.places import SERVERS, spawned
from tests.interop.gateway.places import program as gateway

pytestmark = [pytest.mark.anyio, pytest.mark.slow, pytest.mark.embedded, pytest.mark.timeout(600)]

_QUESTION = "Why is the sky blue?"
_TOKEN = "a-token-of-sixteen-and-more"
_TOOLS = [
    ("server-everything", "trigger-sampling-request", {"prompt": _QUESTION}),
    ("mcp-2", "create_message", {"text": _QUESTION}),
    ("upcall-mcp-2", "sample", {"text": _QUESTION}),
]

each_tool = pytest.mark.parametrize(("server", "tool", "arguments"), _TOOLS)


@pytest.fixture
def opencode(scene: Scene) -> Opencode:
    """The client."""
    return Opencode(scene, APP.program())


@each_tool
async def test_without_the_gateway_the_tool_fails_or_is_not_there(
    scene: Scene, opencode: Opencode, programs: Programs, server: str, tool: str, arguments: dict[str, Any]
) -> None:
    entry = scene.entry(programs, server)
    opencode.starts(entry["command"], *entry["args"], **entry["env"])
    seen = await opencode.asks(tool, arguments)
    if server == "server-everything":
        assert (seen.said, seen.status) == (ABSENT, "")
    else:
        assert seen.status == "error"
        assert "sampling" in seen.error or "-32601" in seen.error, seen


@each_tool
async def test_behind_the_gateway_the_tool_gets_what_the_policys_model_says(
    scene: Scene, opencode: Opencode, programs: Programs, server: str, tool: str, arguments: dict[str, Any]
) -> None:
    scene.policy(ALLOW)
    entry = scene.entry(programs, server)
    opencode.starts(*gateway("--name", "logs", "--", entry["command"], *entry["args"]), **entry["env"])
    seen = await opencode.asks(tool, arguments)
    assert (seen.status, seen.error) == ("completed", "")
    assert seen.said.startswith(SAID)
    (record,) = await scene.records()
    assert (record["server"], record["outcome"], record["model_used"]) == ("logs", "answered", MODEL)
    await alone(scene)


async def test_a_gateway_that_listens_serves_it_for_the_token(
    scene: Scene, opencode: Opencode, programs: Programs
) -> None:
    scene.policy(ALLOW)
    command = SERVERS["upcall-mcp-2"].command(programs)
    options = ["--name", "logs", "--token-env", "GATEWAY_TOKEN", "--listen", "127.0.0.1:0"]
    listening = spawned(
        gateway(*options, "--", *command, "stdio"),
        on_stderr=True,
        says="serving http",
        **scene.env,
        GATEWAY_TOKEN=_TOKEN,
    )
    async with listening as said:
        opencode.reaches(said.rpartition(" ")[2], Authorization="Bearer {env:GATEWAY_TOKEN}")
        seen = await opencode.asks("sample", {"text": _QUESTION}, GATEWAY_TOKEN=_TOKEN)
        assert seen.said.startswith(SAID), seen
        seen = await opencode.asks("sample", {"text": _QUESTION}, GATEWAY_TOKEN="another")
        assert seen.said == ABSENT


async def test_a_policy_that_denies_leaves_it_as_it_is_without_the_gateway(
    scene: Scene, opencode: Opencode, programs: Programs
) -> None:
    scene.policy(DENY)
    entry = scene.entry(programs, "upcall-mcp-2")
    opencode.starts(*gateway("--name", "logs", "--", entry["command"], *entry["args"]), **entry["env"])
    seen = await opencode.asks("sample", {"text": _QUESTION})
    assert seen.status == "error"
    assert "did not declare the sampling capability" in seen.error
