"""A host whose record runs out of room: ``python -m tests.faults.full_disk STORE``. It prints one JSON object."""

from __future__ import annotations

import json
import resource
import signal
import sys

import anyio

from tests.host.governed import ALLOW, Office
from tests.host.playbook import asked
from upcall.errors import SamplingError
from upcall.store import open_store
from upcall.testing import ScriptedModel

_ROOM = 300_000
"""Bytes that files may have while the disk is "full"."""
_BUDGET = '[[budget]]\nfor = "server:*"\nper = "day"\ntokens = 100000000\n'


async def main(path: str) -> None:
    """Ask until the disk is full, make room, and ask again."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    messages: set[str] = set()

    async def ask(times: int) -> int:
        answered = 0
        for _ in range(times):
            try:
                await made.host.answer(asked("why " * 2_500), server="logs")
                answered += 1
            except SamplingError as error:
                messages.add(error.message)
        return answered

    async with open_store(path, timeout=1) as store:
        made = Office(ALLOW + "[default.limits]\nper_minute = 1000\n" + _BUDGET, store)
        before = await ask(3)
        _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (_ROOM, most))
        during = await ask(60)
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
        after = await ask(3)
        await made.host.aclose()
        assert isinstance(made.model, ScriptedModel)
        _, reserved = await made.spent("server:logs")
        said = {
            "answered before": before,
            "refused": 60 - during,
            "answered": before + during + after,
            "called": len(made.model.requests),
            "messages": sorted(messages),
            "answered after": after,
            "reserved": reserved,
            "finished": sum(record.outcome == "answered" for record in await made.records()),
        }
    print(json.dumps(said), flush=True)


if __name__ == "__main__":
    anyio.run(main, sys.argv[1])
