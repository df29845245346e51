"""`Run`: what performing commands needs to know of the request they belong to."""

from __future__ import annotations

import asyncio

from upcall.host.context import SamplingContext

__all__ = ["Run", "cancellation_is_wanted"]


class Run:
    """One request on its way through the driver."""

    __slots__ = ("attempts", "context", "deadline")

    def __init__(self, context: SamplingContext, deadline: float) -> None:
        self.context = context
        self.deadline = deadline
        """On the event loop's clock."""
        self.attempts = 0
        """Calls of a provider that were begun by the command that is under way."""


def cancellation_is_wanted() -> bool:
    """Whether somebody cancelled this task, as opposed to a stray ``CancelledError`` out of something it awaited.

    A stray one, let through, would end the request without any answer to the server.
    """
    try:
        task = asyncio.current_task()
    except RuntimeError:  # not on asyncio: cancellation is never stray elsewhere
        return True
    return task is None or task.cancelling() > 0
