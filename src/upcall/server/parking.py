"""Parking: how a running body waits while its client is away. No event loop, no clock, no I/O in here.

On a modern connection (2026-07-28) a server asks by *answering*: the open request ends with ``input_required``,
and the client sends the request again with the answers (SEP-2322). The body must not start again, so it waits,
parked, between the two requests.

A **call** is one run of one body. It is in one of four states::

    OPEN ──park──▶ PARKED ──resume──▶ OPEN            a client's request is open / is not
      │              │
      └──close──▶ CLOSED ◀──close── ABANDONED ◀──expire── PARKED

A **question** belongs to one call. It is *asked* (waiting for a round), then *sent* (it went out with the last
round), and then gone: answered, or withdrawn by the body (a time limit, a cancelled branch).

Invariants, which the property tests hold it to:

1. A park id opens its call once. It is unguessable, and it opens for the same principal, method, target and
   arguments only; a wrong presenter learns nothing and uses nothing up.
2. An answer reaches the question under whose key it was sent, or none. Keys are never used twice in a call, and
   only keys of the last round that are still waiting are listened to.
3. What has no answer yet goes out again with the next round.
4. A call sends at most ``max_rounds`` rounds; the question that would need one more fails at once.
5. At most ``cap`` calls are parked, each for at most ``lifetime`` seconds. A closed or abandoned call is nowhere.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Mapping
from enum import Enum, auto
from typing import Any, Generic, NamedTuple, TypeVar

from upcall.errors import InvalidRequest, RoundsExhausted, SampleAbandoned, TooManyParked

__all__ = ["STATE_PREFIX", "Binding", "Call", "Lot", "Phase", "Resumed", "Round"]

OwnerT = TypeVar("OwnerT")

STATE_PREFIX = "upcall.park."
"""Tells a park id from a ``requestState`` that a tool of the server made itself."""


class Phase(Enum):
    """Where a call stands; see the module's theory."""

    OPEN = auto()
    PARKED = auto()
    ABANDONED = auto()
    CLOSED = auto()


class Binding(NamedTuple):
    """What a park id is bound to. A retry must agree in all of it."""

    method: str
    target: str
    arguments: Any
    principal: str | None

    @classmethod
    def of(cls, method: str, params: Mapping[str, Any], principal: str | None) -> Binding:
        """The binding of one request: its method, the tool, prompt or resource it names, and its arguments."""
        target = params.get("uri") if method == "resources/read" else params.get("name")
        return cls(method, str(target), params.get("arguments") or {}, principal)


class Round(NamedTuple):
    """What goes to the client: the id to come back with, and the questions by key."""

    park_id: str
    questions: dict[str, Any]


class Resumed(NamedTuple, Generic[OwnerT]):
    """A call that is open again, and the answers that arrived for it, by key."""

    call: Call[OwnerT]
    answers: dict[str, Any]


class Call(Generic[OwnerT]):
    """One run of one body, as the lot sees it.

    ``owner`` is whatever the driver wants to find again. A closed call has none, so that it keeps nothing alive.
    """

    __slots__ = ("_asked", "_count", "_max_rounds", "_sent", "binding", "owner", "park_id", "phase", "rounds")

    def __init__(self, binding: Binding, owner: OwnerT, max_rounds: int) -> None:
        self.binding = binding
        self.owner = owner
        self.phase = Phase.OPEN
        self.park_id: str | None = None
        self.rounds = 0
        """How many rounds went out so far."""
        self._max_rounds = max_rounds
        self._count = 0
        self._asked: dict[str, Any] = {}
        self._sent: dict[str, Any] = {}

    @property
    def rounds_left(self) -> int:
        """How many more rounds the client will take part in."""
        return self._max_rounds - self.rounds

    @property
    def waiting(self) -> list[str]:
        """Keys of all questions without an answer, oldest first."""
        return [*self._sent, *self._asked]

    def ask(self, question: Any) -> str:
        """Put ``question`` into the next round and give its key.

        Raises:
            SampleAbandoned: Nobody will come back for the answer.
            RoundsExhausted: The client will not take part in another round.
        """
        if self.phase in (Phase.ABANDONED, Phase.CLOSED):
            raise abandoned()
        if self.rounds_left < 1:
            raise rounds_exhausted(self._max_rounds)
        self._count += 1
        key = f"ask-{self._count}"
        self._asked[key] = question
        return key

    def withdraw(self, key: str) -> None:
        """The body no longer waits for ``key``; an answer that still comes is ignored."""
        self._asked.pop(key, None)
        self._sent.pop(key, None)


