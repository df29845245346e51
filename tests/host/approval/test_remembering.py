"""Answers stick, for as long as they say and wherever they are to."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest

from tests.host.approval.questions import Person, question
from tests.host.faulty import Faulty
from upcall.errors import StoreError
from upcall.host.approval import Answer, Question, Remembering
from upcall.store import Consent, Store, open_store

pytestmark = pytest.mark.anyio

YES, NO = Answer(approved=True, by="ann"), Answer(approved=False, by="ann")


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with open_store(tmp_path / "upcall.db") as opened:
        yield opened


async def answered(approver: Remembering, person: Person, asked: Question, answer: Answer) -> Answer:
    """Ask, and have the person answer."""
    got: list[Answer] = []

    async def ask() -> None:
        got.append(await approver.ask(asked))

    before = len(person.asked)
    async with anyio.create_task_group() as group:
        group.start_soon(ask)
        await person.until(lambda: len(person.asked) > before)
        person.says(answer)
    return got[0]


async def test_once_is_asked_again() -> None:
    person = Person()
    approver = Remembering(person)
    assert await answered(approver, person, question(), YES) == YES
    assert await answered(approver, person, question(), NO) == NO
    assert len(person.asked) == 2


async def test_the_session_ends_with_the_process(store: Store) -> None:
    person = Person()
    approver = Remembering(person, store=store)
    await answered(approver, person, question(), Answer(approved=True, remember="session", by="ann"))
    assert (await approver.ask(question("Another"))).approved
    assert await store.consents() == []
    assert await Remembering(person, store=store).standing(question()) is None


@pytest.mark.parametrize("remember", ["never", "not_now"])
async def test_a_no_that_lasts_holds_for_the_whole_server_and_in_other_processes(store: Store, remember: str) -> None:
    person = Person()
    said = Answer(approved=False, remember="never" if remember == "never" else "not_now", by="ann")
    await answered(Remembering(person, store=store), person, question(), said)
    other = Remembering(person, store=store)
    for asked in (question("Another"), question(model="local/smollm2"), question(kind="reply")):
        again = await other.ask(asked)
        assert (again.approved, again.by) == (False, "ann")
    assert len(person.asked) == 1
    assert await other.standing(question(server="files")) is None


async def test_not_now_ends(tmp_path: Path) -> None:
    at = [datetime(2026, 7, 28, 12, tzinfo=UTC)]
    async with open_store(tmp_path / "upcall.db", clock=lambda: at[0]) as store:
        person = Person()
        approver = Remembering(person, store=store, clock=lambda: at[0])
        await answered(approver, person, question(), Answer(approved=False, remember="not_now", by="ann"))
        at[0] += timedelta(minutes=59)
        assert await approver.standing(question()) is not None
        at[0] += timedelta(minutes=1)
        assert await approver.standing(question()) is None


async def test_what_is_forgotten_in_another_process_is_asked_again(store: Store) -> None:
    person = Person()
    approver = Remembering(person, store=store)
    await answered(approver, person, question(), Answer(approved=False, remember="never", by="ann"))
    await store.forget("server:logs")
    assert await approver.standing(question()) is None


async def test_a_lasting_yes_does_not_cover_flags_that_nobody_saw(store: Store) -> None:
    person = Person()
    approver = Remembering(person, store=store)
    await answered(approver, person, question(), Answer(approved=True, remember="always", by="ann"))
    assert (await approver.ask(question("Another"))).approved
    assert await answered(approver, person, question("hid\u200bden", scanned=True), NO) == NO


async def test_a_no_of_the_store_comes_before_a_yes_of_the_session(store: Store) -> None:
    person = Person()
    approver = Remembering(person, store=store)
    await answered(approver, person, question(), Answer(approved=True, remember="session", by="ann"))
    await store.remember(Consent(key="server:logs", verdict="deny", by="bob"))
    assert (await approver.ask(question())).by == "bob"


@pytest.mark.parametrize("stored", [True, False])
async def test_one_never_settles_all_that_wait(store: Store, stored: bool) -> None:
    person = Person()
    approver = Remembering(person, store=store if stored else None)
    got: dict[str, Answer] = {}

    async def ask(name: str, asked: Question) -> None:
        got[name] = await approver.ask(asked)

    with anyio.fail_after(10):
        async with anyio.create_task_group() as group:
            for name in ("first", "second", "third"):
                group.start_soon(ask, name, question(name))
            group.start_soon(ask, "other", question("other", server="files"))
            await person.until(lambda: len(person.asked) == 4)
            person.says(Answer(approved=False, remember="never", by="ann"))
            while len(got) < 3:  # noqa: ASYNC110 - bounded above
                await anyio.sleep(0.001)
            assert set(got) == {"first", "second", "third"}
            person.says(YES, server="files")
    assert {name for name, answer in got.items() if answer.approved} == {"other"}
    assert [asked.context.server for asked in person.withdrawn] == ["logs", "logs"]


async def test_a_cancelled_question_is_withdrawn_and_nothing_remembered() -> None:
    person = Person()
    approver = Remembering(person)
    with anyio.move_on_after(0.05) as scope:
        await approver.ask(question())
    assert scope.cancelled_caught
    assert len(person.withdrawn) == 1
    assert await approver.standing(question()) is None


async def test_what_cannot_be_read_is_a_no(tmp_path: Path) -> None:
    store = open_store(tmp_path / "upcall.db")
    await store.aclose()
    with pytest.raises(StoreError):
        await store.consents()
    person = Person()
    answer = await Remembering(person, store=store).ask(question())
    assert not answer.approved
    assert person.asked == []
    assert "cannot be read" in answer.reason


async def test_a_decision_that_cannot_be_written_holds_for_the_session(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = open_store(tmp_path / "upcall.db")
    person = Person()
    approver = Remembering(person, store=store)
    got: list[Answer] = []

    async def ask() -> None:
        got.append(await approver.ask(question()))

    async with anyio.create_task_group() as group:
        group.start_soon(ask)
        await person.until(lambda: len(person.asked) == 1)
        await store.aclose()
        person.says(Answer(approved=False, remember="never", by="ann"))
    assert not got[0].approved
    assert "holds for this process only" in caplog.text
    assert (await approver.ask(question())).by == "ann"


async def test_a_never_that_comes_while_another_question_is_looked_up_answers_it_too(store: Store) -> None:
    asked: list[Question] = []
    looking, said = anyio.Event(), anyio.Event()
    looks = 0

    async def look() -> None:
        nonlocal looks
        looks += 1
        if looks == 4:  # the second question's last look: nothing was found before it
            looking.set()
            await said.wait()

    class Alice:
        async def ask(self, question: Question) -> Answer:
            asked.append(question)
            await looking.wait()
            return Answer(approved=False, by="alice", remember="never")

    approver = Remembering(Alice(), store=Faulty(store, consent=look))
    answers: list[Answer] = []

    async def ask() -> None:
        answers.append(await approver.ask(question()))
        said.set()

    with anyio.fail_after(10):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ask)
            while not asked:
                await anyio.lowlevel.checkpoint()
            tasks.start_soon(ask)
    assert [answer.approved for answer in answers] == [False, False]
    assert len(asked) == 1
