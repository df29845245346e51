"""Official clients through the gateway to official servers, over HTTP on both sides."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anyio
import mcp_types as types
import pytest
from mcp import Client

from tests.gateway.http.places import ANSWER, between
from tests.server.peers import ERAS, MODERN, client_of, text_of

pytestmark = pytest.mark.anyio


async def red(context: Any, params: Any) -> types.ElicitResult:
    return types.ElicitResult(action="accept", content={"colour": "red"})


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize("json_response", [False, True], ids=["events", "json"])
async def test_what_is_not_about_sampling_works_as_without_a_gateway(
    era: str, json_response: bool, tmp_path: Path
) -> None:
    async with between(tmp_path, json_response=json_response) as gateway, Client(gateway.url, mode=era) as client:
        assert {tool.name for tool in (await client.list_tools()).tools} == {"add", "steps", "ask", "both"}
        assert text_of(await client.call_tool("add", {"a": 1, "b": 2})) == "3"


@pytest.mark.parametrize("era", ERAS)
async def test_progress_arrives(era: str, tmp_path: Path) -> None:
    seen: list[float] = []

    async def on_progress(progress: float, total: float | None, message: str | None) -> None:
        seen.append(progress)

    async with between(tmp_path) as gateway, Client(gateway.url, mode=era) as client:
        assert text_of(await client.call_tool("steps", {"count": 3}, progress_callback=on_progress)) == "done"
        assert seen == [1, 2, 3]


@pytest.mark.parametrize("era", ERAS)
async def test_a_client_that_cannot_sample_gets_its_answer(era: str, tmp_path: Path) -> None:
    async with between(tmp_path) as gateway, Client(gateway.url, mode=era) as client:
        with anyio.fail_after(10):
            assert text_of(await client.call_tool("ask", {"question": "why"})) == f"why: {ANSWER}"


async def test_a_stateless_json_server_of_the_new_protocol_gets_its_answers(tmp_path: Path) -> None:
    async with between(tmp_path, json_response=True, stateless_http=True) as gateway:
        async with Client(gateway.url, mode=MODERN) as client:
            with anyio.fail_after(10):
                assert text_of(await client.call_tool("ask", {"question": "why"})) == f"why: {ANSWER}"


@pytest.mark.parametrize("era", ERAS)
async def test_the_model_and_the_person_are_asked_at_once(era: str, tmp_path: Path) -> None:
    async with between(tmp_path) as gateway, Client(gateway.url, mode=era, elicitation_callback=red) as client:
        with anyio.fail_after(10):
            assert text_of(await client.call_tool("both", {"question": "why"})) == f"why: {ANSWER} red"


@pytest.mark.parametrize("era", ERAS)
async def test_a_client_that_can_sample_goes_on_doing_so(era: str, tmp_path: Path) -> None:
    async with between(tmp_path) as gateway, client_of(gateway.url, era, lambda request: "my own") as client:
        with anyio.fail_after(10):
            assert text_of(await client.call_tool("ask", {"question": "why"})) == "why: my own"
