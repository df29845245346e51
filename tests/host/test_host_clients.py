"""A governed host behind the official client, in both eras: what the server, or the client's own call, gets to read."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest
from mcp import Client
from mcp.server.mcpserver import MCPServer

from tests.host.governed import ALLOW, Office, office
from tests.host.playbook import MODEL, answer
from tests.host.servers import MODES, asked_by, create_message, sampling_server
from upcall.host.approval import Answer, Question
from upcall.testing import ScriptedModel

pytestmark = pytest.mark.anyio

both_eras = pytest.mark.parametrize("mode", list(MODES))


@asynccontextmanager
async def _connected(
    mode: str, text: str, server: MCPServer | None = None, **settings: Any
) -> AsyncIterator[tuple[Client, Office]]:
    async with office(text, **settings) as made:
        async with Client(server or sampling_server(), mode=mode, **made.host.for_client("logs")) as client:
            yield client, made


@both_eras
async def test_what_is_allowed_is_answered_and_on_record_under_our_name(mode: str) -> None:
    async with _connected(mode, ALLOW) as (client, made):
        assert await asked_by(client) == "Rayleigh."
        record = await made.record()
    assert (record.server, record.version, record.outcome) == ("logs", MODES[mode], "answered")


@both_eras
async def test_a_denied_server_reads_that_it_is_refused_and_not_why(mode: str) -> None:
    async with _connected(mode, '[default]\ndecision = "deny"\n') as (client, made):
        assert await asked_by(client) == "-1: Sampling requests of this server are not answered."
        record = await made.record()
    assert (record.outcome, record.decision) == ("refused", "deny")


@both_eras
@pytest.mark.parametrize("approved", [True, False])
async def test_a_person_is_asked_and_their_word_counts(mode: str, approved: bool) -> None:
    questions: list[Question] = []

    async def approve(question: Question) -> Answer:
        questions.append(question)
        return Answer(approved=approved, by="alice", reason="my own business")

    async with _connected(mode, "[default]\n", approve=approve) as (client, made):
        told = await asked_by(client)
        record = await made.record()
    assert told == ("Rayleigh." if approved else "-1: The user rejected the sampling request.")
    assert [question.context.server for question in questions] == ["logs"]
    assert record.decided_by == "alice (my own business)"


@both_eras
async def test_nobody_to_ask_is_a_no_that_says_so(mode: str) -> None:
    async with _connected(mode, "[default]\n") as (client, made):
        assert await asked_by(client) == "-1: The request needs somebody's approval, and there is nobody to ask."
        assert (await made.record()).outcome == "refused"


@both_eras
async def test_a_budget_that_is_used_up_is_told_with_its_end(mode: str) -> None:
    text = ALLOW + '[[budget]]\nfor = "server:logs"\nper = "hour"\ncalls = 1\n'
    async with _connected(mode, text) as (client, made):
        assert await asked_by(client) == "Rayleigh."
        told = await asked_by(client)
        records = await made.records()
    assert told.startswith("-1: The rest of the budget for sampling (calls per hour) is not enough for this request.")
    assert "It starts anew at " in told
    assert [record.outcome for record in records] == ["limit_exceeded", "answered"]


@both_eras
async def test_two_hundred_requests_of_a_greedy_server_meet_the_limits_of_their_era(mode: str) -> None:
    model = ScriptedModel(answer(), repeat=True, name=MODEL)
    server = sampling_server(*(create_message(str(number)) for number in range(200)))
    async with _connected(mode, ALLOW, server, model=model) as (client, made):
        told = await asked_by(client)
        records = await made.records()
    if mode == "auto":
        assert told.startswith("-1: Too many sampling requests in one result: at most 20 are taken.")
        assert model.requests == [], "the whole result is turned down before anything is called"
    else:
        assert told.startswith("-1: Too many sampling requests within a minute: at most 60 are taken.")
        assert len(model.requests) == 60
    assert {record.state for record in records} == {"finished"}
    assert "limit_exceeded" in {record.outcome for record in records}


async def test_rounds_one_after_the_other_are_not_taken_for_one_result() -> None:
    async with _connected("auto", ALLOW + "[default.limits]\nrequests_per_result = 2\n") as (client, _):
        for _ in range(5):
            assert await asked_by(client) == "Rayleigh."


async def test_calls_at_the_same_time_are_not_taken_for_one_result() -> None:
    async with _connected("auto", ALLOW + "[default.limits]\nrequests_per_result = 1\n") as (client, _):
        told: list[str] = []

        async def ask() -> None:
            told.append(await asked_by(client))

        async with anyio.create_task_group() as tasks:
            for _ in range(10):
                tasks.start_soon(ask)
    assert told == ["Rayleigh."] * 10


@both_eras
async def test_the_answering_sides_secrets_reach_nobody(mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "")
    text = '[default]\ndecision = "allow"\n[server.logs]\nmodels = ["openai/gpt-5.4-mini"]\n'
    async with _connected(mode, text) as (client, made):
        told = await asked_by(client)
        record = await made.record()
    assert told == "-32603: The model is not set up on the answering side."
    assert record.error is not None
    assert "OPENAI_API_KEY" in record.error.detail
