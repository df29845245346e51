"""``upcall pending`` and ``upcall consents``: deciding from another terminal, and changing one's mind."""

from __future__ import annotations

import json
import os
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest

from tests.cli.commands import UPCALL, Ended, environment, on_a_terminal, read_until, seated, upcall
from tests.host.approval.questions import HOSTILE, question, result
from upcall.host.approval import Answer, Remembering, StoreApprover
from upcall.store import Question, Store, open_store

pytestmark = pytest.mark.anyio

ACTIVE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u202a-\u202e]")


class Asking:
    """Questions that wait in a store, in the test's own process; ``answers`` by the text that was asked."""

    def __init__(self, store: Store, path: str) -> None:
        self.store = store
        self.path = path
        self.answers: dict[str, Answer] = {}
        self._approver = Remembering(StoreApprover(store), store=store)

    async def ask(self, text: str, fields: dict[str, Any]) -> None:
        self.answers[text] = await self._approver.ask(question(text, **fields))

    async def run(self, *arguments: str) -> Ended:
        return await upcall(*arguments, env=environment(UPCALL_STORE=self.path, USER="ann", LOGNAME="ann"))

    async def answer(self, text: str) -> Answer:
        with anyio.fail_after(20):
            while text not in self.answers:  # noqa: ASYNC110 - the store has no event to wait for
                await anyio.sleep(0.01)
        return self.answers[text]


