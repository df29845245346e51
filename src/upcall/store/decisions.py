"""Questions to people, and what people want remembered.

A question is *open* until it is *decided*, *withdrawn* by the one who asked, or *expired*, which means no. Each of
the three is for good. Whoever changes a question names the version they have seen; when it has changed since, they
are told how it stands now and nothing happens. *Taking* an open question tells others that someone looks at it; it
raises the version, keeps nobody from deciding, and ends by itself.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal, TypeAlias

import msgspec

__all__ = ["Attempt", "Consent", "Decision", "Question", "QuestionId", "QuestionState", "Standing", "Verdict"]

QuestionId: TypeAlias = int
QuestionState: TypeAlias = Literal["open", "decided", "withdrawn", "expired"]
Verdict: TypeAlias = Literal["allow", "deny"]


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """Something that a person is to decide."""

    server: str
    """Our name for the server that it is about."""
    kind: str = "request"
    """What is shown: ``request`` before the model is called, ``reply`` before the answer leaves."""
    body: Any = None
    """All that a person needs to see, as JSON."""
    expires_at: datetime
    """With a time zone. From then on the answer is no."""


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """What a person decided."""

    verdict: Verdict
    by: str
    """Who."""
    body: Any = None
    """What was edited, as JSON; ``None`` when nothing was."""
    note: str = ""

    @property
    def allowed(self) -> bool:
        """Whether it was a yes."""
        return self.verdict == "allow"


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """A question as it stands."""

    id: QuestionId
    version: int
    """Raised by every change."""
    state: QuestionState
    question: Question
    asked_at: datetime
    taken_by: str | None = None
    """Who looks at it at the moment."""
    taken_until: datetime | None = None
    decision: Decision | None = None
    """There when ``state`` is ``decided``."""
    decided_at: datetime | None = None


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """How a compare-and-set went: ``won``, or somebody else was faster; and how the question stands since."""

    won: bool
    standing: Standing


class Consent(msgspec.Struct, frozen=True, kw_only=True):
    """A yes or no that holds until it expires or is forgotten: "always", "never", "not now"."""

    key: str
    """Such as ``server:logs``."""
    verdict: Verdict
    by: str
    expires_at: datetime | None = None
    """With a time zone; ``None`` for as long as nobody changes their mind."""
    note: str = ""
