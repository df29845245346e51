"""Codex and Gemini CLI, the real ones, with a server that has an address and asks for a token."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.conformance.npm import Programs
from tests.interop.clients import codex, gemini_cli
from tests.interop.clients.codex import Codex
from tests.interop.clients.endpoint import ABSENT, SAID
from tests.interop.clients.gemini_cli import Gemini
from tests.interop.clients.places import ALLOW, MODEL, Scene
from tests.interop.gateway.places import SERVERS, program, spawned

pytestmark = [pytest.mark.anyio, pytest.mark.slow, pytest.mark.embedded, pytest.mark.timeout(600)]

TOOL, ARGUMENTS = "trigger-sampling-request", {"prompt": "Why is the sky blue?"}
TOKEN = "a-token-of-sixteen-and-more"


@pytest.fixture(scope="session", autouse=True)  # first, so that tests are skipped where they cannot be had
def apps() -> dict[str, Path]:
    return {app.name: app.program() for app in (codex.APP, gemini_cli.APP)}


@pytest.fixture(params=["codex", "gemini-cli"])
def client(request: pytest.FixtureRequest, scene: Scene, apps: dict[str, Path], programs: Programs) -> Codex | Gemini:
    make = Codex if request.param == "codex" else Gemini
    return make(scene, programs, apps[request.param])


@asynccontextmanager
async def listening(scene: Scene, programs: Programs, *options: str) -> AsyncIterator[str]:
    """The address of a gateway that asks for a token, before a server of its own."""
    command = [*SERVERS["server-everything"].command(programs), "stdio"]
    options = (*options, "--name", "everything", "--token-env", "GATEWAY_TOKEN", "--listen", "127.0.0.1:0")
    gateway = program(*options, "--", *command)
    async with spawned(gateway, on_stderr=True, says="serving http", **scene.env, GATEWAY_TOKEN=TOKEN) as said:
        yield said.rpartition(" ")[2]


async def test_a_gateway_that_listens_serves_it_for_the_token(
    scene: Scene, programs: Programs, client: Codex | Gemini
) -> None:
    scene.policy(ALLOW)
    async with listening(scene, programs) as url:
        if isinstance(client, Codex):
            client.reaches(url, 'bearer_token_env_var = "GATEWAY_TOKEN"')
        else:
            client.reaches(url, type="http", headers={"Authorization": "Bearer $GATEWAY_TOKEN"})
        seen = await client.asks(TOOL, ARGUMENTS, GATEWAY_TOKEN=TOKEN)
        assert seen.said.startswith(SAID)
        (record,) = await scene.records()
        assert (record["server"], record["model_used"]) == ("everything", MODEL)


async def test_a_server_with_an_address_is_wrapped_and_put_back(
    scene: Scene, programs: Programs, client: Codex | Gemini
) -> None:
    scene.policy(ALLOW)
    async with listening(scene, programs, "--answers", "client") as url:
        if isinstance(client, Codex):
            client.reaches(url, f'http_headers = {{ "Authorization" = "Bearer {TOKEN}" }}')
        else:  # an address without a type
            client.reaches(url, headers={"Authorization": "Bearer $GATEWAY_TOKEN"})
        assert (await client.asks(TOOL, ARGUMENTS, GATEWAY_TOKEN=TOKEN)).said == ABSENT
        before = client.config.read_bytes()
        await scene.wrap(client.config)
        seen = await client.asks(TOOL, ARGUMENTS, GATEWAY_TOKEN=TOKEN)
        assert seen.said.startswith(SAID)
        await scene.unwrap(client.config)
        assert client.config.read_bytes() == before
