"""A host under a policy, with a real record: what is allowed, asked about, refused, and written down."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import anyio
import pytest

from tests.host.faulty import Faulty, full_disk
from tests.host.governed import ALLOW, NOBODY, Office, office, policy, refused
from tests.host.playbook import MODEL, NO, YES, answer, asked
from upcall.errors import ConfigurationError, LimitExceeded, ModelUnavailable, SamplingRefused
from upcall.host import Host
from upcall.host.approval import Answer, Question
from upcall.host.policy import parse_policy
from upcall.models import Completion
from upcall.models.prices import snapshot
from upcall.store import Consent, Decision, open_store
from upcall.testing import ScriptedModel
from upcall.wire import ModelHint, ModelPreferences, SamplingMessage, SamplingRequest, TextContent

pytestmark = pytest.mark.anyio

ASK = "[default]\n"
DENY = '[default]\ndecision = "deny"\n'
DAY = '[[budget]]\nfor = "server:*"\nper = "day"\ntokens = 2000\n'


class _Slow(ScriptedModel):
    """Never answers, and says when it was asked."""

    def __init__(self) -> None:
        super().__init__(answer(), name=MODEL)
        self.started = anyio.Event()

    async def complete(self, request: SamplingRequest) -> Completion:
        self.started.set()
        await anyio.sleep_forever()
        raise AssertionError


class _Person:
    """Answers questions, and remembers what was asked."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.questions: list[Question] = []

    async def ask(self, question: Question) -> Answer:
        self.questions.append(question)
        return self.answers.pop(0)


async def test_what_the_policy_allows_is_answered_and_on_record() -> None:
    async with office() as made:
        assert (await made.host.answer(asked(), server="logs", version="2026-07-28")).result.text == "Rayleigh."
        record = await made.record()
    assert (record.state, record.outcome, record.server, record.era) == ("finished", "answered", "logs", "modern")
    assert (record.decision, record.decided_by) == ("allow", "policy:3 default.decision")
    assert (record.model_asked, record.model_used) == (MODEL, "real-1")
    assert (record.input_tokens, record.output_tokens) == (7, 2)
    assert record.price_version == snapshot()
    assert record.request["messages"][0]["content"]["text"] == "Why is the sky blue?"
    assert record.result["content"]["text"] == "Rayleigh."
    assert record.request_mode == "redacted"


async def test_what_the_policy_denies_reaches_no_model_and_is_on_record() -> None:
    async with office(DENY) as made:
        error = await refused(made, asked())
        record = await made.record()
        assert isinstance(made.model, ScriptedModel)
        assert made.model.requests == []
    assert isinstance(error, SamplingRefused)
    assert (record.outcome, record.decision, record.model_asked) == ("refused", "deny", None)
    assert record.error is not None
    assert "decision" in record.error.detail


async def test_each_server_has_rules_of_its_own_by_our_name_for_it() -> None:
    async with office(DENY + '[server.logs]\ndecision = "allow"\n') as made:
        await made.host.answer(asked(), server="logs")
        await refused(made, asked(), server="logs2")


async def test_with_nobody_to_ask_the_answer_is_no() -> None:
    async with office(ASK) as made:
        error = await refused(made, asked())
        record = await made.record()
    assert error.message == "The request needs somebody's approval, and there is nobody to ask."
    assert "decision" in error.detail
    assert record.decision == "deny"
    assert record.decided_by is not None
    assert record.decided_by.startswith("nobody")


@pytest.mark.parametrize("says", [True, False])
async def test_a_function_decides(says: bool) -> None:
    questions: list[Question] = []

    def approve(question: Question) -> bool:
        questions.append(question)
        return says

    async with office(ASK, approve=approve) as made:
        if says:
            await made.host.answer(asked(), server="logs")
        else:
            await refused(made, asked())
        record = await made.record()
    assert [question.request for question in questions] == [asked()]
    assert record.decision == ("allow" if says else "deny")
    assert record.decided_by is not None
    assert "approve" in record.decided_by