@asynccontextmanager
async def asking(path: Path, *texts: str, **fields: Any) -> AsyncIterator[Asking]:
    """Ask, and wait until all is in the store; what is open at the end is withdrawn."""
    async with open_store(path) as store, anyio.create_task_group() as group:
        asked = Asking(store, str(path))
        for number, text in enumerate(texts, start=1):
            group.start_soon(asked.ask, text, dict(fields))
            with anyio.fail_after(20):
                while len(await store.pending()) < number:  # noqa: ASYNC110 - the store has no event to wait for
                    await anyio.sleep(0.01)
        yield asked
        group.cancel_scope.cancel()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the store is."""
    return tmp_path / "upcall.db"


async def test_what_waits_is_listed_safely(path: Path) -> None:
    async with asking(path, "Why?", HOSTILE, scanned=True) as asked:
        piped = await asked.run("pending")
        head, first, second = (line.split("\t") for line in piped.out.splitlines())
        assert dict(zip(head, first, strict=True))["WHAT"] == "request: Why?"
        assert dict(zip(head, second, strict=True))["FLAGS"] == "bidi, control, invisible, role_override"
        assert re.fullmatch(r"0:[12]\d", first[head.index("LEFT")])
        assert not ACTIVE.search(piped.out)
        assert [row["state"] for row in json.loads((await asked.run("pending", "--json")).out)] == ["open", "open"]
        code, shown = await anyio.to_thread.run_sync(lambda: on_a_terminal("pending", "--store", str(path), columns=80))
        assert code == 0
        assert max(map(len, shown.replace("\r", "").split("\n"))) <= 80
    ended = await upcall("pending", env=environment(UPCALL_STORE=str(path)))
    assert ended.out.count("\n") == 1


@pytest.mark.parametrize(
    ("word", "approved", "remember"),
    [
        ("approve", True, "once"),
        ("session", True, "session"),
        ("always", True, "always"),
        ("deny", False, "once"),
        ("not-now", False, "not_now"),
        ("never", False, "never"),
    ],
)
async def test_each_word_decides(path: Path, word: str, approved: bool, remember: str) -> None:
    async with asking(path, "Why?") as asked:
        ended = await asked.run("pending", "1", word)
        assert (ended.code, ended.out) == (0, f"1: {'approved' if approved else 'denied'}.\n")
        answer = await asked.answer("Why?")
        assert (answer.approved, answer.remember, answer.by) == (approved, remember, "ann")
        held = await asked.store.consents()
        assert len(held) == (1 if remember in ("always", "never", "not_now") else 0)


async def test_a_question_is_shown_whole_and_safe(path: Path) -> None:
    async with asking(path, HOSTILE, scanned=True) as asked:
        shown = await asked.run("pending", "1")
    assert shown.code == 0
    assert "  model     anthropic/claude-sonnet-5" in shown.out
    assert "  │ Explain.␛[2J␛[H" in shown.out
    assert not ACTIVE.search(shown.out)


async def test_it_is_approved_as_edited(path: Path, tmp_path: Path) -> None:
    async with asking(path, "Why?") as asked:
        form = (await asked.run("pending", "1", "--json")).out
        edited = tmp_path / "edited.json"
        await anyio.Path(edited).write_text(form.replace("100", "50"))
        broken = tmp_path / "broken.json"
        await anyio.Path(broken).write_text("{}")
        wrong = await asked.run("pending", "1", "approve", "--edited", str(broken))
        assert (wrong.code, "Malformed sampling request" in wrong.err) == (1, True)
        assert (await asked.run("pending", "1", "deny", "--edited", str(edited))).code == 2
        assert (await asked.run("pending", "1", "approve", "--edited", str(edited))).code == 0
        answer = await asked.answer("Why?")
    assert answer.request is not None
    assert answer.request.max_tokens == 50


async def test_a_reply_is_approved_as_edited(path: Path, tmp_path: Path) -> None:
    async with asking(path, "Why?", kind="reply", result=result("A secret.")) as asked:
        form = (await asked.run("pending", "1", "--json")).out
        edited = tmp_path / "edited.json"
        await anyio.Path(edited).write_text(form.replace("secret", "lock"))
        assert (await asked.run("pending", "1", "session", "--edited", str(edited))).code == 0
        answer = await asked.answer("Why?")
    assert answer.result is not None
    assert answer.result.text == "A lock."


async def test_the_second_to_decide_changes_nothing(path: Path) -> None:
    async with asking(path, "Why?") as asked:
        assert (await asked.run("pending", "1", "deny")).code == 0
        second = await asked.run("pending", "1", "approve")
        assert (second.code, second.err) == (1, "1: denied by ann already. Nothing was changed.\n")
        assert not (await asked.answer("Why?")).approved


async def test_what_is_over_or_unknown_is_said(path: Path) -> None:
    async with asking(path, "Why?"):
        pass
    over = await upcall("pending", "1", "approve", env=environment(UPCALL_STORE=str(path)))
    assert (over.code, "nobody waits for the answer any more" in over.err) == (1, True)
    unknown = await upcall("pending", "9", env=environment(UPCALL_STORE=str(path)))
    assert (unknown.code, "There is no question 9." in unknown.err) == (1, True)
    assert (await upcall("pending", "1", "maybe", env=environment(UPCALL_STORE=str(path)))).code == 2
    assert (await upcall("pending", "1", "--ask", env=environment(UPCALL_STORE=str(path)))).code == 2


async def test_a_question_of_another_version_can_be_seen_and_denied(path: Path) -> None:
    from datetime import UTC, datetime, timedelta

    async with open_store(path) as store:
        body = {"from": "the future", "text": "a\u202eb"}
        await store.ask(Question(server="logs", body=body, expires_at=datetime.now(UTC) + timedelta(minutes=1)))
        env = environment(UPCALL_STORE=str(path))
        shown = await upcall("pending", "1", env=env)
        assert "the future" in shown.out
        assert "a⟨U+202E⟩b" in shown.out
        assert "request" in (await upcall("pending", env=env)).out
        assert (await upcall("pending", "1", "deny", env=env)).code == 0


async def test_consents_are_listed_and_forgotten(path: Path) -> None:
    async with asking(path, "Why?") as asked:
        await asked.run("pending", "1", "never")
        await asked.answer("Why?")
        listed = await asked.run("consents")
        assert listed.out.splitlines()[1].split("\t") == ["server:logs", "deny", "ann", ""]
        assert json.loads((await asked.run("consents", "--json")).out)[0]["key"] == "server:logs"
        wrong = await asked.run("consents", "forget", "server:log")
        assert (wrong.code, "Did you mean 'server:logs'?" in wrong.err) == (1, True)
        assert (await asked.run("consents", "forget", "server:logs")).code == 0
        assert "Nothing is remembered." in (await asked.run("consents")).err


async def test_one_can_sit_and_be_asked_one_at_a_time(path: Path) -> None:
    async with asking(path, "first", "second", "third") as asked:
        with seated("pending", "--ask", "--store", str(path)) as (running, ours):
            assert "│ first" in await anyio.to_thread.run_sync(read_until, ours, r"\n  0:\d\d left")
            standing = (await asked.store.pending())[0]
            assert standing.taken_by == "ann"
            os.write(ours, b"y")
            assert (await asked.answer("first")).approved
            shown = await anyio.to_thread.run_sync(read_until, ours, r"\n  0:\d\d left")
            assert "1: approved." in shown
            assert "│ second" in shown
            assert (await asked.run("pending", "2", "deny")).code == 0  # somebody else is faster
            shown = await anyio.to_thread.run_sync(read_until, ours, r"│ third(.|\n)*\n  0:\d\d left")
            assert "not needed any more" in shown
            os.write(ours, b"n")
            assert not (await asked.answer("third")).approved
            await anyio.to_thread.run_sync(read_until, ours, "Nothing waits.")
            os.write(ours, b"\x03")
            assert await anyio.to_thread.run_sync(lambda: running.wait(30)) == 130


async def test_where_there_is_no_terminal_it_says_so(path: Path) -> None:
    async with asking(path, "first") as asked:
        command = [*UPCALL, "pending", "--ask", "--store", str(path)]
        with anyio.fail_after(30):
            done = await anyio.run_process(command, check=False, start_new_session=True, env=environment())
        assert done.returncode == 1
        assert b"no terminal" in done.stderr
        assert asked.answers == {}
