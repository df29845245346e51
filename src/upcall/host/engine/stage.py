"""What a stage is, and how it has a command performed."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import TypeAlias, TypeVar

from upcall.host.engine.commands import Command
from upcall.host.engine.events import Cancelled, Event, Failed, Limited
from upcall.host.engine.exchange import Exchange

__all__ = ["Crowded", "Edited", "Rest", "Stage", "Steps", "Withdrawn", "perform"]

T = TypeVar("T")
E = TypeVar("E", bound=Event)

Steps: TypeAlias = Generator[Command, Event, T]
"""Commands go out, events come in, a ``T`` comes back in the end."""

Rest: TypeAlias = Callable[[], Steps[None]]
"""Everything that comes after a stage, up to the model's answer and the checks on it."""

Stage: TypeAlias = Callable[[Exchange, Rest], Steps[None]]
"""One concern of answering, wrapped around the rest.

What stands before ``yield from rest()`` happens on the way to the model, what stands after it on the way back.
A stage leaves by raising a `SamplingError`. One that owes something afterwards (releasing a reservation) catches
``Exception`` around the rest, has its commands performed, and raises again.
"""


class Withdrawn(Exception):  # control flow, not an error: it never leaves the host
    """The asker is gone. Runs through the stages like an error, so that each can put things in order."""

    def __init__(self, attempts: int = 0) -> None:
        super().__init__()
        self.attempts = attempts


class Edited(Exception):  # control flow as well
    """A person has changed the request, which goes the whole way again. Runs through the stages as `Withdrawn` does."""


class Crowded(Exception):  # and this
    """Too many within a minute. Runs back to the stage that named the rate, which knows what to say."""

    def __init__(self, event: Limited) -> None:
        super().__init__()
        self.count = event.count
        self.retry_after = event.retry_after


def perform(exchange: Exchange, command: Command, expected: type[E]) -> Steps[E]:
    """Have ``command`` performed and return its event.

    Raises:
        SamplingError: The command failed.
        Withdrawn: The request was cancelled meanwhile.
        Crowded: The command came with a rate that has no room.
    """
    event = yield command
    exchange.at = event.at
    if isinstance(event, Failed):
        raise event.error
    if isinstance(event, Cancelled):
        raise Withdrawn(event.attempts)
    if isinstance(event, Limited):
        raise Crowded(event)
    if not isinstance(event, expected):
        raise TypeError(f"{type(command).__name__} was answered by {type(event).__name__}.")
    return event