class Lot(Generic[OwnerT]):
    """All calls that are parked right now.

    Args:
        lifetime: Seconds that a call stays parked before it is abandoned.
        cap: How many calls may be parked at once.
        max_rounds: How many rounds the clients take part in.
        new_id: Makes the unguessable part of a park id; 128 bits by default.
    """

    def __init__(
        self,
        *,
        lifetime: float,
        cap: int,
        max_rounds: int,
        new_id: Callable[[], str] = lambda: secrets.token_urlsafe(16),
    ) -> None:
        self.lifetime = lifetime
        self.cap = cap
        self.max_rounds = max_rounds
        self._new_id = new_id
        # Every entry lives equally long, so insertion order is expiry order.
        self._parked: dict[str, tuple[float, Call[OwnerT]]] = {}

    def __len__(self) -> int:
        return len(self._parked)

    @property
    def next_expiry(self) -> float | None:
        """When the oldest parked call is due, on the clock of ``now``; ``None`` when nobody is parked."""
        for expiry, _ in self._parked.values():
            return expiry
        return None

    def admit(self, binding: Binding, owner: OwnerT) -> Call[OwnerT]:
        """A new call, open. It takes no room until it parks."""
        return Call(binding, owner, self.max_rounds)

    def park(self, call: Call[OwnerT], now: float) -> Round:
        """Send all waiting questions of an open call and park it.

        Raises:
            RoundsExhausted: No round is left for what is still unanswered. The call stays open.
            TooManyParked: The lot is full. The call stays open.
        """
        if call.phase is not Phase.OPEN:
            raise RuntimeError(f"only an open call can park, and this one is {call.phase.name}")
        if call.rounds_left < 1:
            raise rounds_exhausted(self.max_rounds)
        if len(self._parked) >= self.cap:
            raise TooManyParked(
                f"This server already holds {self.cap} calls that wait for their client.",
                hint="Try again later; the server's author can raise max_parked.",
            )
        call._sent.update(call._asked)
        call._asked.clear()
        call.rounds += 1
        call.phase = Phase.PARKED
        call.park_id = STATE_PREFIX + self._new_id()
        self._parked[call.park_id] = (now + self.lifetime, call)
        return Round(call.park_id, dict(call._sent))

    def resume(self, park_id: str, binding: Binding, answers: Mapping[str, Any], now: float) -> Resumed[OwnerT]:
        """Open a parked call again for the client that comes back.

        Answers under unknown keys are ignored (2026-07-28: a server ignores what it did not ask); questions
        without an answer keep waiting.

        Raises:
            InvalidRequest: The id was used, has expired, was never given, or belongs to another request or
                principal. One text for all four, so that it tells a stranger nothing.
        """
        expiry, call = self._parked.get(park_id, (now, None))
        if call is None or expiry <= now or call.binding != binding:
            raise InvalidRequest(
                "Invalid or expired requestState.",
                hint="Send the request again without it to start over.",
            )
        self._leave(call)
        call.phase = Phase.OPEN
        taken = {key: answers[key] for key in list(call._sent) if key in answers}
        for key in taken:
            del call._sent[key]
        return Resumed(call, taken)

    def expire(self, now: float) -> list[Call[OwnerT]]:
        """Abandon every call whose time is over, and give them to the driver."""
        due = []
        for expiry, call in self._parked.values():
            if expiry > now:
                break
            due.append(call)
        return self._abandon(due)

    def abandon_all(self) -> list[Call[OwnerT]]:
        """Abandon every parked call: the server stops."""
        return self._abandon([call for _, call in self._parked.values()])

    def close(self, call: Call[OwnerT]) -> None:
        """The call is over: its body ended, or was told to. Closing twice is allowed."""
        if call.phase is Phase.CLOSED:
            return
        self._leave(call)
        call.phase = Phase.CLOSED
        del call.owner
        call._asked.clear()
        call._sent.clear()

    def _abandon(self, calls: Iterable[Call[OwnerT]]) -> list[Call[OwnerT]]:
        gone = list(calls)
        for call in gone:
            self._leave(call)
            call.phase = Phase.ABANDONED
            call._asked.clear()
            call._sent.clear()
        return gone

    def _leave(self, call: Call[OwnerT]) -> None:
        if call.park_id is not None:
            self._parked.pop(call.park_id, None)
            call.park_id = None


def abandoned() -> SampleAbandoned:
    """The error that a body gets when nobody comes back for its result."""
    return SampleAbandoned("The client did not come back with an answer.")


def rounds_exhausted(limit: int) -> RoundsExhausted:
    """The error for a question that would need one round too many."""
    return RoundsExhausted(
        f"All {limit} rounds of this call are used; the client would give it up at the next one.",
        hint="Ask for several things at once (asyncio.gather), ask less often, or give the server a fallback model.",
    )
