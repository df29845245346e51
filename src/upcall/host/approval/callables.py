"""`CallableApprover`: a function decides."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

import anyio
from anyio import to_thread
from msgspec.structs import replace

from upcall.host.approval.question import NOBODY, Answer, Question

__all__ = ["ApprovalFunction", "CallableApprover"]

_log = logging.getLogger("upcall.host")

ApprovalFunction: TypeAlias = Callable[[Question], "bool | Answer | Awaitable[bool | Answer]"]


class CallableApprover:
    """Asks a function: ``True`` is yes, an `Answer` is what it says, and everything else is no, an exception too.

    Args:
        function: Takes the question; sync or async. A sync one runs in a thread, and may block; where it takes longer
            than the question's deadline it is left to itself and its answer is dropped.
        by: Who decided, for the record; the function's name unless given.
    """

    def __init__(self, function: ApprovalFunction, *, by: str = "") -> None:
        self._function = function
        self._by = by or getattr(function, "__qualname__", type(function).__name__)
        self._is_async = inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(
            getattr(function, "__call__", None)  # noqa: B004 - the method itself is asked for
        )

    async def ask(self, question: Question) -> Answer:
        """See `Approver.ask`."""
        with anyio.move_on_after(question.deadline):
            try:
                return self._answer(await self._call(question))
            except Exception as error:
                _log.exception("The function that approves failed")
                return Answer(approved=False, by=self._by, reason=f"It failed: {type(error).__name__}: {error}")
        return Answer(approved=False, reason=f"{self._by} gave no answer within {question.deadline:g} seconds.")

    async def _call(self, question: Question) -> Any:
        if self._is_async:
            given: Any = self._function(question)
        else:
            given = await to_thread.run_sync(self._function, question, abandon_on_cancel=True)
        return await given if inspect.isawaitable(given) else given

    def _answer(self, given: object) -> Answer:
        if isinstance(given, Answer):
            return given if given.by != NOBODY else replace(given, by=self._by)
        if isinstance(given, bool):
            return Answer(approved=given, by=self._by)
        reason = f"It returned {type(given).__name__}; True, False or an Answer is needed."
        return Answer(approved=False, by=self._by, reason=reason)
