"""`People`: has a person asked, and looks up what people said before."""

from __future__ import annotations

import logging
from time import monotonic
from typing import TYPE_CHECKING, Protocol

import anyio

from upcall.errors import SampleTimedOut
from upcall.host.engine import Answered, Ask, Event, Failed, Recall, Recalled
from upcall.host.performers.run import Run, cancellation_is_wanted

if TYPE_CHECKING:
    from upcall.host.approval import Answer, Question

__all__ = ["Decider", "People"]

_log = logging.getLogger("upcall.host")


class Decider(Protocol):
    """An approver with a memory, such as `upcall.host.approval.Remembering`."""

    async def standing(self, question: Question) -> Answer | None:
        """The remembered answer to ``question``."""
        ...

    async def ask(self, question: Question) -> Answer:
        """Ask, unless something remembered answers."""
        ...


class People:
    """Performs `Recall` and `Ask`. What a decider gets wrong is a no.

    Args:
        decider: Who is asked.
        timeout: Seconds from arrival to answer, for the error's text.
    """

    def __init__(self, decider: Decider, *, timeout: float | None) -> None:
        self._decider = decider
        self._timeout = timeout

    async def perform(self, command: Ask | Recall, run: Run) -> Event:
        """Ask, or recall, and say what came of it."""
        answer: Answer | None = None
        with anyio.CancelScope(deadline=run.deadline) as scope:
            try:
                if isinstance(command, Recall):
                    answer = await self._decider.standing(command.question)
                else:
                    answer = await self._decider.ask(command.question)
            except anyio.get_cancelled_exc_class() as error:
                if cancellation_is_wanted() or scope.cancel_called:
                    raise
                answer = _failed(error)
            except Exception as error:
                answer = _failed(error)
        at = monotonic()
        if scope.cancelled_caught:
            return Failed(at=at, error=SampleTimedOut(f"No answer within {self._timeout:g} seconds."))
        if isinstance(command, Recall):
            return Recalled(at=at, answer=answer)
        return Answered(at=at, answer=answer if answer is not None else _failed(TypeError("no answer")))


def _failed(error: BaseException) -> Answer:
    from upcall.host.approval import Answer

    _log.error("Whoever approves sampling requests failed", exc_info=error)
    return Answer(approved=False, reason=f"Asking failed: {type(error).__name__}: {error}", asked=False)
