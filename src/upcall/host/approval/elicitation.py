"""`ElicitationApprover`: asks through the connected client, with MCP elicitation in form mode.

The client shows the text, and a choice. What it shows is our text with the server's in it, so theirs is made visible
and set off line by line. Only ``accept`` together with one of our words for yes is a yes.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import Any, Literal, TypeAlias

import anyio
from anyio import to_thread

from upcall.host.approval.question import Answer, Question, Remember
from upcall.host.approval.screen import plain

__all__ = ["CHOICES", "SCHEMA", "Elicit", "ElicitationApprover", "answer_given"]

_log = logging.getLogger("upcall.host")

Elicit: TypeAlias = Callable[[str, dict[str, Any]], Awaitable[Mapping[str, Any]]]
"""Message and requested schema → the ``ElicitResult`` as JSON: ``action`` and, where it is ``accept``, ``content``."""

CHOICES: Mapping[str, tuple[bool, Remember]] = MappingProxyType(
    {
        "approve once": (True, "once"),
        "approve for this session": (True, "session"),
        "always approve": (True, "always"),
        "deny": (False, "once"),
        "not now (no for an hour)": (False, "not_now"),
        "never": (False, "never"),
    }
)
"""What the person chooses from."""

_FIELD = "decision"
SCHEMA: dict[str, Any] = {
    "type": "object",
    # A bare enum is what every revision of the protocol knows. Without a default: nothing is decided by haste.
    "properties": {_FIELD: {"type": "string", "title": "Your decision", "enum": list(CHOICES)}},
    "required": [_FIELD],
}
"""What the client asks for: one of `CHOICES`."""
_BY: Literal["client"] = "client"
_ALONE = ' If nobody sat there, `[approval] by = "store"` asks elsewhere.'
"""Programs that run without a person, such as ``claude -p``, declare elicitation and cancel whatever they are asked."""


class ElicitationApprover:
    """Asks the person at the connected client.

    Args:
        elicit: Sends ``elicitation/create`` and gives back its result. Anything that it raises means that the client
            cannot be asked in this way.
        by: Who decides, for the record.
    """

    def __init__(self, elicit: Elicit, *, by: str = _BY) -> None:
        self._elicit = elicit
        self._by = by
        self._turn = anyio.Lock()

    async def ask(self, question: Question) -> Answer:
        """See `Approver.ask`."""
        with anyio.move_on_after(question.deadline):
            async with self._turn:  # one question at a time: there is one person at that client
                try:
                    given = await self._elicit(await to_thread.run_sync(plain, question), SCHEMA)
                except Exception as error:
                    _log.warning("The client could not be asked by elicitation: %s", type(error).__name__)
                    reason = f"Elicitation failed: {type(error).__name__}: {error}"
                    return Answer(approved=False, reason=reason, asked=False)
            return answer_given(given, self._by)
        return Answer(approved=False, reason=f"No answer from the client within {question.deadline:g} seconds.")


def answer_given(given: object, by: str = _BY) -> Answer:
    """What an ``ElicitResult`` says; anything but a clear yes is a no.

    Args:
        given: Its JSON, parsed.
        by: Who decided, for the record.
    """
    action = given.get("action") if isinstance(given, Mapping) else None
    if not isinstance(given, Mapping) or action != "accept":
        return Answer(
            approved=False, by=by, reason=f"The client answered {action!r}.{_ALONE if action == 'cancel' else ''}"
        )
    content = given.get("content")
    choice = content.get(_FIELD) if isinstance(content, Mapping) else None
    if not isinstance(choice, str) or choice not in CHOICES:
        return Answer(approved=False, by=by, reason="The client accepted without one of the choices.")
    approved, remember = CHOICES[choice]
    return Answer(approved=approved, remember=remember, by=by)
