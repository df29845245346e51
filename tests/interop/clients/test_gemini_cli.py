"""Gemini CLI, the real one, before servers that sample: without the gateway and behind it."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import anyio
import pytest

from tests.conformance.npm import Programs
from tests.interop.clients.endpoint import ABSENT, FAILED, SAID
from tests.interop.clients.gemini_cli import APP, Gemini
from tests.interop.clients.leaving import alone, ended, hit, running
from tests.interop.clients.places import ALLOW, ASK, DENY, MODEL, Scene
from tests.models.facade import Facade, Misbehave
from upcall.gateway.clients import opened

pytestmark = [pytest.mark.anyio, pytest.mark.slow, pytest.mark.embedded, pytest.mark.timeout(600)]

EVERYTHING, TOOL, ARGUMENTS = "server-everything", "trigger-sampling-request", {"prompt": "Why is the sky blue?"}


@pytest.fixture(scope="session", autouse=True)  # first, so that tests are skipped where it cannot be had
def program() -> Path:
    return APP.program()


@pytest.fixture
def gemini(scene: Scene, program: Path, programs: Programs) -> Gemini:
    return Gemini(scene, programs, program)


async def test_by_itself_it_is_not_offered_the_tool_that_samples(gemini: Gemini) -> None:
    gemini.starts(EVERYTHING)
    seen = await gemini.asks(TOOL, ARGUMENTS)
    assert seen.said == ABSENT


async def test_by_itself_a_tool_that_samples_fails(gemini: Gemini) -> None:
    gemini.starts("typescript-1")
    seen = await gemini.asks("ask", {"text": "Why is the sky blue?"})
    assert seen.said.startswith(FAILED)
    assert "-32601: Method not found" in seen.said


@pytest.mark.parametrize(
    ("make", "tool", "arguments"),
    [(EVERYTHING, TOOL, ARGUMENTS), ("typescript-1", "ask", {"text": "Why is the sky blue?"})],
)
async def test_behind_the_gateway_the_model_answers_and_the_config_comes_back_as_it_was(
    scene: Scene, gemini: Gemini, make: str, tool: str, arguments: dict[str, Any]
) -> None:
    scene.policy(ALLOW)
    gemini.starts(make)
    before = gemini.config.read_bytes()
    await scene.wrap(gemini.config)
    seen = await gemini.asks(tool, arguments)
    assert seen.calls == {"successful": 1, "failed": 0}
    (record,) = await scene.records()
    assert (record["server"], record["name"], record["model_used"]) == ("everything", tool, MODEL)
    answer = record["result"]["content"]
    text = answer["text"] if isinstance(answer, dict) else answer[-1]["text"]
    assert seen.said.startswith(SAID)
    assert text.strip()[:20] in seen.said
    await scene.unwrap(gemini.config)
    assert gemini.config.read_bytes() == before
    await alone(scene)


async def test_it_lists_the_server_under_the_name_it_had_and_connects(scene: Scene, gemini: Gemini) -> None:
    gemini.starts(EVERYTHING)
    await scene.wrap(gemini.config)
    listed = await gemini.mcp("list")
    (line,) = [line for line in listed.splitlines() if "everything:" in line]
    assert "gateway --name everything -- " in line
    assert line.endswith("Connected")


async def test_what_it_adds_to_wrapped_settings_stays_when_they_are_unwrapped(scene: Scene, gemini: Gemini) -> None:
    add = ("add", "--scope", "user", "other", "other-server")
    gemini.starts(EVERYTHING)
    before = gemini.config.read_bytes()
    await gemini.mcp(*add)
    expected = opened(gemini.config.read_text(), gemini.config).entries
    gemini.config.write_bytes(before)
    await scene.wrap(gemini.config)
    await gemini.mcp(*add)
    await scene.unwrap(gemini.config)
    assert opened(gemini.config.read_text(), gemini.config).entries == expected


async def test_a_server_that_may_not_sample_is_as_without_the_gateway(scene: Scene, gemini: Gemini) -> None:
    scene.policy(DENY)
    gemini.starts(EVERYTHING)
    await scene.wrap(gemini.config)
    seen = await gemini.asks(TOOL, ARGUMENTS)
    assert seen.said == ABSENT


async def test_a_question_about_its_call_waits_in_the_store(scene: Scene, gemini: Gemini) -> None:
    scene.policy(ASK)
    gemini.starts(EVERYTHING)
    await scene.wrap(gemini.config)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(scene.decide, "approve")
        seen = await gemini.asks(TOOL, ARGUMENTS)
    assert seen.said.startswith(SAID)
    (record,) = await scene.records()
    assert record["model_used"] == MODEL


async def test_a_call_that_it_gives_up_stops_the_model(scene: Scene, gemini: Gemini) -> None:
    async with Facade(Misbehave.HANG) as model:
        scene.policy(ALLOW.replace(MODEL, f"openai/any@{model.url}/v1"))
        gemini.starts(EVERYTHING, timeout=20_000)
        await scene.wrap(gemini.config)
        seen = await gemini.asks(TOOL, ARGUMENTS)
        with anyio.fail_after(30):
            await model.left.wait()
    assert seen.said.startswith(FAILED)
    assert "-32001: Request timed out" in seen.said
    (record,) = await scene.records()
    assert record["outcome"] == "cancelled"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
async def test_when_it_is_stopped_during_a_call_nothing_is_left(scene: Scene, gemini: Gemini, number: int) -> None:
    async with Facade(Misbehave.HANG) as model, gemini.calling(TOOL, ARGUMENTS) as endpoint:
        scene.policy(ALLOW.replace(MODEL, f"openai/any@{model.url}/v1"))
        gemini.starts(EVERYTHING)
        await scene.wrap(gemini.config)
        async with running(scene, gemini.command(), **gemini.env(endpoint)) as process:
            await model.hanging.wait()
            hit(process, number)
            await ended(process)
            await model.left.wait()
            await alone(scene)
