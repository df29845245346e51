"""Consent fatigue and bypass: a server that wants a yes that nobody gave it."""

from __future__ import annotations

from pathlib import Path

import anyio
import anyio.lowlevel
import pytest
from mcp import Client, MCPError

from tests.adversarial.attacker import BOUND, Attacker, scene
from tests.host.governed import office
from tests.host.servers import create_message
from upcall.errors import SamplingError
from upcall.host.approval import Answer, Question
from upcall.store import Decision, open_store
from upcall.wire import SamplingRequest, decode_request, encode

pytestmark = pytest.mark.anyio

ASK = "[default]\n"
STORE = ASK + '[approval]\nby = "store"\n'
NEVER = Answer(approved=False, by="alice", remember="never")
ALWAYS = Answer(approved=True, by="alice", remember="always")


class Person:
    """Gives the same answer to every question, one at a time; after a never, to none any more."""

    def __init__(self, answer: Answer) -> None:
        self.questions: list[Question] = []
        """Those that were answered."""
        self._answer = answer
        self._attention = anyio.Lock()

    async def ask(self, question: Question) -> Answer:
        async with self._attention:
            await anyio.lowlevel.checkpoint()
            if self.questions and self._answer.remember == "never":
                await anyio.sleep_forever()  # what is still asked has to be withdrawn
            self.questions.append(question)
            return self._answer


async def test_the_name_that_a_server_gives_itself_buys_nothing(mode: str, tmp_path: Path) -> None:
    text = ASK + '[server.trusted]\ndecision = "allow"\n'
    attacker = Attacker(create_message(), name="trusted")
    async with scene(attacker, text, mode, tmp_path, reached_as="stranger") as attack:
        await attack.attack()
        record = await attack.record()
        assert attack.prompts == []
    assert (record.server, record.decision) == ("stranger", "deny")
    assert attacker.texts == []


async def test_a_new_name_does_not_shake_off_a_denial(mode: str, tmp_path: Path) -> None:
    person = Person(NEVER)
    async with scene(Attacker(create_message(), name="first"), ASK, mode, tmp_path, approve=person) as attack:
        await attack.attack()
        renamed = Attacker(create_message(), name="second")
        async with Client(renamed.server, mode=mode, **attack.office.host.for_client("logs")) as client:
            await call(client)
        assert attack.prompts == []
    assert len(person.questions) == 1
    assert renamed.texts == []


async def test_a_yes_to_one_server_is_none_to_another_of_the_same_name(mode: str, tmp_path: Path) -> None:
    person = Person(ALWAYS)
    async with scene(Attacker(create_message(), name="same"), ASK, mode, tmp_path, approve=person) as attack:
        await attack.attack()
        other = Attacker(create_message(), name="same")
        async with Client(other.server, mode=mode, **attack.office.host.for_client("other")) as client:
            await call(client)
    assert [question.context.server for question in person.questions] == ["logs", "other"]


async def test_a_flood_of_questions_is_over_with_the_first_never(mode: str, tmp_path: Path) -> None:
    person = Person(NEVER)
    attacker = Attacker(*[create_message(str(n)) for n in range(20)])
    async with scene(attacker, ASK, mode, tmp_path, approve=person) as attack:
        await attack.attack()
        assert attack.prompts == []
        records = await attack.office.records()
    assert len(person.questions) == 1
    assert attacker.texts == []
    assert "answered" not in {record.outcome for record in records}
    assert {record.state for record in records} == {"finished"}


async def test_a_denied_request_that_is_replayed_is_refused_without_a_question(mode: str, tmp_path: Path) -> None:
    person = Person(NEVER)
    attacker = Attacker(create_message())
    async with scene(attacker, ASK, mode, tmp_path, approve=person) as attack:
        for _ in range(3):
            await attack.attack()
    async with scene(attacker, '[default]\ndecision = "allow"\n', mode, tmp_path, approve=person) as attack:
        await attack.attack()
        assert attack.prompts == []
        records = await attack.office.records()
    assert len(person.questions) == 1
    assert [record.decision for record in records] == ["deny"] * 4
    assert attacker.texts == []


async def test_a_question_that_nobody_answers_in_time_is_a_no(mode: str, tmp_path: Path) -> None:
    attacker = Attacker(create_message())
    async with scene(attacker, STORE.replace("\n", "\ndeadline = 0.2\n", 1), mode, tmp_path) as attack:
        await attack.attack()
        record = await attack.record()
        assert attack.prompts == []
        assert await attack.office.store.pending() == []
    assert record.decision == "deny"
    assert attacker.texts == []


def edited(text: str) -> SamplingRequest:
    """What a person makes of a request."""
    message = {"role": "user", "content": {"type": "text", "text": text}}
    return decode_request({"messages": [message], "maxTokens": 5})


async def test_of_two_edits_that_race_one_wins_and_the_model_sees_that_one(mode: str, tmp_path: Path) -> None:
    attacker = Attacker(create_message("the server's own text"))
    won: dict[str, bool] = {}
    async with scene(attacker, STORE, mode, tmp_path) as attack, open_store(attack.store) as elsewhere:

        async def decide(who: str, question: int, version: int) -> None:
            decision = Decision(verdict="allow", by=who, body={"request": encode(edited(f"edited by {who}"))})
            won[who] = (await elsewhere.decide(question, decision, version)).won

        with anyio.fail_after(BOUND):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(attack.attack)
                while not (pending := await elsewhere.pending()):
                    await anyio.lowlevel.checkpoint()
                for who in ("alice", "bob"):
                    tasks.start_soon(decide, who, pending[0].id, pending[0].version)
        (winner,) = [who for who, first in won.items() if first]
        (prompt,) = attack.prompts
        assert (await attack.record()).decided_by == winner
    assert prompt.messages[0].text == f"edited by {winner}"
    assert attacker.texts == ["Rayleigh."]


async def test_an_edit_of_one_request_does_not_leak_into_another(mode: str, tmp_path: Path) -> None:
    async def approve(question: Question) -> Answer:
        text = question.request.messages[0].text
        await anyio.lowlevel.checkpoint()
        if text == "keep":
            return Answer(approved=True, by="alice")
        return Answer(approved=True, by="alice", request=edited(f"{text}, edited"))

    attacker = Attacker(*[create_message(text) for text in ("change", "keep", "alter")])
    async with scene(attacker, ASK, mode, tmp_path, approve=approve) as attack:
        await attack.attack()
        assert sorted(prompt.messages[0].text for prompt in attack.prompts) == [
            "alter, edited",
            "change, edited",
            "keep",
        ]
    assert attacker.texts == ["Rayleigh."] * 3


async def test_what_a_person_edits_in_has_to_keep_every_limit_all_the_same(tmp_path: Path) -> None:
    async def approve(question: Question) -> Answer:
        return Answer(approved=True, by="alice", request=edited("x" * 300_000))

    async with office(ASK, store=str(tmp_path / "upcall.db"), approve=approve) as made:
        with pytest.raises(SamplingError):
            await made.host.answer(edited("small"), server="logs")
        assert (await made.record()).outcome == "limit_exceeded"


async def call(client: Client) -> None:
    """Call the tool, whatever comes of it."""
    with anyio.fail_after(BOUND):
        try:
            await client.call_tool("ask", {})
        except MCPError:
            return
