"""The clients, run as scripts against the servers, with real models where they use one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.examples.running import run, serving
from upcall.models.embedded import EmbeddedModel

pytestmark = pytest.mark.anyio


async def test_a_plain_function_answers_both_questions(tmp_path: Path) -> None:
    printed = await run("clients/handler_client.py", folder=tmp_path)
    assert "of summarizer, at most 4000 tokens:\nsystem: You are a helpful research assistant.\nuser: " in printed
    assert printed.endswith("# It is about blue.\n\nIt is about blue.\n")


async def test_a_client_takes_the_address_of_a_server(tmp_path: Path) -> None:
    async with serving("summarize", folder=tmp_path) as url:
        printed = await run("clients/handler_client.py", url, folder=tmp_path)
    assert printed.endswith("# It is about blue.\n\nIt is about blue.\n")


@pytest.mark.embedded
@pytest.mark.parametrize("transport", ["stdio", "http"])
async def test_the_log_client_shows_question_answer_and_result(transport: str, tmp_path: Path) -> None:
    if transport == "http":
        async with serving("log_archiver", folder=tmp_path) as url:
            printed = await run("clients/log_client.py", url, folder=tmp_path)
    else:
        printed = await run("clients/log_client.py", folder=tmp_path)
    asked, said, returned = printed.strip().split("\n\n")
    assert asked.startswith("The server asks: You are a Site Reliability Engineer. Explain this log error")
    assert "ERROR:  deadlock detected" in asked
    analysis = said.removeprefix("local/smollm2 says: ").strip()
    assert len(analysis.split()) > 3
    assert returned == f"The tool returns: Success: the log entry was archived. Analysis: {analysis}"
    report = (tmp_path / "incident_report.txt").read_text(encoding="utf-8")
    assert report.count("RAW LOG: ") == 1
    assert f"AI ANALYSIS: {analysis}\n" in report


async def test_the_log_client_says_why_there_is_no_answer(tmp_path: Path) -> None:
    nobody = {"ANTHROPIC_API_KEY": "a-key", "ANTHROPIC_BASE_URL": "http://127.0.0.1:1"}
    arguments = ("--model", "anthropic/any")
    printed = await run("clients/log_client.py", *arguments, folder=tmp_path, variables=nobody)
    assert "There is no answer: " in printed
    assert "The tool was given up: " in printed
    assert not (tmp_path / "incident_report.txt").exists()


@pytest.mark.parametrize("client", ["log_client", "anthropic_client", "fastmcp_client"])
async def test_a_client_says_what_its_model_lacks(client: str, tmp_path: Path) -> None:
    arguments = ("--model", "anthropic/any")
    no_key = {"ANTHROPIC_API_KEY": ""}
    complaint = await run(f"clients/{client}.py", *arguments, folder=tmp_path, variables=no_key, exit_code=2)
    assert complaint.endswith("error: ANTHROPIC_API_KEY is not set.\n")


@pytest.mark.embedded
@pytest.mark.slow
async def test_the_fastmcp_client_gets_one_word(tmp_path: Path) -> None:
    printed = await run("clients/fastmcp_client.py", folder=tmp_path)
    assert printed.splitlines()[-1] in ("positive", "negative", "neutral")


@pytest.mark.embedded
async def test_the_walkthroughs_client_speaks_to_anthropics_api(tmp_path: Path, embedded_model: EmbeddedModel) -> None:
    # The embedded model's own endpoint speaks that API.
    url, key = await embedded_model.http_endpoint()
    anthropic = {"ANTHROPIC_BASE_URL": url, "ANTHROPIC_API_KEY": key}
    printed = await run("clients/anthropic_client.py", folder=tmp_path, variables=anthropic)
    assert len(printed.split()) > 3
