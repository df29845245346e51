"""Between a client's pipes and a child: what passes, what waits, and how it ends."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from time import monotonic

import anyio
import anyio.to_thread
import pytest

from tests.gateway.stdio.connected import Nobody, child_of, connected, session
from tests.waiting import until
from upcall.gateway.stdio import driver as driving
from upcall.gateway.stdio.channel import FULL
from upcall.gateway.stdio.child import Child
from upcall.gateway.stdio.driver import StdioDriver

pytestmark = pytest.mark.anyio

ECHO = "import sys\nfor line in sys.stdin.buffer: sys.stdout.buffer.write(line); sys.stdout.buffer.flush()"
DEAF = "import time; time.sleep(60)"
STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); time.sleep(60)"
)


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def test_frames_pass_in_order_and_the_exit_code_is_the_servers() -> None:
    frames = [b'{"jsonrpc": "2.0", "method": "x/%d", "params": {"\\u00e9": 1e400}}' % n for n in range(2000)]
    async with connected(child_of(ECHO + "\nsys.exit(7)")) as client:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(client.send, *(*frames, b"no JSON \xff"))
            assert [await client.line() for _ in frames] == frames
            assert await client.line() == b"no JSON \xff"
        client.hang_up()
        assert await client.ended() == 7


async def test_a_frame_of_a_hundred_megabytes_passes_both_ways() -> None:
    frame = b'{"jsonrpc":"2.0","method":"x","params":{"blob":"' + b"A" * 100_000_000 + b'"}}'
    async with connected(child_of(ECHO)) as client, anyio.create_task_group() as tasks:
        tasks.start_soon(client.send, frame)

        def read() -> bytes:
            with os.fdopen(os.dup(client.reading), "rb") as file:
                return file.readline()

        with anyio.fail_after(30):
            assert await anyio.to_thread.run_sync(read) == frame + b"\n"


async def test_a_client_that_reads_nothing_stops_a_server_that_floods() -> None:
    flood = "import sys\nn = 0\nwhile True: sys.stdout.write(f'{n} {\"x\" * 500}\\n'); n += 1"
    async with connected(child_of(flood)) as client:
        sink = client.driver._client._sink
        await until(lambda: sink.waiting >= FULL)
        before = sink.waiting
        await anyio.wait_all_tasks_blocked()
        assert before <= sink.waiting < 2 * FULL
        lines = [await client.line() for _ in range(20_000)]
        assert [int(line.split()[0]) for line in lines] == list(range(20_000))


async def test_a_server_that_reads_nothing_stops_a_client_that_floods() -> None:
    async with connected(child_of(DEAF)) as client:
        os.set_blocking(client.writing, False)
        written, quiet_since = 0, monotonic()
        while monotonic() - quiet_since < 0.3:
            try:
                written += os.write(client.writing, b"x" * 4095 + b"\n")
                quiet_since = monotonic()
            except BlockingIOError:
                await anyio.sleep(0.01)
            assert written < 4 * FULL
        assert written > FULL


async def test_what_a_server_wrote_before_it_died_arrives() -> None:
    last_words = "import os, sys\nfor n in range(5000): print(n, 'x' * 200)\nsys.stdout.flush(); os._exit(3)"
    async with connected(child_of(last_words)) as client:
        lines = (await client.rest()).splitlines()
        assert [int(line.split()[0]) for line in lines] == list(range(5000))
        assert await client.ended() == 3


async def test_open_requests_get_an_error_when_the_server_dies() -> None:
    async with connected(child_of("import sys, os, signal; sys.stdin.readline(); os.kill(os.getpid(), 9)")) as client:
        await client.send(b'{"jsonrpc":"2.0","id":"a","method":"tools/list"}')
        answer = await client.line()
        assert b'"id":"a"' in answer
        assert b'"error"' in answer
        assert b"137" in answer
        assert await client.ended() == 137


async def test_a_grandchild_that_keeps_the_pipe_open_does_not_keep_the_gateway() -> None:
    orphan = (
        "import subprocess, sys; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']);"
        "print('bye', flush=True); sys.exit(4)"
    )
    async with connected(child_of(orphan)) as client:
        assert await client.line() == b"bye"
        assert await client.ended() == 4
        os.killpg(client.child.pid, signal.SIGKILL)


async def test_a_server_that_closes_its_output_is_ended() -> None:
    async with connected(child_of("import os, sys; os.close(1); sys.stdin.read(); os._exit(5)")) as client:
        assert await client.rest() == b""
        assert await client.ended() == 5


async def test_a_client_that_leaves_ends_a_server_that_does_not_listen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(driving, "PATIENCE", 0.2)
    async with connected(child_of(STUBBORN)) as client:
        assert await client.line() == b"ready"
        client.hang_up()
        assert await client.ended() == 128 + signal.SIGKILL
        assert not is_running(client.child.pid)


async def test_the_whole_group_of_a_server_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(driving, "PATIENCE", 0.2)
    wrapper = (
        "import subprocess, sys; child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']);"
        "print(child.pid, flush=True); child.wait()"
    )
    async with connected(child_of(wrapper)) as client:
        grandchild = int(await client.line())
        client.hang_up()
        assert await client.ended() == 128 + signal.SIGTERM
        await until(lambda: not is_running(grandchild))


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="this system's terminals send no SIGHUP")
async def test_a_server_ends_with_the_terminal_that_closes() -> None:
    # It is in a group of its own, so the terminal's signal does not reach it.
    async with connected(child_of("print('ready', flush=True); import time; time.sleep(60)")) as client:
        assert await client.line() == b"ready"
        os.kill(os.getpid(), signal.SIGHUP)
        assert await client.ended() == 128 + signal.SIGTERM
        assert not is_running(client.child.pid)


async def test_a_client_that_takes_nothing_more_ends_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(driving, "PATIENCE", 0.2)
    chatter = "import time\nfor n in range(10000): print(n, flush=True); time.sleep(0.01)"
    async with connected(child_of(chatter)) as client:
        assert await client.line() == b"0"
        client.look_away()
        assert await client.ended() == 128 + signal.SIGTERM


async def test_a_line_without_an_end_is_a_frame_all_the_same() -> None:
    async with connected(child_of("import sys; sys.stdout.write(repr(sys.stdin.read()))")) as client:
        os.write(client.writing, b"abc")
        client.hang_up()
        assert await client.line() == b"'abc\\n'"


async def test_files_do_as_pipes_do(tmp_path: Path) -> None:
    given, taken = tmp_path / "in", tmp_path / "out"
    frames = b"".join(b'{"jsonrpc":"2.0","method":"n/%d"}\n' % n for n in range(20_000))
    given.write_bytes(frames)
    reading, writing = os.open(given, os.O_RDONLY), os.open(taken, os.O_WRONLY | os.O_CREAT)
    driver = StdioDriver(child_of(ECHO + "\nsys.exit(9)"), session(), Nobody(), reading=reading, writing=writing)
    with anyio.fail_after(10):
        assert await driver.run() == 9
    assert taken.read_bytes() == frames


def test_a_child_gets_exactly_its_arguments_and_environment(capfd: pytest.CaptureFixture[str]) -> None:
    code = "import os, sys; sys.stderr.write(repr((sys.argv[1:], os.environ.get('ONLY'), 'HOME' in os.environ)))"
    child = Child([sys.executable, "-c", code, "a b", "$HOME", "*", ""], env={"ONLY": "this"})
    child._process.wait()
    for end in child.pipes():
        os.close(end)
    assert capfd.readouterr().err == "(['a b', '$HOME', '*', ''], 'this', False)"


def test_a_command_that_does_not_exist_is_said_so() -> None:
    with pytest.raises(FileNotFoundError):
        Child(["/no/such/program"])
