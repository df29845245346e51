"""What is remembered of answers, as properties: a no sticks, a yes covers what was seen, time ends both."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.host.approval.questions import HOSTILE, MODEL, question
from upcall.host.approval import NOT_NOW, Answer, Memory, Question, answer_from, consent_of, keys_of, subject_of
from upcall.host.approval.question import Remember
from upcall.store import Consent

NOON = datetime(2026, 7, 28, 12, tzinfo=UTC)

servers = st.sampled_from(["logs", "files", "a,kind:reply", "a", "ä/b"])
models = st.sampled_from([MODEL, "local/smollm2", "x,flags:bidi"])
texts = st.sampled_from(["hello", HOSTILE, "zero\u200bwidth"])
moments = st.integers(0, 300).map(lambda minutes: NOON + timedelta(minutes=minutes))


@st.composite
def questions(draw: st.DrawFn) -> Question:
    asked: Question = question(draw(texts), server=draw(servers), model=draw(models), scanned=True)
    return asked


@st.composite
def answers(draw: st.DrawFn) -> Answer:
    approved = draw(st.booleans())
    kinds: list[Remember] = ["once", "session", "always"] if approved else ["once", "session", "never", "not_now"]
    until = draw(st.none() | moments)
    return Answer(approved=approved, remember=draw(st.sampled_from(kinds)), until=until, by="ann")


steps = st.lists(st.tuples(questions(), answers(), st.integers(0, 30)), max_size=12)


@given(steps, questions())
def test_what_holds_is_what_the_history_says(history: list[tuple[Question, Answer, int]], asked: Question) -> None:
    memory, at = Memory(), NOON
    given: list[tuple[Question, Answer, datetime]] = []
    for about, answer, minutes in history:
        at += timedelta(minutes=minutes)
        if (consent := consent_of(about, answer, at)) is not None:
            memory.remember(consent, at)
            given.append((about, answer, at))
    # Said the other way round, without keys: replay what every answer means, deny first.
    denied: datetime | None = None
    allowed: datetime | None = None
    forever = datetime.max.replace(tzinfo=UTC)
    for about, answer, then in given:
        ends = answer.until or (then + NOT_NOW if answer.remember == "not_now" else forever)
        if not answer.approved and about.context.server == asked.context.server:
            denied = ends
        if answer.approved and _alike(about, asked):
            allowed = ends
    held = memory.recall(asked, at)
    if denied is not None and denied > at:
        assert held is not None
        assert held.verdict == "deny"
    elif allowed is not None and allowed > at:
        assert held is not None
        assert held.verdict == "allow"
    else:
        assert held is None


def _alike(one: Question, other: Question) -> bool:
    return (
        one.context.server == other.context.server
        and one.kind == other.kind
        and one.model == other.model
        and {flag.kind for flag in one.flags} == {flag.kind for flag in other.flags}
    )


@given(questions(), questions())
def test_keys_are_the_same_exactly_for_questions_that_are_alike(one: Question, other: Question) -> None:
    (no, yes), (other_no, other_yes) = keys_of(one), keys_of(other)
    assert (no == other_no) == (one.context.server == other.context.server)
    assert (yes == other_yes) == _alike(one, other)
    assert not {no, other_no} & {yes, other_yes}


@given(moments, moments)
def test_a_yes_does_not_replace_a_no_under_the_same_key(ends: datetime, at: datetime) -> None:
    memory = Memory()
    memory.remember(Consent(key="k", verdict="deny", by="ann", expires_at=ends), NOON)
    held = memory.remember(Consent(key="k", verdict="allow", by="ann"), at)
    assert held.verdict == ("deny" if ends > at else "allow")


def test_once_is_not_remembered() -> None:
    assert consent_of(question(), Answer(approved=True), NOON) is None


def test_not_now_is_a_no_for_an_hour_or_until_it_says() -> None:
    hour = consent_of(question(), Answer(approved=False, remember="not_now", by="ann"), NOON)
    until = consent_of(question(), Answer(approved=False, remember="not_now", until=NOON + 5 * NOT_NOW), NOON)
    assert hour == Consent(key="server:logs", verdict="deny", by="ann", expires_at=NOON + NOT_NOW)
    assert until is not None
    assert until.expires_at == NOON + 5 * NOT_NOW


def test_a_yes_to_a_plain_prompt_does_not_cover_one_with_hidden_text() -> None:
    memory = Memory()
    consent = consent_of(question("Hello"), Answer(approved=True, remember="always"), NOON)
    assert consent is not None
    memory.remember(consent, NOON)
    assert memory.recall(question("Another"), NOON) == consent
    assert memory.recall(question("He\u200bllo", scanned=True), NOON) is None
    assert memory.recall(question("Hello", kind="reply"), NOON) is None


def test_what_is_forgotten_does_not_hold() -> None:
    memory = Memory()
    memory.remember(Consent(key="server:logs", verdict="deny", by="ann"), NOON)
    assert memory.forget("server:logs")
    assert not memory.forget("server:logs")
    assert memory.recall(question(), NOON) is None


def test_a_remembered_no_says_how_to_be_asked_again() -> None:
    answer = answer_from(Consent(key="server:logs", verdict="deny", by="ann", expires_at=NOON))
    assert (answer.approved, answer.by) == (False, "ann")
    assert answer.reason == (
        "remembered as server:logs until 2026-07-28 12:00 UTC. To be asked again: upcall consents forget server:logs."
    )


def test_what_a_lasting_yes_covers_is_said_in_words() -> None:
    assert subject_of(question()) == f"requests to {MODEL} without flags"
    flagged = question("a\u200bb", scanned=True, kind="reply")
    assert subject_of(flagged) == f"replies from {MODEL} flagged invisible"


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"approved": True, "remember": "never"}, "remembered"),
        ({"approved": True, "remember": "not_now"}, "remembered"),
        ({"approved": False, "remember": "always"}, "remembered"),
        ({"approved": False, "request": question().request}, "edited"),
        ({"approved": False, "remember": "not_now", "until": datetime(2026, 1, 1)}, "time zone"),
    ],
)
def test_an_answer_does_not_contradict_itself(fields: dict[str, object], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        Answer(**fields)  # type: ignore[arg-type]