async def test_never_sticks_over_the_end_of_the_process_and_stops_what_the_policy_allows(tmp_path: Path) -> None:
    person = _Person(Answer(approved=False, by="alice", remember="never"))
    path = str(tmp_path / "record.db")
    async with office(ASK, store=path, approve=person) as made:
        await refused(made, asked())
        await refused(made, asked("Something else?"))
    assert len(person.questions) == 1, "nobody is asked again"
    async with office(ALLOW, store=path) as made:
        error = await refused(made, asked())
        assert error.message == "The user rejected the sampling request."
        await made.host.answer(asked(), server="other")
        assert await made.store.forget("server:logs")
        await made.host.answer(asked(), server="logs")


async def test_always_spares_the_question_for_the_like_and_not_for_what_is_flagged(tmp_path: Path) -> None:
    path = str(tmp_path / "record.db")
    person = _Person(Answer(approved=True, by="alice", remember="always"), NO)
    async with office(ASK, store=path, approve=person) as made:
        for _ in range(3):
            await made.host.answer(asked(), server="logs")
        await refused(made, asked("Hi\u200b\u200bthere"))
    assert [len(question.flags) for question in person.questions] == [0, 1]
    async with office(ASK, store=path) as made:
        await made.host.answer(asked(), server="logs")


async def test_not_now_holds_as_long_as_it_says() -> None:
    person = _Person(Answer(approved=False, by="alice", remember="not_now"))
    async with office(ASK, approve=person) as made:
        await refused(made, asked())
        await refused(made, asked())
        (consent,) = await made.store.consents()
    assert (consent.key, consent.verdict) == ("server:logs", "deny")
    assert consent.expires_at is not None
    assert len(person.questions) == 1


async def test_ten_requests_at_once_ask_until_somebody_has_said_never() -> None:
    class Slow:
        asked = 0

        async def ask(self, question: Question) -> Answer:
            self.asked += 1
            if self.asked == 10:
                return Answer(approved=False, by="alice", remember="never")
            await anyio.sleep_forever()
            raise AssertionError

    with anyio.fail_after(10):
        async with office(ASK, approve=Slow()) as made:
            errors = await asyncio.gather(*(refused(made, asked()) for _ in range(10)))
    assert {error.message for error in errors} == {"The user rejected the sampling request."}
    assert [entry.outcome for entry in made.entries] == ["refused"] * 10


async def test_a_question_laid_into_the_store_is_decided_by_another_process(tmp_path: Path) -> None:
    path = str(tmp_path / "record.db")
    text = ASK + '[approval]\nby = "store"\n'
    with anyio.fail_after(10):
        async with office(text, store=path) as made, open_store(path) as elsewhere:
            task = asyncio.create_task(made.host.answer(asked(), server="logs"))
            while not (pending := await elsewhere.pending()):
                continue
            attempt = await elsewhere.decide(
                pending[0].id, Decision(verdict="allow", by="bob"), expected_version=pending[0].version
            )
            assert attempt.won
            assert (await task).result.text == "Rayleigh."
            assert (await made.record()).decided_by == "bob"


async def test_a_person_edits_the_request_and_reviews_the_reply() -> None:
    edited = asked("Why is the sea green?")
    text = ASK + "review_reply = true\n"
    person = _Person(
        Answer(approved=True, by="alice", request=edited),
        Answer(approved=True, by="bob", result=answer("Plankton.").result),
    )
    async with office(text, approve=person) as made:
        completion = await made.host.answer(asked(), server="logs")
        record = await made.record()
        assert isinstance(made.model, ScriptedModel)
        assert made.model.requests == [edited]
    assert completion.result.text == "Plankton."
    assert [question.kind for question in person.questions] == ["request", "reply"]
    assert record.decided_by == "bob"
    assert record.request["messages"][0]["content"]["text"] == "Why is the sea green?"
    assert record.result["content"]["text"] == "Plankton."
    assert [note["action"] for note in record.adjustments] == ["edited", "edited"]


# Limits, models, budgets


async def test_a_server_that_asks_for_the_world_gets_what_the_policy_allows() -> None:
    async with office() as made:
        completion = await made.host.answer(asked(max_tokens=10**9), server="logs")
        assert isinstance(made.model, ScriptedModel)
        assert made.model.requests[0].max_tokens == 4096
    assert completion.adjustments[0].action == "clamped"


