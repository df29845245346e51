"""`Chain` and `Nobody`: several ways to ask, and none."""

from __future__ import annotations

import anyio
from msgspec.structs import replace

from upcall.host.approval.question import Answer, Approver, Question

__all__ = ["Chain", "HOW", "Nobody"]

HOW = (
    'There is no way to ask a person. Run this side where it has a terminal; or set `[approval] by = "store"` in the '
    'policy and decide with `upcall pending`; or allow the server there, with `decision = "allow"`.'
)
"""How to get a yes where nobody can be asked. Names settings: for this side only."""


class Nobody:
    """Asks nobody: the answer is no, and says how that can be changed."""

    async def ask(self, question: Question) -> Answer:
        """See `Approver.ask`."""
        return Answer(approved=False, reason=HOW, asked=False)


class Chain:
    """Asks the first of several that has a way to ask.

    A no is a no: the next one is tried only when nobody could be asked, never to get another answer. All of them
    share the question's deadline.
    """

    def __init__(self, *approvers: Approver) -> None:
        self._approvers = approvers

    async def ask(self, question: Question) -> Answer:
        """See `Approver.ask`."""
        until = anyio.current_time() + question.deadline
        tried = []
        for approver in self._approvers:
            left = until - anyio.current_time()
            if left <= 0:
                break
            answer = await approver.ask(replace(question, deadline=left))
            if answer.asked:
                return answer
            tried.append(answer.reason)
        return Answer(approved=False, reason=" ".join([*filter(None, tried), HOW]), asked=False)
