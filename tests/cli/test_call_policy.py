"""`upcall call --policy`: a call under a policy, with the person at its terminal."""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path

import anyio
import pytest

from tests.cli.commands import environment, read_until, seated, server, upcall

pytestmark = pytest.mark.anyio

PROGRAM = "import sys; print('ANSWER to ' + str('coffee' in sys.stdin.read()))"
QUESTION = r"\n  1:\d\d left"


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    """A policy that asks, but for the server `open`, and counts; a program is its model."""
    path = tmp_path / "policy.toml"
    path.write_text(
        f"""
        [default]
        model = "command/echo"
        record = "full"
        [command.echo]
        argv = {json.dumps([sys.executable, "-c", PROGRAM])}
        [server.open]
        decision = "allow"
        [server.closed]
        decision = "deny"
        [[budget]]
        for = "server:*"
        per = "day"
        calls = 1
        [store]
        url = "sqlite:///{tmp_path}/record.db"
        """,
        encoding="utf-8",
    )
    return path


def words(policy: Path, name: str, *more: str, tool: tuple[str, ...] = ("describe", "title=tea")) -> tuple[str, ...]:
    return ("call", server(), *tool, "--policy", str(policy), "--as", name, *more)


async def recorded(policy: Path) -> list[dict[str, object]]:
    ended = await upcall("log", "export", "--store", str(policy.with_name("record.db")))
    return [json.loads(line) for line in ended.out.splitlines()]


@pytest.mark.parametrize("era", ["legacy", pytest.param("modern", marks=pytest.mark.slow)])
async def test_the_question_has_the_terminal_for_itself(policy: Path, tmp_path: Path, era: str) -> None:
    editor = tmp_path / "editor"
    editor.write_text("#!/bin/sh\nsed -i 's/tea/coffee/g' \"$1\"\n")
    editor.chmod(0o755)
    with seated(*words(policy, "bench", "--era", era), EDITOR=str(editor), VISUAL="") as (running, ours):

        async def comes(wanted: str) -> str:
            return await anyio.to_thread.run_sync(read_until, ours, wanted)

        question = (await comes(QUESTION)).partition("bench asks a model")[2]
        assert "│ Describe tea" in question
        os.write(ours, b"e")
        question += await comes(r"your changes(.|\n)*" + QUESTION)
        assert re.search(r"\+ .*Describe coffee", question)
        os.write(ours, b"y")
        rest = await comes("← result(.|\n)*ANSWER to True")
        question += rest.partition("approved once, as you edited it")[0]
        assert "is working" not in question, "the moving line stands still meanwhile"
        assert "is answering" not in question
        assert "is answering" in rest, "and goes on afterwards"
        assert await anyio.to_thread.run_sync(lambda: running.wait(30)) == 0
    assert [(one["server"], one["outcome"]) for one in await recorded(policy)] == [("bench", "answered")]


async def test_a_no_at_the_terminal_ends_the_call(policy: Path) -> None:
    with seated(*words(policy, "bench")) as (running, ours):
        await anyio.to_thread.run_sync(read_until, ours, QUESTION)
        os.write(ours, b"n")
        shown = await anyio.to_thread.run_sync(read_until, ours, "✗ the model · refused(.|\n)*describe has no result")
        assert "denied" in shown
        assert await anyio.to_thread.run_sync(lambda: running.wait(30)) == 4


@pytest.mark.slow
async def test_budgets_hold_from_call_to_call(policy: Path) -> None:
    first = await upcall(*words(policy, "open", "--json"))
    assert first.code == 0, first.err
    assert json.loads(first.out)["sampling"][0]["outcome"] == "answered"
    second = await upcall(*words(policy, "open", "--json"))
    assert second.code == 4
    assert "budget" in json.loads(second.out)["sampling"][0]["error"]["message"]
    records = await recorded(policy)
    assert len(records) == 2
    assert {(one["method"], one["name"]) for one in records} == {("tools/call", "describe")}


async def test_what_the_policy_denies_is_denied(policy: Path) -> None:
    ended = await upcall(*words(policy, "closed"))
    assert ended.code == 4
    assert [(one["server"], one["outcome"]) for one in await recorded(policy)] == [("closed", "refused")]


@pytest.mark.slow
async def test_auto_is_the_policy_that_holds_here(policy: Path, tmp_path: Path) -> None:
    project = tmp_path / "project"
    project.mkdir()
    here = environment(XDG_STATE_HOME=str(tmp_path / "state"), XDG_CONFIG_HOME=str(tmp_path / "config"))
    call = ("call", server(), "describe", "title=tea", "--policy", "auto", "--as", "open")
    assert "There is no policy file." in (await upcall(*call, env=here, cwd=project)).err
    await anyio.Path(policy).rename(project / "upcall.toml")
    ended = await upcall(*call, env=here, cwd=project)
    assert ended.code == 1
    assert "is not trusted" in ended.err
    assert (await upcall("policy", "trust", env=here, cwd=project)).code == 0
    assert (await upcall(*call, env=here, cwd=project)).code == 0


async def test_a_client_that_cannot_sample_has_no_policy(policy: Path) -> None:
    ended = await upcall(*words(policy, "open", "--model", "none"))
    assert ended.code == 2
    assert "--model" in ended.err


@pytest.mark.slow
async def test_a_call_may_sample_so_often(policy: Path) -> None:
    path = anyio.Path(policy)
    text = (await path.read_text()).replace("calls = 1\n", "calls = 100\n")
    await path.write_text(text.replace("[server.open]\n", "[server.open]\n        limits.samples_per_call = 1\n"))
    ended = await upcall(*words(policy, "open", "--json", tool=("twice", "topic=tea")))
    assert ended.code == 4
    first, second = json.loads(ended.out)["sampling"]
    assert first["outcome"] == "answered"
    assert "sampling requests in one call" in second["error"]["message"]