async def test_requests_beyond_the_limit_per_minute_are_refused() -> None:
    async with office(ALLOW + "[default.limits]\nper_minute = 3\n") as made:
        for _ in range(3):
            await made.host.answer(asked(), server="logs")
        error = await refused(made, asked())
        await made.host.answer(asked(), server="other")
    assert isinstance(error, LimitExceeded)
    assert error.limit == "limits.per_minute"


async def test_so_many_calls_of_one_server_run_at_once_and_the_others_wait() -> None:
    running: dict[str, int] = {}
    most: dict[str, int] = {}

    class Busy(ScriptedModel):
        async def complete(self, request: Any) -> Completion:
            server = request.messages[0].text
            running[server] = running.get(server, 0) + 1
            most[server] = max(most.get(server, 0), running[server])
            await anyio.sleep(0.001)
            running[server] -= 1
            return answer()

    text = ALLOW + "[default.limits]\nconcurrent = 2\nper_minute = 100\n[server.big.limits]\nconcurrent = 5\n"
    async with office(text, model=Busy(answer(), repeat=True, name=MODEL)) as made:
        with anyio.fail_after(20):
            calls = [made.host.answer(asked(server), server=server) for server in ("big", "logs") for _ in range(20)]
            await asyncio.gather(*calls)
    assert most == {"big": 5, "logs": 2}


async def test_the_model_is_one_that_the_policy_allows_whatever_the_server_would_like() -> None:
    wish = ModelPreferences(hints=[ModelHint(name="claude-opus")])
    async with office() as made:
        await made.host.answer(asked(model_preferences=wish), server="logs")
        (entry,) = made.entries
    assert entry.model_asked == MODEL
    assert [note.field for note in entry.adjustments] == ["modelPreferences.hints"]


async def test_a_server_may_use_the_models_of_its_own_list_only() -> None:
    text = ALLOW + '[server.poor]\nmodels = ["command/echo"]\n[command.echo]\nargv = ["cat"]\n'
    wish = ModelPreferences(hints=[ModelHint(name=MODEL)])
    async with office(text) as made:
        await made.host.answer(asked(model_preferences=wish), server="logs")
        await made.host.answer(asked(model_preferences=wish), server="poor")
    assert [entry.model_asked for entry in made.entries] == [MODEL, "command/echo"]


async def test_what_a_budget_does_not_hold_is_refused_and_says_when_to_come_back() -> None:
    async with office(ALLOW + DAY) as made:
        await made.host.answer(asked(max_tokens=1000), server="logs")
        assert await made.spent("server:logs") == (9, 0), "what was used, not what was set aside"
        error = await refused(made, asked(max_tokens=2000))
        assert await made.spent("server:logs") == (9, 0)
        await made.host.answer(asked(max_tokens=1000), server="other")
    assert isinstance(error, LimitExceeded)
    assert error.hint.startswith("It starts anew at ")
    assert "2,000" not in str(error)
    assert "2,000" in error.detail


async def test_a_call_that_failed_is_settled_and_on_record() -> None:
    class Down(ScriptedModel):
        async def complete(self, request: Any) -> Completion:
            raise ModelUnavailable("The provider is down.", status=503)

    async with office(ALLOW + DAY, model=Down(answer(), name=MODEL)) as made:
        await refused(made, asked())
        record = await made.record()
        assert await made.spent("server:logs") == (0, 0)
    assert (record.state, record.outcome, record.model_asked) == ("finished", "model_unavailable", MODEL)


async def test_a_cancelled_call_is_settled_and_on_record() -> None:
    model = _Slow()
    async with office(ALLOW + DAY, model=model) as made:
        with anyio.fail_after(10):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(lambda: made.host.answer(asked(), server="logs"))
                await model.started.wait()
                assert (await made.record()).state == "started"
                tasks.cancel_scope.cancel()
        record = await made.record()
        settled, reserved = await made.spent("server:logs")
    assert (record.state, record.outcome) == ("finished", "cancelled")
    assert (settled > 100, reserved) == (True, 0), "it may have been paid"


