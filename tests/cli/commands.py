"""The command as its user runs it: a process of its own, in a pipe or on a terminal, and who answers for the model."""

from __future__ import annotations

import os
import re
import select
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import Any, NamedTuple

import anyio
import pytest

from tests.models.facade import Facade

UPCALL = (sys.executable, "-c", "from upcall.cli import main; main(prog_name='upcall')")
SERVER = Path(__file__).with_name("tool_server.py")
_STYLE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Ended(NamedTuple):
    """What a command left behind."""

    code: int
    out: str
    err: str


def server(*options: str) -> str:
    """The command line of the tests' server."""
    return shlex.join([sys.executable, str(SERVER), *options])


def environment(**changes: str) -> dict[str, str]:
    """This process's environment without what would change a command's behaviour."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("UPCALL_MODEL", "OPENAI_"))}
    return {**kept, "COLUMNS": "80", **changes}


async def upcall(*arguments: str, env: Mapping[str, str] | None = None, cwd: Path | None = None) -> Ended:
    """Run ``upcall`` with its output in pipes."""
    with anyio.fail_after(90):
        ended = await anyio.run_process([*UPCALL, *arguments], check=False, env=env or environment(), cwd=cwd)
    return Ended(ended.returncode, ended.stdout.decode(), ended.stderr.decode())


def on_a_terminal(*arguments: str, columns: int = 120, styled: bool = False) -> tuple[int, str]:
    """Exit code of ``upcall``, and what a terminal got of it, without colours unless ``styled``. Blocks."""
    if sys.platform == "win32":
        pytest.skip("a pseudo-terminal needs POSIX")
    import pty

    ours, theirs = pty.openpty()
    env = environment(TERM="xterm-256color", COLUMNS=str(columns))
    with subprocess.Popen([*UPCALL, *arguments], stdin=theirs, stdout=theirs, stderr=theirs, env=env) as running:
        os.close(theirs)
        shown = b""
        while True:
            try:
                piece = os.read(ours, 65536)
            except OSError:  # Linux says that the other end is gone
                break
            if not piece:
                break
            shown += piece
    os.close(ours)
    text = shown.decode()
    return running.returncode, text if styled else _STYLE.sub("", text)


def says(text: str, finish: str = "stop") -> dict[str, Any]:
    """An answer of the scripted model."""
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": finish}
    usage = {"prompt_tokens": 12, "completion_tokens": 5, "total_tokens": 17}
    return {"id": "c", "object": "chat.completion", "created": 1, "model": "x-1", "choices": [choice], "usage": usage}


def model_of(facade: Facade) -> str:
    """The model string of what the façade plays."""
    return f"openai/x@{facade.url}/v1"


@contextmanager
def seated(*arguments: str, **env: str) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """``upcall`` with a terminal of its own as the controlling one, and the other end of it."""
    if sys.platform == "win32":
        pytest.skip("a pseudo-terminal needs POSIX")
    import pty

    ours, theirs = pty.openpty()
    code = "import os, sys; os.close(os.open(os.ttyname(0), os.O_RDWR)); os.execv(sys.argv[1], sys.argv[1:])"
    command = [sys.executable, "-c", code, *UPCALL, *arguments]
    full = environment(TERM="xterm-256color", USER="ann", LOGNAME="ann", **env)
    with subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs, env=full, start_new_session=True
    ) as running:
        os.close(theirs)
        try:
            yield running, ours
        finally:
            running.kill()
            os.close(ours)


def read_until(ours: int, wanted: str) -> str:
    """What comes from the terminal until ``wanted`` is among it, without colours. Blocks."""
    raw, text, deadline = "", "", monotonic() + 30
    while not re.search(wanted, text):
        assert monotonic() < deadline, text
        if select.select([ours], [], [], 0.2)[0]:
            try:
                raw += os.read(ours, 65536).decode(errors="replace")
            except OSError:  # nobody has the other end open any more
                raise AssertionError(f"no {wanted!r} in: {text}") from None
            text = _STYLE.sub("", raw.replace("\r\n", "\n").replace("\r\x1b[K", "\n"))
    return text
