"""What people want remembered: which answers hold for which questions, and for how long. No I/O, no clock.

A *no* holds for everything that its server asks: ``server:NAME``. A *yes* holds for questions like the one that it was
given for: the same server, kind, model, and flags found by scanning; so that a yes to a harmless prompt does not
cover one with hidden text in it. An answer for ``once`` is not remembered.

Invariants: while a no holds, no yes is given for that server, and none replaces it; what has ended does not hold; a
question that nothing holds for is left to a person.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from urllib.parse import quote

from upcall.host.approval.question import Answer, Question
from upcall.store import Consent

__all__ = ["Memory", "NOT_NOW", "answer_from", "consent_of", "keys_of", "lasts", "subject_of"]

NOT_NOW = timedelta(hours=1)
"""How long "not now" is a no, unless the answer says until when."""


def keys_of(question: Question) -> tuple[str, str]:
    """The keys under which a no, and a yes, that hold for ``question`` are remembered."""
    no = f"server:{_quoted(question.context.server)}"
    flags = sorted({flag.kind for flag in question.flags})
    parts = [no, f"kind:{question.kind}", f"model:{_quoted(question.model)}"]
    return no, ",".join([*parts, f"flags:{'+'.join(map(_quoted, flags))}"] if flags else parts)


def subject_of(question: Question) -> str:
    """What a yes that is remembered covers, for the person who gives it."""
    what = "requests to" if question.kind == "request" else "replies from"
    flags = sorted({flag.kind.replace("_", " ") for flag in question.flags})
    return f"{what} {question.model}" + (f" flagged {' and '.join(flags)}" if flags else " without flags")


def consent_of(question: Question, answer: Answer, at: datetime) -> Consent | None:
    """What is to be remembered of ``answer``; ``None`` for one that holds once."""
    if answer.remember == "once":
        return None
    no, yes = keys_of(question)
    until = answer.until
    if until is None and answer.remember == "not_now":
        until = at + NOT_NOW
    return Consent(
        key=yes if answer.approved else no,
        verdict="allow" if answer.approved else "deny",
        by=answer.by,
        expires_at=until,
        note=answer.reason,
    )


def lasts(answer: Answer) -> bool:
    """Whether ``answer`` is to be remembered beyond this process."""
    return answer.remember in ("always", "never", "not_now")


def answer_from(consent: Consent) -> Answer:
    """What a remembered decision answers."""
    if consent.expires_at is None:
        held = f"remembered as {consent.key}"
    else:
        held = f"remembered as {consent.key} until {consent.expires_at:%Y-%m-%d %H:%M %Z}"
    way = "" if consent.verdict == "allow" else f" To be asked again: upcall consents forget {consent.key}."
    return Answer(approved=consent.verdict == "allow", by=consent.by, reason=f"{held}.{way}")


class Memory:
    """Decisions that hold, by key."""

    def __init__(self) -> None:
        self._held: dict[str, Consent] = {}

    def remember(self, consent: Consent, at: datetime) -> Consent:
        """Have ``consent`` hold from now on; what holds. A yes does not replace a no that holds."""
        held = self.held(consent.key, at)
        if held is not None and held.verdict == "deny" and consent.verdict == "allow":
            return held
        self._held[consent.key] = consent
        return consent

    def held(self, key: str, at: datetime) -> Consent | None:
        """What holds for ``key``."""
        held = self._held.get(key)
        if held is not None and held.expires_at is not None and held.expires_at <= at:
            del self._held[key]
            return None
        return held

    def recall(self, question: Question, at: datetime) -> Consent | None:
        """What holds for ``question``: a no before a yes."""
        no, yes = keys_of(question)
        return next(filter(None, (self.held(no, at), self.held(yes, at))), None)

    def forget(self, key: str) -> bool:
        """Remove it; false when there was none."""
        return self._held.pop(key, None) is not None


def _quoted(name: str) -> str:
    # Keys are read, and typed, by people: only what would end a part, or not be seen, is written otherwise.
    return quote(name, safe="/:@.*_~-", errors="replace")