# The record


async def test_nothing_is_called_when_the_record_cannot_be_begun() -> None:
    async with open_store(":memory:") as store:
        made = Office(ALLOW + DAY, Faulty(store, begin=full_disk))
        error = await refused(made, asked())
        assert isinstance(made.model, ScriptedModel)
        assert made.model.requests == []
        assert error.message == "The answering side cannot keep its record."
        assert "/secret/path" not in str(error)
        assert await made.spent("server:logs") == (0, 0), "what was reserved is given back"
        (record,) = await made.records()
    assert record.outcome == "failed"


@pytest.mark.parametrize("method", ["consent", "reserve"])
async def test_nothing_is_called_when_the_store_cannot_say(method: str) -> None:
    async with open_store(":memory:") as store:
        made = Office(ALLOW + DAY, Faulty(store, **{method: full_disk}))
        await refused(made, asked())
        assert isinstance(made.model, ScriptedModel)
        assert made.model.requests == []


async def test_an_answer_goes_out_although_its_outcome_cannot_be_written_yet(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with open_store(":memory:") as store:
        faulty = Faulty(store, finish=full_disk, settle=full_disk)
        made = Office(ALLOW + DAY, faulty)
        assert (await made.host.answer(asked(), server="logs")).result.text == "Rayleigh."
        record = await made.record()
        assert (record.state, record.request["maxTokens"]) == ("started", 100)
        assert "could not be written yet" in caplog.text
        faulty.troubles.clear()
        await made.host.aclose()
        assert (await made.record()).outcome == "answered", "closing the host writes what waits"
        assert await made.spent("server:logs") == (9, 0)


async def test_every_way_out_leaves_exactly_one_record() -> None:
    text = ALLOW + DAY + '[server.denied]\ndecision = "deny"\n[server.asked]\ndecision = "ask"\n'
    async with office(text) as made:
        await made.host.answer(asked(), server="logs")
        await refused(made, {"messages": 3})
        await refused(made, asked("x" * 300_000))
        await refused(made, asked(), server="denied")
        await refused(made, asked(), server="asked")
        await refused(made, asked(max_tokens=4000))
        records = await made.records()
    expected = ["answered", "invalid_request", "limit_exceeded", "refused", "refused", "limit_exceeded"]
    assert [record.outcome for record in reversed(records)] == expected
    assert [entry.outcome for entry in made.entries] == expected
    assert {record.state for record in records} == {"finished"}


async def test_a_record_without_bodies_has_none_anywhere() -> None:
    messages = [SamplingMessage(role="user", content=TextContent(text="My password is hunter2butlonger."))]
    async with office(ALLOW + 'record = "none"\n') as made:
        await made.host.answer(asked(messages=messages), server="logs")
        record = await made.record()
    assert (record.request, record.result, record.request_mode) == (None, None, "none")
    assert "hunter2" not in str(made.entries)
    assert record.stop_reason == "endTurn"


async def test_a_host_that_cannot_tell_what_holds_answers_nothing_and_says_so(caplog: pytest.LogCaptureFixture) -> None:
    class Unfit:
        name = MODEL
        document = None

        def rules_for(self, server: str) -> Any:
            raise ZeroDivisionError("/secret/path")

    made_policy: Any = Unfit()
    made_policy.approval = policy(ALLOW).approval
    async with office(policy=made_policy) as made:
        error = await refused(made, asked())
        record = await made.record()
    assert error.message == "The host could not process the request."
    assert record.outcome == "failed"
    assert record.error is not None
    assert "ZeroDivisionError" in caplog.text


# Settings


async def test_a_host_with_a_store_and_no_policy_records_everything_and_asks_nobody() -> None:
    async with open_store(":memory:") as store:
        host = Host(ScriptedModel(answer(), name=MODEL), store=store)
        await host.answer(asked(), server="logs")
        (record,) = (await store.page(bodies=True)).records
    assert (record.outcome, record.request_mode, record.decision) == ("answered", "full", None)


async def test_a_host_with_an_approver_and_no_policy_asks_about_everything() -> None:
    person = _Person(YES, NO)
    host = Host(ScriptedModel(answer(), repeat=True, name=MODEL), approve=person)
    await host.answer(asked(), server="logs")
    with pytest.raises(SamplingRefused):
        await host.answer(asked(), server="logs")
    assert len(person.questions) == 2


async def test_a_path_is_a_policy_file_and_its_changes_hold_from_the_next_request_on(tmp_path: Path) -> None:
    file = tmp_path / "upcall.toml"
    allow = f'[default]\ndecision = "allow"\nmodels = ["{MODEL}"]\n[store]\nurl = "sqlite:///{tmp_path}/r.db"\n'
    file.write_text(allow + NOBODY)
    async with Host(ScriptedModel(answer(), repeat=True, name=MODEL), policy=str(file)) as host:
        await host.answer(asked(), server="logs")
        file.write_text(allow.replace('"allow"', '"deny"') + NOBODY)
        with pytest.raises(SamplingRefused):
            await host.answer(asked(), server="logs")
    async with open_store(tmp_path / "r.db") as store:
        assert [record.outcome for record in (await store.page()).records] == ["refused", "answered"]


async def test_a_policy_without_models_lets_the_hosts_own_model_answer() -> None:
    async with office(policy=parse_policy(ALLOW)) as made:
        assert (await made.host.answer(asked(), server="logs")).result.text == "Rayleigh."


async def test_a_policy_without_models_and_a_host_without_one_answer_nothing() -> None:
    host = Host(policy=parse_policy(ALLOW + NOBODY), store=":memory:")
    with pytest.raises(SamplingRefused, match="no model"):
        await host.answer(asked(), server="logs")
    await host.aclose()


async def test_the_hosts_own_model_does_not_answer_where_the_policy_names_others() -> None:
    echo = 'models = ["command/echo"]\n[command.echo]\nargv = ["cat"]\n'
    made = policy(f"{ALLOW}[server.logs]\n{echo}")
    host = Host(ScriptedModel(answer(), name=MODEL), policy=made, store=":memory:")
    completion = await host.answer(asked("Echo?"), server="logs")
    await host.aclose()
    assert "Echo?" in completion.result.text


def test_a_host_needs_a_model_or_a_policy() -> None:
    with pytest.raises(ConfigurationError, match="a model or a policy"):
        Host()


def test_something_that_cannot_approve_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="not int"):
        Host("local/smollm2", approve=3)  # type: ignore[arg-type]


