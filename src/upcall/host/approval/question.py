"""What a person is asked, what they answer, and what an `Approver` is.

No decision is a no: whoever cannot ask, is not answered in time, or fails, answers ``approved=False``.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal, Protocol, TypeAlias, runtime_checkable

import msgspec

from upcall.host.context import SamplingContext
from upcall.host.scanning import Flag
from upcall.models import Adjustment
from upcall.models.prices import Cost
from upcall.wire import SamplingRequest, SamplingResult

__all__ = ["Answer", "Approver", "Kind", "NOBODY", "Question", "Remember"]

Kind: TypeAlias = Literal["request", "reply"]
"""``request``: before the model is called; ``reply``: before its answer leaves for the server."""

Remember: TypeAlias = Literal["once", "session", "always", "never", "not_now"]
"""For how long an answer holds: this question; as long as this process; until somebody changes their mind, as a yes or
as a no; a no until a certain time."""

NOBODY = "nobody"
"""`Answer.by` where no person decided. The store says the same of questions that ran out of time."""


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """All that a person needs to know to decide."""

    kind: Kind
    context: SamplingContext
    """Who asks, and inside which request of the client."""
    model: str
    """The model string that is to answer, or has answered."""
    request: SamplingRequest
    """As the model will see it."""
    result: SamplingResult | None = None
    """What the model gave; there when ``kind`` is ``reply``."""
    flags: tuple[Flag, ...] = ()
    """What scanning found."""
    cost: Cost | None = None
    """The most that the call can cost or, of a reply, what it has cost; ``None`` when nobody worked it out."""
    adjustments: tuple[Adjustment, ...] = ()
    """What the model will not do as asked."""
    reason: str = ""
    """Why a person is asked, for that person."""
    deadline: float
    """Seconds that there are to answer, from when the question is asked. Then the answer is no."""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """A person's decision.

    Raises:
        ValueError: It contradicts itself: a yes for ``never`` or ``not_now``, a no for ``always``, a no with something
            edited, a yes that was handed over, an ``until`` without a time zone.
    """

    approved: bool
    request: SamplingRequest | None = None
    """The request as the person edited it. It has to pass every check again; ``None`` when nothing was edited."""
    result: SamplingResult | None = None
    """The same for the reply."""
    remember: Remember = "once"
    until: datetime | None = None
    """When what is remembered ends, with a time zone. ``None``: when ``remember`` says; for ``not_now`` in an hour."""
    by: str = NOBODY
    """Who decided."""
    reason: str = ""
    """Why, for this side's records only: it may name files and settings. Belongs into an error's ``detail``."""
    asked: bool = True
    """False when there was no way to ask: another approver may still have one."""
    handed_over: bool = False
    """Nobody has decided: the question is on its way to somebody whose answer comes with a new attempt of the request.
    This attempt ends without one."""

    def __post_init__(self) -> None:
        if self.remember in (("never", "not_now") if self.approved else ("always",)):
            raise ValueError(f"an answer with approved={self.approved} cannot be remembered as {self.remember!r}")
        if self.approved and self.handed_over:
            raise ValueError("a question that was handed over has no yes")
        if not self.approved and (self.request is not None or self.result is not None):
            raise ValueError("an answer that is a no has nothing edited")
        if self.until is not None and self.until.tzinfo is None:
            raise ValueError("until needs a time zone")


@runtime_checkable
class Approver(Protocol):
    """Somebody, or something, that decides."""

    async def ask(self, question: Question) -> Answer:
        """Ask, and wait for the answer, for ``question.deadline`` seconds at most.

        Raises nothing but cancellation, which withdraws the question. Concurrent calls are allowed.
        """
        ...
