"""`TerminalApprover`: asks the person at this process's terminal.

One question is on the screen at a time, of all processes at that terminal; the others wait in line, servers in turns,
and their deadlines run meanwhile. The terminal is opened by its name, so standard input and output stay free.
"""

from __future__ import annotations

import getpass
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext

import anyio

from upcall.host.approval._dialog import Dialog
from upcall.host.approval._floor import the_floor
from upcall.host.approval._tty import NoTerminal, Tty
from upcall.host.approval.question import Answer, Question
from upcall.host.queue import FairQueue

__all__ = ["TerminalApprover"]


class TerminalApprover:
    """Asks at the controlling terminal (POSIX). Where there is none, nobody is asked, and the answer is no.

    Args:
        by: Who decides, for the record; the name of the user unless given.
        device: Path of another terminal.
        editor: Command line of the editor; ``VISUAL`` or ``EDITOR`` unless given.
        around: Gives a context for the time that a question is on the screen: for a program that writes to the same
            terminal, to hold its own lines back.
    """

    def __init__(
        self,
        *,
        by: str = "",
        device: str = "/dev/tty",
        editor: Sequence[str] | None = None,
        around: Callable[[], AbstractContextManager[object]] = nullcontext,
    ) -> None:
        self._by = by or _user()
        self._device = device
        self._editor = editor
        self._around = around
        self._line = FairQueue(1)
        self._open = 0

    async def ask(self, question: Question) -> Answer:
        """See `Approver.ask`."""
        until = anyio.current_time() + question.deadline
        self._open += 1
        try:
            with anyio.CancelScope(deadline=until):
                async with self._line.place(question.context.server), the_floor():
                    return await self._asked(question, until)
            return Answer(approved=False, reason=f"No answer at the terminal within {question.deadline:g} seconds.")
        except NoTerminal as error:
            return Answer(approved=False, reason=str(error), asked=False)
        finally:
            self._open -= 1

    async def _asked(self, question: Question, until: float) -> Answer:
        tty = Tty(self._device)
        try:
            dialog = Dialog(
                tty, question, until=until, waiting=lambda: self._open - 1, by=self._by, editor=self._editor
            )
            with self._around():
                return await dialog.run()
        finally:
            tty.close()


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "terminal"