def test_tools_are_not_declared_to_a_server_that_may_have_none() -> None:
    made = policy(ALLOW + "[server.plain]\ntools = false\n")
    host = Host(ScriptedModel(answer(), name=MODEL), policy=made, store=":memory:")
    assert host.for_client("plain")["sampling_capabilities"].tools is None
    assert host.for_client("logs")["sampling_capabilities"].tools is not None


async def test_a_consent_from_elsewhere_counts_by_our_name_for_the_server() -> None:
    async with office() as made:
        await made.store.remember(Consent(key="server:logs", verdict="deny", by="carol"))
        await refused(made, asked())
        await made.host.answer(asked(), server="logs-of-another")


async def test_cancelling_again_and_again_cuts_the_waiting_short_and_loses_nothing() -> None:
    model, go = _Slow(), anyio.Event()
    async with open_store(":memory:") as store:
        faulty = Faulty(store, settle=go.wait, finish=go.wait)
        made = Office(ALLOW + DAY, faulty, model=model)
        with anyio.fail_after(10):
            task = asyncio.create_task(made.host.answer(asked(), server="logs"))
            await model.started.wait()
            while not task.done():
                task.cancel()
                await anyio.lowlevel.checkpoint()
            assert task.cancelled()
            assert (await made.record()).state == "started"
            go.set()
            await made.host.aclose()
        assert (await made.record()).outcome == "cancelled"
        settled, reserved = await made.spent("server:logs")
    assert (settled > 0, reserved) == (True, 0)
    assert [entry.outcome for entry in made.entries] == ["cancelled"]
