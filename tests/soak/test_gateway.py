"""Calls by the thousand through each form of the gateway: memory, tasks and file descriptors stay as they are.

``UPCALL_SOAK_CALLS`` says how many in all. One call in ten samples; both eras are used.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from pathlib import Path
from typing import NamedTuple

import anyio
import pytest

from tests.faults.gateway.places import FORMS, Http, Pipes, Place, Provider, place, policy
from tests.waiting import until

CALLS = int(os.environ.get("UPCALL_SOAK_CALLS") or 100_000)
AT_ONCE = 10
SAMPLED = 10
ROUNDS = 10
"""Measurements, each after as many calls."""
RISE = 4 << 20
"""Bytes by which the memory may be larger in the second half than in the first."""
_SECONDS = 60 + CALLS // 20

pytestmark = [pytest.mark.anyio, pytest.mark.slow, pytest.mark.timeout(_SECONDS)]


class Measured(NamedTuple):
    """One process, when it has nothing to do."""

    memory: int
    tasks: int
    objects: int
    files: int
    threads: int
    ours: dict[str, int]
    """Objects that live as long as a request, or a connection, by their class."""


async def measured(place: Place, report: Path) -> Measured:
    """The gateway's process."""
    await anyio.Path(report).unlink(missing_ok=True)
    os.kill(place.gateway.pid, signal.SIGUSR1)
    await until(report.exists)
    said = json.loads(await anyio.Path(report).read_text())
    proc = Path(f"/proc/{place.gateway.pid}")
    memory = int((proc / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    files, threads = len(list((proc / "fd").iterdir())), len(list((proc / "task").iterdir()))
    return Measured(memory, said["tasks"], said["objects"], files, threads, said["ours"])


async def work(client: Pipes | Http, calls: int, name: str) -> None:
    """Calls, some of which sample, each of which has to get its own answer."""
    numbers = iter(range(calls))

    async def worker() -> None:
        for number in numbers:
            text = f"{name} {number}"
            tool, expected = ("ask", f"{text}: about {text}") if number % SAMPLED == 0 else ("echo", text)
            answer = await client.call(tool, text=text)
            assert "result" in answer, answer
            assert answer["result"]["content"][0]["text"] == expected, answer

    async with asyncio.TaskGroup() as workers:
        for _ in range(AT_ONCE):
            workers.create_task(worker())


@pytest.mark.parametrize("era", ["legacy", "modern"])
@pytest.mark.parametrize("form", FORMS)
async def test_nothing_grows_over_many_calls(form: str, era: str, tmp_path: Path) -> None:
    report = tmp_path / "report"
    each = CALLS // len(FORMS) // 2 // ROUNDS
    command = (sys.executable, "-m", "tests.soak.gateway")
    found: list[Measured] = []
    print(f"\n{form}, {era}, {each * (ROUNDS + 1)} calls")
    async with Provider() as provider:
        rules = policy(tmp_path, provider)
        async with place(form, rules, command=command, env={"SOAK_REPORT": str(report)}) as it:
            client = it.client(era == "modern")
            await client.begin()
            await work(client, each, "warm")
            for turn in range(ROUNDS):
                await work(client, each, f"turn {turn}")
                if not isinstance(client, Pipes):  # sessions come and go, too
                    await client.end()
                    client = it.client(era == "modern")
                    await client.begin()
                await until_idle(it, report, found)
                provider.seen.clear()
            await client.leave()
    early, late = found[1 : ROUNDS // 2], found[ROUNDS // 2 :]
    assert min(one.memory for one in late) < max(one.memory for one in early) + RISE
    assert min(one.tasks for one in late) <= max(one.tasks for one in early)
    assert min(one.files for one in late) <= max(one.files for one in early)
    assert min(one.threads for one in late) <= max(one.threads for one in early)
    assert min(one.objects for one in late) < max(one.objects for one in early) * 1.02
    for kind in found[0].ours:
        assert min(one.ours[kind] for one in late) <= min(one.ours[kind] for one in early), kind


async def until_idle(place: Place, report: Path, found: list[Measured]) -> None:
    """Measure when what the last calls left behind is gone."""
    before = await measured(place, report)
    with anyio.fail_after(30):
        while (now := await measured(place, report)).tasks < before.tasks or now.files < before.files:
            before = now
    print("  ", now, flush=True)
    found.append(now)
