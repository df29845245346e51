"""A process that answers one request, and is killed at the command that it is told: ``python -m tests.host.killed``.

Arguments: the folder, the command, and ``before`` or ``after`` performing it.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Any

from tests.host.governed import policy
from tests.host.playbook import MODEL, YES, answer, asked
from upcall.host import Host, driver, host
from upcall.host.approval import Answer, Question
from upcall.host.engine import Command, Event
from upcall.models import Completion

POLICY = '[default]\nreview_reply = true\n[[budget]]\nfor = "overall"\nper = "day"\ntokens = 2000\n'
COMMANDS = ("Recall", "Reserve", "Ask request", "Begin", "Call", "Settle", "Ask reply", "Record")


def label(command: Command) -> str:
    """The command's kind; for questions, with what is shown."""
    kind = type(command).__name__
    return f"{kind} {command.question.kind}" if kind == "Ask" else kind  # type: ignore[union-attr]


class _Mortal(driver.Driver):
    at, when = "", ""

    async def _perform(self, command: Command, run: Any) -> Event:
        if (label(command), "before") == (self.at, self.when):
            os.kill(os.getpid(), signal.SIGKILL)
        event = await super()._perform(command, run)
        if (label(command), "after") == (self.at, self.when):
            os.kill(os.getpid(), signal.SIGKILL)
        return event


class _Witness:
    """A model that leaves a trace of having been called."""

    name = MODEL

    def __init__(self, trace: Path) -> None:
        self._trace = trace

    async def complete(self, request: Any) -> Completion:
        self._trace.touch()
        return answer()

    async def aclose(self) -> None: ...


class _Person:
    async def ask(self, question: Question) -> Answer:
        return YES


async def main(folder: Path, at: str, when: str) -> None:
    """Answer one request, or die on the way."""
    _Mortal.at, _Mortal.when = at, when
    vars(host)["Driver"] = _Mortal
    witness = _Witness(folder / "called")
    one = Host(witness, policy=policy(POLICY), store=folder / "record.db", approve=_Person(), timeout=30)
    await one.answer(asked(), server="logs")


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2], sys.argv[3]))
