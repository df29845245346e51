"""Codex, the real one, before servers that sample: without the gateway and behind it."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import anyio
import pytest

from tests.conformance.npm import Programs
from tests.interop.clients.codex import APP, Codex
from tests.interop.clients.endpoint import ABSENT, SAID
from tests.interop.clients.leaving import alone, ended, hit, running
from tests.interop.clients.places import ALLOW, ASK, DENY, MODEL, Scene
from tests.models.facade import Facade, Misbehave

pytestmark = [pytest.mark.anyio, pytest.mark.slow, pytest.mark.embedded, pytest.mark.timeout(600)]

EVERYTHING, TOOL, ARGUMENTS = "server-everything", "trigger-sampling-request", {"prompt": "Why is the sky blue?"}


@pytest.fixture(scope="session", autouse=True)  # first, so that tests are skipped where it cannot be had
def program() -> Path:
    return APP.program()


@pytest.fixture
def codex(scene: Scene, program: Path, programs: Programs) -> Codex:
    return Codex(scene, programs, program)


async def test_by_itself_it_is_not_offered_the_tool_that_samples(codex: Codex) -> None:
    codex.starts(EVERYTHING)
    seen = await codex.asks(TOOL, ARGUMENTS)
    assert seen.said == ABSENT


async def test_by_itself_a_tool_that_samples_fails(codex: Codex) -> None:
    codex.starts("typescript-1")
    seen = await codex.asks("ask", {"text": "Why is the sky blue?"})
    assert seen.status == "failed"
    assert "ampling" in seen.said


@pytest.mark.parametrize(
    ("make", "tool", "arguments"),
    [(EVERYTHING, TOOL, ARGUMENTS), ("typescript-1", "ask", {"text": "Why is the sky blue?"})],
)
async def test_behind_the_gateway_the_model_answers_and_the_config_comes_back_as_it_was(
    scene: Scene, codex: Codex, make: str, tool: str, arguments: dict[str, str]
) -> None:
    scene.policy(ALLOW)
    codex.starts(make)
    before = codex.config.read_bytes()
    await scene.wrap(codex.config)
    seen = await codex.asks(tool, arguments)
    assert seen.status == "completed"
    (record,) = await scene.records()
    assert (record["server"], record["name"], record["model_used"]) == ("everything", tool, MODEL)
    answer = record["result"]["content"]
    text = answer["text"] if isinstance(answer, dict) else answer[-1]["text"]
    assert seen.said.startswith(SAID)
    assert text.strip()[:20] in seen.said
    await scene.unwrap(codex.config)
    assert codex.config.read_bytes() == before
    await alone(scene)


async def test_it_lists_the_server_under_the_name_it_had(scene: Scene, codex: Codex) -> None:
    codex.starts(EVERYTHING)
    await scene.wrap(codex.config)
    ran = await scene.run(*codex.program, "mcp", "list", "--json")
    (server,) = json.loads(ran.out)
    assert server["name"] == "everything"
    assert server["enabled"]
    assert server["transport"]["args"][:4] == ["gateway", "--name", "everything", "--"]


async def test_what_it_adds_to_a_wrapped_config_stays_when_that_is_unwrapped(scene: Scene, codex: Codex) -> None:
    add = (*codex.program, "mcp", "add", "other", "--", "other-server")
    codex.starts(EVERYTHING)
    before = codex.config.read_bytes()
    assert (await scene.run(*add)).code == 0
    expected = codex.config.read_bytes()
    codex.config.write_bytes(before)
    await scene.wrap(codex.config)
    assert (await scene.run(*add)).code == 0
    await scene.unwrap(codex.config)
    assert codex.config.read_bytes() == expected


async def test_a_server_that_may_not_sample_is_as_without_the_gateway(scene: Scene, codex: Codex) -> None:
    scene.policy(DENY)
    codex.starts(EVERYTHING)
    await scene.wrap(codex.config)
    seen = await codex.asks(TOOL, ARGUMENTS)
    assert seen.said == ABSENT


async def test_without_a_terminal_it_says_no_to_every_question(scene: Scene, codex: Codex) -> None:
    scene.policy(ASK)
    codex.starts(EVERYTHING)
    await scene.wrap(codex.config)
    seen = await codex.asks(TOOL, ARGUMENTS)
    assert seen.status == "failed"
    assert "The user rejected the sampling request." in seen.said
    (record,) = await scene.records()
    assert record["decided_by"] == "client (The client answered 'decline'.)"


async def test_a_question_in_the_store_waits_for_another_terminal(scene: Scene, codex: Codex) -> None:
    scene.policy(ASK + '[approval]\nby = "store"\n')
    codex.starts(EVERYTHING)
    await scene.wrap(codex.config)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(scene.decide, "approve")
        seen = await codex.asks(TOOL, ARGUMENTS)
    assert seen.said.startswith(SAID)
    assert seen.status == "completed"


async def test_a_policy_that_a_variable_names_holds_once_the_entry_hands_it_on(scene: Scene, codex: Codex) -> None:
    policy = scene.home / "policy.toml"
    policy.write_text(ALLOW)
    scene.env["UPCALL_POLICY"] = str(policy)
    codex.starts(EVERYTHING)
    await scene.wrap(codex.config)
    assert "There is no model on the answering side" in (await codex.asks(TOOL, ARGUMENTS)).said
    doctor = await scene.upcall("doctor", str(codex.config))
    assert 'In its entry: env_vars = ["UPCALL_POLICY"]' in doctor.out
    codex.starts(EVERYTHING, 'env_vars = ["UPCALL_POLICY"]')
    await scene.wrap(codex.config)
    assert (await codex.asks(TOOL, ARGUMENTS)).status == "completed"
    assert "env_vars" not in (await scene.upcall("doctor", str(codex.config))).out


async def test_a_call_that_it_gives_up_stops_the_model(scene: Scene, codex: Codex) -> None:
    async with Facade(Misbehave.HANG) as model:
        scene.policy(ALLOW.replace(MODEL, f"openai/any@{model.url}/v1"))
        codex.starts(EVERYTHING, "tool_timeout_sec = 20")
        await scene.wrap(codex.config)
        seen = await codex.asks(TOOL, ARGUMENTS)
        with anyio.fail_after(30):
            await model.left.wait()
    assert seen.status == "failed"
    assert "timed out awaiting tools/call after 20s" in seen.error
    (record,) = await scene.records()
    assert record["outcome"] == "cancelled"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP, signal.SIGKILL])
async def test_when_it_is_stopped_during_a_call_nothing_is_left(scene: Scene, codex: Codex, number: int) -> None:
    async with Facade(Misbehave.HANG) as model, codex.calling(TOOL, ARGUMENTS) as endpoint:
        scene.policy(ALLOW.replace(MODEL, f"openai/any@{model.url}/v1"))
        codex.starts(EVERYTHING)
        await scene.wrap(codex.config)
        async with running(scene, codex.command(endpoint)) as process:
            await model.hanging.wait()
            hit(process, number)
            await ended(process)
            await model.left.wait()
            await alone(scene)
