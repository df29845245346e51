"""`CommandModel` with real programs: what they read, what they see, and that nothing is left of them."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest

from tests.models.providers import ask
from tests.waiting import until
from upcall import errors
from upcall.models import CommandModel, Model
from upcall.models.command import ENVIRONMENT
from upcall.wire import TextContent, decode_request, encode

pytestmark = pytest.mark.anyio

Program = Callable[..., CommandModel]
PREAMBLE = "import json, os, signal, subprocess, sys, time\nfrom pathlib import Path\n"


@pytest.fixture
def program(tmp_path: Path) -> Program:
    """Makes a model of a Python program's source."""

    def make(source: str, *arguments: str, **settings: Any) -> CommandModel:
        script = tmp_path / "program.py"
        script.write_text(PREAMBLE + source, encoding="utf-8")
        return CommandModel("mine", [sys.executable, str(script), *arguments], **{"timeout": 60, **settings})

    return make


def alive(pid: int) -> bool:
    """Whether a process with this id runs; one that ended and was not yet waited for does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


@asynccontextmanager
async def running(model: CommandModel, sign: Path, failures: list[Exception]) -> AsyncIterator[anyio.CancelScope]:
    """A request in the background, from when the program has written its process ids to ``sign`` on."""

    async def one() -> None:
        try:
            await model.complete(ask())
        except errors.SamplingError as error:
            failures.append(error)

    with anyio.fail_after(60):
        async with anyio.create_task_group() as group:
            group.start_soon(one)
            await until(lambda: sign.exists() and sign.read_text().endswith("\n"))
            yield group.cancel_scope


async def test_a_prompt_goes_in_and_an_answer_comes_out(program: Program) -> None:
    model = program("print(sys.stdin.read().upper())")
    completion = await model.complete(ask("Good day."))
    assert isinstance(model, Model)
    assert completion.result.content == TextContent(text="GOOD DAY.")
    assert completion.result.model == model.name == "command/mine"
    assert completion.result.stop_reason == "endTurn"
    assert (completion.usage, completion.attempts, completion.adjustments) == (None, 1, ())


async def test_a_conversation_is_told_in_sections(program: Program) -> None:
    request = encode(ask("Hello.", systemPrompt="You are terse."))
    request["messages"] += [
        {"role": "assistant", "content": {"type": "text", "text": "Hi."}},
        {"role": "user", "content": {"type": "text", "text": "2 + 2?"}},
    ]
    completion = await program("print(json.dumps(sys.stdin.read()))").complete(decode_request(request))
    assert json.loads(completion.result.text) == (
        "[system]\nYou are terse.\n\n[user]\nHello.\n\n[assistant]\nHi.\n\n[user]\n2 + 2?\n\n[assistant]\n"
    )


async def test_a_program_may_read_json(program: Program) -> None:
    model = program("print(sys.stdin.read())", stdin="json")
    completion = await model.complete(ask("Grüße", systemPrompt="Be kind.", temperature=0.5))
    assert json.loads(completion.result.text) == {
        "messages": [{"role": "user", "content": "Grüße"}],
        "maxTokens": 50,
        "systemPrompt": "Be kind.",
        "temperature": 0.5,
    }
    assert completion.adjustments == ()


async def test_the_prompt_is_not_among_the_arguments_and_no_shell_reads_them(program: Program) -> None:
    model = program("print(json.dumps(sys.argv[1:]))", "$HOME; echo *", "`id`")
    completion = await model.complete(ask("a secret prompt"))
    assert json.loads(completion.result.text) == ["$HOME; echo *", "`id`"]


async def test_planted_secrets_do_not_get_in(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "AWS_SECRET_ACCESS_KEY", "HTTPS_PROXY", "LD_PRELOAD", "MY_TOKEN", "PYTHONPATH"):
        monkeypatch.setenv(name, "planted-secret")
    monkeypatch.setenv("LANG", "C.UTF-8")
    completion = await program("print(json.dumps(dict(os.environ)))").complete(ask(maxTokens=10_000))
    seen = json.loads(completion.result.text)
    assert "planted-secret" not in completion.result.text
    # LC_CTYPE is Python's own doing.
    assert set(seen) <= {*ENVIRONMENT, "LC_CTYPE"}
    assert seen["LANG"] == "C.UTF-8"
    assert seen["PATH"] == os.environ["PATH"]


async def test_a_variable_that_is_allowed_gets_in(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_TOKEN", "for this program")
    monkeypatch.setenv("MY_OTHER_TOKEN", "not for it")
    model = program("print(os.environ['MY_TOKEN'], os.environ.get('MY_OTHER_TOKEN'))", env_allow=["MY_TOKEN", "UNSET"])
    assert (await model.complete(ask())).result.text == "for this program None"


async def test_it_runs_in_an_empty_directory_that_is_removed(program: Program) -> None:
    model = program("open('left', 'w').close(); print(os.getcwd(), len(os.listdir()))")
    place, count = (await model.complete(ask(maxTokens=1000))).result.text.rsplit(" ", 1)
    assert count == "1"
    assert not await anyio.Path(place).exists()


async def test_it_runs_where_it_is_told_to(program: Program, tmp_path: Path) -> None:
    model = program("print(os.getcwd())", cwd=tmp_path)
    assert (await model.complete(ask(maxTokens=1000))).result.text == str(tmp_path)


async def test_a_failure_tells_the_code_and_keeps_the_errors_to_itself(program: Program) -> None:
    model = program("print('half an answer'); sys.stderr.write('x' * 5000 + 'not logged in: secret'); sys.exit(3)")
    with pytest.raises(errors.ModelUnavailable) as caught:
        await model.complete(ask())
    assert caught.value.message == "command/mine failed (exit code 3)."
    assert "secret" not in str(caught.value) + repr(caught.value.to_wire())
    assert caught.value.detail.endswith("not logged in: secret")
    assert len(caught.value.detail) <= 2000
    assert caught.value.attempts == 1


async def test_errors_of_a_program_that_succeeds_are_no_part_of_the_answer(program: Program) -> None:
    model = program("print('Hi.'); sys.stderr.write('warning: ' * 100_000)")
    assert (await model.complete(ask())).result.text == "Hi."


async def test_a_program_that_prints_nothing_gave_no_answer(program: Program) -> None:
    with pytest.raises(errors.InvalidAnswer):
        await program("print('  \\n')").complete(ask())


async def test_bytes_that_are_no_text_are_replaced(program: Program) -> None:
    model = program(r"sys.stdout.buffer.write(b'caf\xe9 \xc3\xa9 \xff')")
    assert (await model.complete(ask())).result.text == "caf\ufffd é \ufffd"


async def test_a_program_need_not_read_its_prompt(program: Program) -> None:
    model = program("sys.stdin.close(); print('Hi.')")
    assert (await model.complete(ask("word " * 500_000))).result.text == "Hi."


async def test_a_long_prompt_and_a_long_answer_do_not_wait_for_each_other(program: Program) -> None:
    model = program("for line in sys.stdin: print(line, end='')")
    text = "a line of some length\n" * 40_000
    completion = await model.complete(ask(text, maxTokens=10**9))
    assert completion.result.text == text.strip()


async def test_an_answer_is_cut_at_max_tokens(program: Program) -> None:
    completion = await program("print('é' * 100)").complete(ask(maxTokens=10))
    assert completion.result.text == "é" * 20
    assert completion.result.stop_reason == "maxTokens"
    assert [(each.field, each.action) for each in completion.adjustments] == [("maxTokens", "cut")]


async def test_an_answer_of_just_that_length_is_not(program: Program) -> None:
    completion = await program("print('x' * 40)").complete(ask(maxTokens=10))
    assert completion.result.text == "x" * 40
    assert (completion.result.stop_reason, completion.adjustments) == ("endTurn", ())


async def test_a_program_that_prints_without_end_is_stopped_at_max_tokens(program: Program, tmp_path: Path) -> None:
    sign = tmp_path / "sign"
    model = program(f"Path({str(sign)!r}).write_text(str(os.getpid()))\nwhile True: print('word', end=' ')")
    completion = await model.complete(ask(maxTokens=1000))
    assert len(completion.result.text) <= 4000
    assert completion.result.stop_reason == "maxTokens"
    assert not alive(int(sign.read_text()))


async def test_a_program_that_prints_more_than_it_may_is_stopped(program: Program, tmp_path: Path) -> None:
    sign = tmp_path / "sign"
    model = program(
        f"Path({str(sign)!r}).write_text(str(os.getpid()))\nwhile True: print('flood', end=' ')",
        max_output_bytes=10_000,
    )
    with pytest.raises(errors.ModelError, match="more than 10000 bytes") as caught:
        await model.complete(ask(maxTokens=10**9))
    assert type(caught.value) is errors.ModelError
    assert not alive(int(sign.read_text()))


async def test_stop_sequences_are_cut_at(program: Program) -> None:
    completion = await program("print('One. END Two.')").complete(ask(stopSequences=["END"]))
    assert (completion.result.text, completion.result.stop_reason) == ("One. ", "stopSequence")
    assert [(each.field, each.action) for each in completion.adjustments] == [("stopSequences", "emulated")]


async def test_a_program_that_takes_too_long_is_stopped(tmp_path: Path) -> None:
    sign = tmp_path / "sign"
    # A shell, which has written the sign long before the time is up.
    model = CommandModel("mine", ["sh", "-c", 'echo $$ > "$0"; exec sleep 600', str(sign)], timeout=0.7)
    with pytest.raises(errors.ModelTimedOut):
        await model.complete(ask())
    assert not alive(int(sign.read_text()))


async def test_cancelling_ends_the_program_and_what_it_started(program: Program, tmp_path: Path) -> None:
    sign = tmp_path / "sign"
    model = program(
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        f"Path({str(sign)!r}).write_text(f'{{os.getpid()}} {{child.pid}}\\n')\n"
        "time.sleep(600)"
    )
    async with running(model, sign, []) as scope:
        pids = [int(pid) for pid in sign.read_text().split()]
        assert all(map(alive, pids))
        scope.cancel()
    await until(lambda: not any(map(alive, pids)))


async def test_a_program_that_ignores_the_telling_is_killed(
    program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("upcall.models._program.GRACE", 0.2)
    sign = tmp_path / "sign"
    model = program(
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        f"Path({str(sign)!r}).write_text(f'{{os.getpid()}}\\n')\n"
        "time.sleep(600)"
    )
    began = time.monotonic()
    async with running(model, sign, []) as scope:
        pid = int(sign.read_text())
        scope.cancel()
    assert not alive(pid)
    assert time.monotonic() - began < 30


async def test_a_program_that_is_told_may_end_in_order(program: Program, tmp_path: Path) -> None:
    sign, last_words = tmp_path / "sign", tmp_path / "last"
    model = program(
        f"def end(*_): Path({str(last_words)!r}).write_text('saved'); sys.exit(0)\n"
        "signal.signal(signal.SIGTERM, end)\n"
        f"Path({str(sign)!r}).write_text('ready\\n')\n"
        "time.sleep(600)"
    )
    async with running(model, sign, []) as scope:
        scope.cancel()
    assert last_words.read_text() == "saved"


async def test_what_a_program_leaves_running_is_ended_and_not_waited_for(program: Program, tmp_path: Path) -> None:
    sign = tmp_path / "sign"
    # The child has the program's output open, and would keep it so.
    model = program(
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        f"Path({str(sign)!r}).write_text(str(child.pid))\n"
        "print('Hi.')"
    )
    with anyio.fail_after(30):
        completion = await model.complete(ask())
    assert completion.result.text == "Hi."
    await until(lambda: not alive(int(sign.read_text())))


async def test_a_program_killed_by_others_failed(program: Program, tmp_path: Path) -> None:
    sign = tmp_path / "sign"
    failures: list[Exception] = []
    model = program(f"Path({str(sign)!r}).write_text(f'{{os.getpid()}}\\n')\ntime.sleep(600)")
    async with running(model, sign, failures):
        os.kill(int(sign.read_text()), signal.SIGKILL)
    assert [type(error) for error in failures] == [errors.ModelUnavailable]


async def test_several_run_at_one_time(program: Program) -> None:
    model = program("print(sys.stdin.read())")
    answers: list[str] = []

    async def one(text: str) -> None:
        answers.append((await model.complete(ask(text))).result.text)

    with anyio.fail_after(60):
        async with anyio.create_task_group() as group:
            for number in range(5):
                group.start_soon(one, str(number))
    assert sorted(answers) == ["0", "1", "2", "3", "4"]


async def test_a_missing_program_is_a_mistake_of_the_configuration() -> None:
    model = CommandModel("mine", ["no-such-program-anywhere"])
    assert model.unusable == "There is no program 'no-such-program-anywhere'."
    with pytest.raises(errors.ConfigurationError) as caught:
        await model.complete(ask())
    assert "no-such-program" not in str(caught.value)


async def test_a_file_that_is_no_program_is_one_too(tmp_path: Path) -> None:
    file = tmp_path / "broken"
    file.write_bytes(b"\x7fELF nothing of the kind")
    file.chmod(0o755)
    model = CommandModel("mine", [str(file)])
    assert model.unusable is None
    with pytest.raises(errors.ConfigurationError, match="cannot be started"):
        await model.complete(ask())


IMAGE = {"type": "image", "data": "iVBORw0KGgo=", "mimeType": "image/png"}
AUDIO = {"type": "audio", "data": "UklGRg==", "mimeType": "audio/wav"}


@pytest.mark.parametrize(
    ("members", "says"),
    [
        ({"messages": [{"role": "user", "content": IMAGE}]}, "images"),
        ({"messages": [{"role": "user", "content": [AUDIO]}]}, "audio"),
        ({"tools": [{"name": "add", "inputSchema": {"type": "object"}}]}, "tools"),
        (
            {
                "messages": [
                    {"role": "assistant", "content": [{"type": "tool_use", "id": "1", "name": "add", "input": {}}]},
                    {"role": "user", "content": [{"type": "tool_result", "toolUseId": "1", "content": []}]},
                ]
            },
            "tool uses",
        ),
    ],
)
async def test_anything_but_text_is_refused_before_it_starts(members: dict[str, Any], says: str) -> None:
    request = decode_request({**encode(ask()), **members})
    with pytest.raises(errors.UnsupportedContent, match=says) as caught:
        await CommandModel("mine", ["no-such-program-anywhere"]).complete(request)
    assert caught.value.attempts == 0


async def test_text_that_is_no_unicode_is_an_invalid_request(program: Program) -> None:
    with pytest.raises(errors.InvalidRequest):
        await program("print('never')").complete(ask("half a pair: \ud800"))


@pytest.mark.parametrize(
    ("name", "argv", "settings"),
    [
        ("mine", "program --with option", {}),
        ("mine", [], {}),
        ("mine", ["program", 5], {}),
        ("mine", ["program", "null \0 byte"], {}),
        ("", ["program"], {}),
        ("a/b", ["program"], {}),
        ("-x", ["program"], {}),
        ("mine", ["program"], {"timeout": 0}),
        ("mine", ["program"], {"max_output_bytes": 0}),
        ("mine", ["program"], {"env_allow": "PATH"}),
        ("mine", ["program"], {"stdin": "yaml"}),
    ],
)
def test_a_setting_that_cannot_be_is_refused_at_once(name: str, argv: Any, settings: dict[str, Any]) -> None:
    with pytest.raises(errors.ConfigurationError):
        CommandModel(name, argv, **settings)
