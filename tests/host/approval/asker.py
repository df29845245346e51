"""A process that asks at its controlling terminal, its standard streams being pipes: ``asker.py TTY SPEC``.

SPEC is JSON: ``questions`` (fields for `tests.host.approval.questions.question`), asked all at once; or ``processes``,
a list of such specs, each for a process of its own at the same terminal. Answers are written on standard output, a JSON
object a line. TTY is ``-`` for none.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import anyio
import msgspec

from tests.host.approval.questions import HOSTILE, question, result
from upcall.host.approval import Remembering, TerminalApprover


async def ask(specs: list[dict[str, Any]]) -> None:
    """Ask all of them at once."""
    approver = Remembering(TerminalApprover(by="ann"))

    async def one(number: int, spec: dict[str, Any]) -> None:
        text = HOSTILE if spec.get("hostile") else spec.pop("text", f"question {number}")
        spec.pop("hostile", None)
        if reply := spec.pop("reply", None):
            spec |= {"kind": "reply", "result": result(reply)}
        answer = await approver.ask(question(text, **spec))
        print(json.dumps({"number": number, **msgspec.to_builtins(answer)}), flush=True)

    async with anyio.create_task_group() as group:
        for number, spec in enumerate(specs):
            group.start_soon(one, number, spec)
            await anyio.wait_all_tasks_blocked()


def main() -> None:
    """Take the terminal, then ask."""
    device, spec = sys.argv[1], json.loads(sys.argv[2])
    if device != "-":
        # A session's first process that opens a terminal that nobody has gets it for its own.
        os.close(os.open(device, os.O_RDWR))
    if "processes" in spec:
        command = [sys.executable, "-m", "tests.host.approval.asker", "-"]
        group = 0 if spec.get("background") else None
        children = [subprocess.Popen([*command, json.dumps(one)], process_group=group) for one in spec["processes"]]
        for child in children:
            child.wait(60)
        return
    anyio.run(ask, spec["questions"])


if __name__ == "__main__":
    main()
