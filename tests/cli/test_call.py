"""`upcall call`, as a process of its own, against a real server and a model behind a real HTTP connection."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest

from tests.cli.commands import SERVER, UPCALL, environment, model_of, on_a_terminal, says, server, upcall
from tests.models.facade import Facade, Misbehave, Reply
from tests.waiting import until
from upcall.models.embedded import NOTICE

pytestmark = pytest.mark.anyio

ERAS = {"legacy": "2025-11-25", "modern": "2026-07-28"}

MOSTLY_MODERN = [pytest.param("legacy", marks=pytest.mark.slow), "modern"]
"""For what hardly depends on the era: each test starts two processes."""


@asynccontextmanager
async def served(*options: str) -> AsyncIterator[str]:
    """The URL of a server that listens."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    process = await anyio.open_process(
        [sys.executable, str(SERVER), "--http", str(port), *options],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    async with process:

        async def listening() -> None:
            while True:
                try:
                    await (await anyio.connect_tcp("127.0.0.1", port)).aclose()
                    return
                except OSError:
                    assert process.returncode is None
                    await anyio.sleep(0.02)

        with anyio.fail_after(30):
            await listening()
        yield f"http://127.0.0.1:{port}/mcp"
        if process.returncode is None:
            process.terminate()


def gone(pid: int) -> bool:
    """Whether no such process is left."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


# What is shown


@pytest.mark.parametrize("era", ERAS)
async def test_every_step_of_a_call_is_shown_in_order(era: str) -> None:
    async with Facade(says("the first answer"), says("the second", "length")) as model:
        ended = await upcall("call", server(), "twice", "topic=tea", "--era", era, "--model", model_of(model))
    assert ended.code == 0, ended.err
    assert ended.err == ""
    steps = [
        f"bench 1.2 · stdio · {ERAS[era]} ({era})",
        "→ twice",
        "  topic     tea",
        "  ← sampling request 1",
        "    user      First tea",
        "    limits    20 tokens",
        "  → x-1 · 12 + 5 tokens · ",
        "    the first answer",
        "  ← sampling request 2",
        "    user      Then the first answer",
        "  → x-1 · 12 + 5 tokens · ",
        " · maxTokens\n    the second",
        "← result · ",
        "\n  the second\n",
    ]
    rest = ended.out
    for step in steps:
        before, found, rest = rest.partition(step)
        assert found, f"{step!r} is not in {before!r}"


async def test_everything_that_a_request_asks_for_is_shown() -> None:
    async with Facade(says("Fine.")) as model:
        ended = await upcall("call", server(), "describe", "title=Tea", 'tags=["hot"]', "--model", model_of(model))
    assert "    system    Be brief.\n    user      Describe Tea\n" in ended.out
    assert '    limits    20 tokens, temperature 0.5, stops at "END"\n' in ended.out
    assert "    prefers   claude, intelligence 0.8\n" in ended.out
    assert '"description": "Fine."' in ended.out
    assert ended.out.count('"description"') == 1, "structured content that a text repeats is not shown again"


@pytest.mark.parametrize("era", MOSTLY_MODERN)
async def test_nothing_of_a_hostile_server_or_model_reaches_the_terminal_as_it_is(era: str) -> None:
    async with Facade(says("answer \x1b[5m[blink]")) as model:
        arguments = ("call", server(), "hostile", "--model", model_of(model), "--era", era)
        code, shown = await anyio.to_thread.run_sync(lambda: on_a_terminal(*arguments, styled=True))
    assert code == 0
    for harmless in (
        "stderr ␛[31mred",
        "… progress ␛[2J",
        "info: log ␛[1A",
        "prompt ␛]0;pwned␇ [bold]markup[/bold] ⟨U+202E⟩turned",
        "answer ␛[5m[blink]",
        "result ␛[31mred␍ [red]x[/red]",
    ):
        assert harmless in shown
    for active in ("\x1b[2J", "\x1b]0;", "\x1b[5m", "\u202e", "\x07"):
        assert active not in shown


@pytest.mark.slow
async def test_long_texts_are_cut_in_sight_unless_asked_for_in_full() -> None:
    topic = "x" * 5000
    for options, cut in (((), True), (("--full",), False)):
        async with Facade(says("a"), says("b")) as model:
            ended = await upcall("call", server(), "twice", f"topic={topic}", "--model", model_of(model), *options)
        assert (topic in ended.out) is not cut
        assert ("and 4,600 more characters (--full shows them)" in ended.out) is cut


@pytest.mark.slow
async def test_a_pipe_gets_no_colour_and_a_terminal_gets_colour_motion_and_folded_lines() -> None:
    words = "word " * 40
    async with Facade(says(words), says("b")) as model:
        plain = await upcall("call", server(), "twice", "topic=tea", "--model", model_of(model))
    assert "\x1b" not in plain.out
    assert f"    {words.strip()}\n" in plain.out, "a pipe gets lines as they are"
    async with Facade(says(words), says("b")) as model:
        arguments = ("call", server(), "twice", "topic=tea", "--model", model_of(model))
        code, shown = await anyio.to_thread.run_sync(lambda: on_a_terminal(*arguments, columns=60, styled=True))
    assert code == 0
    assert "\x1b[1;32m→" in shown
    assert "connecting to" in shown
    assert f"{model_of(model)} is answering" in shown.replace("\r\n", "")
    assert words.strip() not in shown


async def test_without_a_tool_the_tools_are_listed_with_their_parameters() -> None:
    ended = await upcall("call", server(), "--model", "openai/x", env=environment(OPENAI_API_KEY=""))
    assert ended.code == 0, "listing needs no model"
    assert "describe\n  Describe a product.\n\n  With its tags.\n  title     string, required\n" in ended.out
    assert (
        '  price     number, default 1.5\n  tags      array of string\n  size      "s" or "m", default "s"\n'
        in ended.out
    )


# For programs


async def test_json_is_one_document_with_everything_in_it() -> None:
    async with Facade(says("Fine.")) as model:
        ended = await upcall("call", server(), "hostile", "--json", "--model", model_of(model), "--era", "modern")
    assert ended.code == 0
    told = json.loads(ended.out)
    assert told["server"] == {
        "name": "bench",
        "version": "1.2",
        "transport": "stdio",
        "protocol": "2026-07-28",
        "era": "modern",
    }
    assert (told["tool"], told["arguments"], told["error"]) == ("hostile", {}, None)
    assert told["result"]["content"][0]["text"] == "result \x1b[31mred\r [red]x[/red]", "programs get it unchanged"
    [sample] = told["sampling"]
    assert sample["request"]["maxTokens"] == 20
    assert sample["outcome"] == "answered"
    assert sample["reply"]["content"] == {"type": "text", "text": "Fine."}
    assert (sample["model"], sample["usage"]) == ("x-1", {"inputTokens": 12, "outputTokens": 5})
    assert sample["seconds"] > 0
    assert sample["error"] is None
    assert told["notifications"] == [
        {"progress": {"progress": 1, "total": 3, "message": "progress \x1b[2J"}},
        {"log": {"level": "info", "logger": None, "data": "log \x1b[1A"}},
    ]


async def test_json_tells_what_went_wrong_too() -> None:
    ended = await upcall("call", server(), "die", "--json", "--model", "none")
    assert ended.code == 3
    told = json.loads(ended.out)
    assert told["result"] is None
    assert told["error"]["label"] == "server_unavailable"
    ended = await upcall("call", server(), "dye", "--json", "--model", "none")
    assert json.loads(ended.out)["error"]["label"] == "usage"


async def test_quiet_prints_the_result_alone() -> None:
    async with Facade(says("a"), says("b")) as model:
        ended = await upcall("call", server(), "twice", "topic=x", "--quiet", "--model", model_of(model))
    assert (ended.code, ended.out, ended.err) == (0, "b\n", "")


# The ways in


@pytest.mark.parametrize("era", MOSTLY_MODERN)
async def test_a_url_is_reached_over_streamable_http(era: str) -> None:
    async with served() as url, Facade(says("a"), says("b")) as model:
        ended = await upcall("call", url, "twice", "topic=x", "--era", era, "--model", model_of(model))
    assert ended.code == 0, ended.err
    assert f"bench 1.2 · http · {ERAS[era]} ({era})\n" in ended.out
    assert ended.out.endswith("\n  b\n")


async def test_headers_go_with_every_request_to_a_url() -> None:
    async with Facade(*[Reply(404, "")] * 9) as site:
        url = site.url.replace("//", "//user:secret@")
        ended = await upcall("call", f"{url}/mcp?key=secret", "--header", "X-Team: blue")
    assert ended.code == 3
    assert {seen.headers["x-team"] for seen in site.seen} == {"blue"}
    assert "secret" not in ended.out + ended.err, "credentials in an address are not shown"


async def test_a_started_server_inherits_the_environment_without_the_models_keys() -> None:
    env = environment(OPENAI_API_KEY="secret", ANTHROPIC_API_KEY="secret", SETTING="here")
    names = 'names=["SETTING", "OPENAI_API_KEY", "ANTHROPIC_API_KEY"]'
    ended = await upcall("call", server(), "environment", names, "-q", "--model", "none", env=env)
    assert json.loads(ended.out) == {"SETTING": "here", "OPENAI_API_KEY": None, "ANTHROPIC_API_KEY": None}
    handed = ("--env", "OPENAI_API_KEY", "--env", "SETTING=there")
    ended = await upcall("call", server(), "environment", names, "-q", "--model", "none", *handed, env=env)
    assert json.loads(ended.out) == {"SETTING": "there", "OPENAI_API_KEY": "secret", "ANTHROPIC_API_KEY": None}


@pytest.mark.slow
async def test_arguments_come_from_a_file_as_well(tmp_path: Path) -> None:
    (tmp_path / "arguments.json").write_text('{"title": "Tea", "price": 9}')
    async with Facade(says("Hot.")) as model:
        ended = await upcall(
            *("call", server(), "describe", "price=2", "--json"),
            *("--input", str(tmp_path / "arguments.json"), "--model", model_of(model)),
        )
    assert json.loads(ended.out)["arguments"] == {"title": "Tea", "price": 2}


# Exit codes


@pytest.mark.parametrize("era", MOSTLY_MODERN)
async def test_a_tools_error_is_exit_code_1(era: str) -> None:
    ended = await upcall("call", server(), "rude", "--model", "none", "--era", era)
    assert ended.code == 1
    assert "✗ error · " in ended.out
    assert "rude" in ended.out


@pytest.mark.parametrize("era", MOSTLY_MODERN)
async def test_a_client_without_sampling_shows_what_the_server_makes_of_it(era: str) -> None:
    ended = await upcall("call", server(), "twice", "topic=x", "--model", "none", "--era", era)
    assert ended.code == 1
    assert "did not declare the sampling capability" in ended.out


# What is slow here, `test_arguments` shows without a process.
@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (
            ["describ"],
            "bench has no tool 'describ'. Did you mean 'describe'?\n\nTools of bench:\n  describe\n  twice\n",
        ),
        pytest.param(
            ["describe"],
            "describe needs title.\n\nParameters of describe:\n  title  string, required\n",
            marks=pytest.mark.slow,
        ),
        pytest.param(
            ["describe", "title=x", "colour=red"], "describe has no parameter 'colour'.", marks=pytest.mark.slow
        ),
        pytest.param(
            ["describe", "title=x", "price=dear"], "price must be a number, not 'dear'.", marks=pytest.mark.slow
        ),
        (["describe", "title"], "'title' is no argument"),
        (["describe", "--model", "gpt"], "Invalid value for --model: 'gpt' is no model string."),
        (["describe", "--header", "A: b"], "--header goes with a URL"),
        (["describe", "--json", "--quiet"], "--json and --quiet exclude each other"),
    ],
)
async def test_wrong_use_is_exit_code_2_and_calls_nothing(arguments: list[str], reason: str) -> None:
    model = () if "--model" in arguments else ("--model", "none")
    ended = await upcall("call", server(), *arguments, *model)
    assert ended.code == 2
    assert reason in ended.err
    assert "→" not in ended.out


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("http://127.0.0.1:9/mcp", "Nothing answers at http://127.0.0.1:9/mcp."),
        ("no-such-program --really", "no-such-program --really cannot be started: No such file or directory."),
        (f"{sys.executable} -c 'raise SystemExit(3)'", "The server went away before it had introduced itself."),
        (f"{sys.executable} -c 'print(1)'", "The server went away before it had introduced itself."),
    ],
)
async def test_no_connection_is_exit_code_3(target: str, reason: str) -> None:
    ended = await upcall("call", target, "x", "--model", "none")
    assert ended.code == 3
    assert f"Error: {reason}\n" in ended.err
    assert "Traceback" not in ended.err


async def test_a_wrong_path_of_a_server_is_exit_code_3() -> None:
    async with served() as url:
        ended = await upcall("call", f"{url}/nowhere", "x", "--model", "none")
    assert ended.code == 3
    assert "Is the path right? It is usually /mcp." in ended.err


async def test_a_server_without_the_modern_protocol_is_told_so(tmp_path: Path) -> None:
    script = (
        "import json, sys\n"
        "for line in sys.stdin:\n"
        "    asked = json.loads(line)\n"
        "    if asked.get('method') == 'initialize':\n"
        "        info = {'name': 'old', 'version': '1'}\n"
        "        told = {'protocolVersion': '2025-06-18', 'capabilities': {}, 'serverInfo': info}\n"
        "        print(json.dumps({'jsonrpc': '2.0', 'id': asked['id'], 'result': told}), flush=True)\n"
        "    elif 'id' in asked:\n"
        "        error = {'code': -32601, 'message': 'no \\x1b[2J such method'}\n"
        "        print(json.dumps({'jsonrpc': '2.0', 'id': asked['id'], 'error': error}), flush=True)\n"
    )
    (tmp_path / "old.py").write_text(script)
    target = f"{sys.executable} {tmp_path / 'old.py'}"
    ended = await upcall("call", target, "--era", "modern")
    assert ended.code == 3
    assert "The server speaks 2025-06-18, not 2026-07-28.\nUse --era legacy, or auto.\n" in ended.err
    ended = await upcall("call", target)
    assert "old 1 · stdio · 2025-06-18 (legacy)" in ended.out
    assert "answered with an error: no ␛[2J such method (-32601)" in ended.err


@pytest.mark.parametrize("era", MOSTLY_MODERN)
async def test_a_server_that_dies_in_the_call_is_exit_code_3(era: str) -> None:
    ended = await upcall("call", server(), "die", "--model", "none", "--era", era)
    assert (ended.code, ended.err.splitlines()[0]) == (3, "Error: The server went away before it had answered.")
    async with served() as url:
        ended = await upcall("call", url, "die", "--model", "none", "--era", era)
    assert (ended.code, ended.err.splitlines()[0]) == (3, "Error: The server went away before it had answered.")


@pytest.mark.slow
async def test_a_call_that_takes_too_long_is_cancelled_with_exit_code_3(tmp_path: Path) -> None:
    ended = await upcall("call", server("--marks", str(tmp_path)), "slow", "--timeout", "5", "--model", "none")
    assert ended.code == 3
    assert ended.err.startswith("Error: There was no result within 5 seconds.\n")
    assert (tmp_path / "cancelled").exists()


@pytest.mark.parametrize("era", MOSTLY_MODERN)
async def test_a_model_that_fails_is_exit_code_4(era: str) -> None:
    async with Facade(Reply(401, {"error": {"message": "the key sk-123 is wrong"}})) as model:
        arguments = ("call", server(), "describe", "title=x", "--era", era, "--model", model_of(model))
        ended = await upcall(*arguments)
    assert ended.code == 4
    assert f"✗ {model_of(model)} · authentication failed · " in ended.out
    assert "sk-123" not in ended.out, "a provider's own words are not for the transcript"


async def test_a_model_that_is_not_set_up_is_exit_code_4_before_anything_starts(tmp_path: Path) -> None:
    env = environment(UPCALL_CACHE=str(tmp_path), UPCALL_MODEL="local/smollm2")
    marked = server("--marks", str(tmp_path))
    ended = await upcall("call", marked, "slow", env=env)
    assert ended.code == 4
    assert ended.err == (
        "Error: local/smollm2 cannot answer here.\nThe weights are missing: upcall model install smollm2.\n"
    )
    assert not (tmp_path / "started").exists()


# Interrupting


@pytest.mark.skipif(sys.platform == "win32", reason="SIGINT is POSIX")
@pytest.mark.parametrize("era", MOSTLY_MODERN)
async def test_interrupting_cancels_the_call_and_ends_the_server(era: str, tmp_path: Path) -> None:
    command = [*UPCALL, "call", server("--marks", str(tmp_path)), "slow", "--model", "none", "--era", era]
    async with await anyio.open_process(command, env=environment()) as running:
        started = tmp_path / "started"
        await until(lambda: started.exists() and bool(started.read_text()))
        running.send_signal(signal.SIGINT)
        with anyio.fail_after(30):
            assert await running.wait() == 130
        assert running.stderr is not None
        assert await running.stderr.receive() == b"Interrupted.\n"
    assert (tmp_path / "cancelled").exists()
    await until(lambda: gone(int(started.read_text())))


@pytest.mark.skipif(sys.platform == "win32", reason="SIGINT is POSIX")
@pytest.mark.parametrize("era", MOSTLY_MODERN)
async def test_interrupting_stops_the_model(era: str) -> None:
    async with Facade(Misbehave.HANG) as model:
        command = [*UPCALL, "call", server(), "describe", "title=x", "--json", "--model", model_of(model), "--era", era]
        async with await anyio.open_process(command, env=environment()) as running:
            with anyio.fail_after(60):
                await model.hanging.wait()
                running.send_signal(signal.SIGINT)
                await model.left.wait()
                assert running.stdout is not None
                told = b"".join([piece async for piece in running.stdout])
                assert await running.wait() == 130
    assert json.loads(told)["sampling"][0]["outcome"] == "cancelled"


@pytest.mark.slow
async def test_a_reader_that_has_seen_enough_does_no_harm() -> None:
    async with Facade(says("a"), says("b")) as model:
        command = [*UPCALL, "call", server(), "twice", "topic=x", "--model", model_of(model)]
        async with await anyio.open_process(command, env=environment()) as running:
            assert running.stdout is not None
            assert running.stderr is not None
            await running.stdout.receive()
            await running.stdout.aclose()
            with anyio.fail_after(60):
                said = b"".join([piece async for piece in running.stderr])
                assert (await running.wait(), said) == (0, b"")
    assert len(model.seen) == 2, "the call went on"


# The embedded model


@pytest.mark.embedded
@pytest.mark.parametrize("era", MOSTLY_MODERN)
async def test_the_embedded_model_answers_and_says_how_small_it_is(era: str) -> None:
    ended = await upcall("call", server(), "twice", "topic=tea", "--json", "--era", era)
    assert ended.code == 0, ended.err
    samples = json.loads(ended.out)["sampling"]
    assert [sample["model"] for sample in samples] == ["local/smollm2"] * 2
    assert all(0 < sample["usage"]["outputTokens"] <= 20 for sample in samples)
    assert ended.err == f"{NOTICE}\n", "once, beside the document"
