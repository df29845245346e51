"""What becomes of a sampling request that a gateway takes: who answers, who is asked, and what anybody is told."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import anyio
import pytest
from msgspec.structs import replace

from tests.gateway.answers import (
    ALLOW,
    ASK,
    KEY,
    Desk,
    Person,
    chosen,
    gateway,
    model,
    modern,
    sample,
    settings,
    text_of,
    why,
)
from upcall import store as stores
from upcall.errors import ModelError
from upcall.gateway import answering as module
from upcall.gateway.answering import Answering
from upcall.gateway.session.actions import Answered, Deferred, Refused
from upcall.gateway.settings import Settings
from upcall.host.policy import PolicyFile, parse_policy
from upcall.store import Decision, Standing

pytestmark = pytest.mark.anyio

SECONDS = 10
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
LIMITED = f"{ASK}limits.samples_per_call = 1\nlimits.per_minute = 1\n"


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    with anyio.fail_after(SECONDS):
        while not await holds():  # noqa: ASYNC110 what is waited for has no event
            await anyio.sleep(0.005)


async def question_in(desk: Desk) -> Standing:
    found: list[Standing] = []

    async def there() -> bool:
        found[:] = await desk.store.pending()
        return bool(found)

    await until(there)
    return found[0]


async def test_a_request_is_answered_and_the_record_says_whose_it_was() -> None:
    async with gateway(ALLOW) as desk:
        asked = sample(extra={"_meta": {"traceparent": TRACE}})
        outcome = await desk.answering.answer(asked)
        assert text_of(outcome) == "Because of Rayleigh."
        assert isinstance(outcome, Answered)
        assert json.loads(outcome.result)["role"] == "assistant"
        (record,) = await desk.records()
        assert (record.server, record.method, record.name) == ("logs", "tools/call", "explain")
        assert (record.version, record.request_id, record.trace) == ("2025-11-25", 7, TRACE)


async def test_the_limits_of_a_call_hold_over_its_requests() -> None:
    async with gateway(f"{ALLOW}limits.samples_per_call = 1\n") as desk:
        assert isinstance(await desk.answering.answer(sample()), Answered)
        assert "at most 1" in why(await desk.answering.answer(sample(request_id=8)))
        assert isinstance(await desk.answering.answer(sample(call="call-2")), Answered)
        batch = await desk.answering.answer(modern(batch=21, call="call-3"))
        assert "sampling requests in one result" in why(batch)


async def test_the_limits_of_a_call_hold_for_what_other_processes_have_answered_of_it() -> None:
    async with gateway(f"{ALLOW}limits.samples_per_call = 3\n") as desk:
        assert isinstance(await desk.answering.answer(modern(so_far=3, round=3)), Answered)
        assert "sampling requests in one call: at most 3" in why(await desk.answering.answer(modern(so_far=4, round=4)))


@pytest.mark.parametrize("params", [b"{}", b"[]", b'{"messages": 1, "maxTokens": "x"}', b"\xff", b"{", b"[" * 5000])
async def test_what_is_no_request_is_refused(params: bytes) -> None:
    async with gateway(ALLOW) as desk:
        outcome = await desk.answering.answer(replace(sample(), params=params))
        assert isinstance(outcome, Refused)
        assert outcome.error.to_wire()["code"] == -32602


async def test_arguments_that_cannot_be_read_do_not_stand_in_the_way() -> None:
    async with gateway(ALLOW) as desk:
        for arguments in (b"[1]", b"\xff", b"{" * 5000, None):
            outcome = await desk.answering.answer(sample(arguments=arguments, call=f"{arguments!r}"[:9]))
            assert isinstance(outcome, Answered)


async def test_terms_follow_the_file(tmp_path: Path) -> None:
    path = tmp_path / "upcall.toml"
    path.write_text('[server.logs]\nsampling = "gateway"\ntools = false\n')
    answering = Answering(settings(PolicyFile(path), ":memory:"), "logs")
    terms = answering.terms()
    assert (terms.server, terms.answers, terms.allowed, terms.tools) == ("logs", "gateway", True, False)
    other = answering.of("web").terms()
    assert (other.server, other.answers, other.allowed, other.tools) == ("web", "prefer-client", True, True)
    path.write_text('[default]\ndecision = "deny"\nsampling = "client"\n')
    assert (answering.terms().allowed, answering.terms().answers) == (False, "client")
    path.write_text("[default\n")
    assert not answering.terms().allowed, "the last good policy holds"


async def test_the_command_line_says_who_answers_before_the_policy() -> None:
    assert Answering(settings('[default]\nsampling = "client"\n', ":memory:", answers="gateway")).terms().answers == (
        "gateway"
    )


async def test_the_person_at_a_client_learns_no_path_of_this_side(tmp_path: Path) -> None:
    path = tmp_path / "upcall.toml"
    path.write_text(ASK)
    person = Person(chosen("approve once"))
    async with gateway(PolicyFile(path)) as desk:
        assert isinstance(await desk.answering.answer(sample(asks="inline"), person.elicit), Answered)
        deferred = await desk.answering.answer(modern(call="call-2"))
        assert isinstance(deferred, Deferred)
        for asked in (person.asked[0], json.loads(deferred.params)):
            assert "(upcall.toml:2" in asked["message"]
            assert str(tmp_path) not in asked["message"]


async def test_a_changed_file_holds_from_the_next_request_on(tmp_path: Path) -> None:
    path = tmp_path / "upcall.toml"
    path.write_text(ALLOW)
    async with gateway(PolicyFile(path)) as desk:
        assert isinstance(await desk.answering.answer(sample()), Answered)
        path.write_text('[default]\ndecision = "deny"\n')
        assert why(await desk.answering.answer(sample())) == "Sampling requests of this server are not answered."
        path.write_text(f'{ASK}[approval]\nby = "none"\n')
        assert "nobody to ask" in why(await desk.answering.answer(sample()))


async def test_without_a_model_the_refusal_says_what_to_do(caplog: pytest.LogCaptureFixture) -> None:
    answering = Answering(Settings(policy=parse_policy(ALLOW), store=":memory:", keys=(KEY,)), "logs")
    told = why(await answering.answer(sample()))
    await answering.aclose()
    assert "no model" in told
    assert "upcall init" in told
    assert "--model" in told
    assert "set models under [server.logs]" in caplog.text


async def test_settings_that_cannot_work_are_told_to_the_log_and_tried_again(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = settings(ALLOW, "mysql://me:hunter2@db/x")
    answering = Answering(given, "logs")
    told = why(await answering.answer(sample()))
    assert told == "The gateway is not set up to answer. Whoever runs the gateway finds the reason in its log."
    assert "address of a record" in caplog.text
    assert "hunter2" not in caplog.text
    opened = stores.open_store(":memory:")
    monkeypatch.setattr(stores, "open_store", lambda url: opened)
    assert isinstance(await answering.answer(sample()), Answered)
    await answering.aclose()


async def test_a_peer_hears_nothing_of_what_a_provider_said(caplog: pytest.LogCaptureFixture) -> None:
    async with gateway(ALLOW, model(ModelError("The model failed.", detail="at /home/me: \x1b[2J line\nline"))) as desk:
        outcome = await desk.answering.answer(sample())
        assert why(outcome) == "The model failed."
        assert "/home/me" in caplog.text
        assert "\x1b" not in caplog.text


async def test_several_servers_share_one_host_and_its_counts() -> None:
    async with gateway(f'{ALLOW}[[budget]]\nfor = "overall"\nper = "day"\ncalls = 1\n') as desk:
        assert isinstance(await desk.answering.answer(sample()), Answered)
        outcome = await desk.answering.of("web").answer(sample())
        assert "budget" in why(outcome).lower()
        assert [record.server for record in await desk.records()] == ["logs", "web"]


async def test_a_host_is_opened_once_for_requests_that_come_together(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[int] = []
    made = module._made

    def counting(given: object) -> object:
        opened.append(1)
        return made(given)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "_made", counting)
    async with gateway(ALLOW) as desk:
        outcomes = await asyncio.gather(*(desk.answering.answer(sample(call=f"{n}")) for n in range(20)))
        assert all(isinstance(outcome, Answered) for outcome in outcomes)
    assert opened == [1]


async def test_one_that_is_cancelled_while_the_host_opens_takes_no_other_with_it() -> None:
    async with gateway(ALLOW) as desk:
        first = asyncio.create_task(desk.answering.answer(sample()))
        second = asyncio.create_task(desk.answering.answer(sample(call="other")))
        await asyncio.sleep(0)
        first.cancel()
        assert isinstance(await second, Answered)
        with pytest.raises(asyncio.CancelledError):
            await first


class Slow:
    """A model that says when it is called and when it is cancelled."""

    name = "test/slow"

    def __init__(self) -> None:
        self.called = asyncio.Event()
        self.cancelled = asyncio.Event()

    async def complete(self, request: object) -> None:
        self.called.set()
        try:
            await asyncio.sleep(60)
        finally:
            self.cancelled.set()

    async def aclose(self) -> None: ...


async def test_a_cancelled_request_stops_the_model_and_the_record_says_so() -> None:
    slow = Slow()
    async with gateway(ALLOW, slow) as desk:  # type: ignore[arg-type]
        task = asyncio.create_task(desk.answering.answer(sample()))
        await asyncio.wait_for(slow.called.wait(), SECONDS)
        task.cancel()
        await asyncio.wait_for(slow.cancelled.wait(), 1)
        with pytest.raises(asyncio.CancelledError):
            await task
        assert [record.outcome for record in await desk.records()] == ["cancelled"]


# People at a client that can be asked at once.


async def test_the_connected_client_is_asked_and_its_yes_is_a_yes() -> None:
    person = Person(chosen("approve once"))
    async with gateway(ASK) as desk:
        outcome = await desk.answering.answer(sample(asks="inline"), person.elicit)
        assert text_of(outcome) == "Because of Rayleigh."
        (asked,) = person.asked
        assert "Why is the sky blue?" in asked["message"]
        assert "approve once" in asked["requestedSchema"]["properties"]["decision"]["enum"]
        (record,) = await desk.records()
        assert (record.decision, record.decided_by) == ("allow", "client")


@pytest.mark.parametrize(
    "answer",
    [
        chosen("deny"),
        chosen("never"),
        chosen("yes"),
        b'{"action":"accept"}',
        b'{"action":"decline"}',
        b'{"action":"cancel"}',
        b"[]",
        b"no json",
    ],
)
async def test_all_else_is_a_no(answer: bytes) -> None:
    async with gateway(ASK) as desk:
        outcome = await desk.answering.answer(sample(asks="inline"), Person(answer).elicit)
        assert why(outcome) == "The user rejected the sampling request."


@pytest.mark.parametrize(("choice", "kind"), [("always approve", Answered), ("never", Refused)])
async def test_a_remembered_answer_spares_the_next_question(choice: str, kind: type) -> None:
    person = Person(chosen(choice))
    async with gateway(ASK) as desk:
        for call in ("a", "b"):
            assert isinstance(await desk.answering.answer(sample(asks="inline", call=call), person.elicit), kind)
    assert len(person.asked) == 1


@pytest.mark.parametrize("fault", [None, RuntimeError("gone")])
async def test_where_the_client_cannot_be_asked_the_question_waits_in_the_store(fault: Exception | None) -> None:
    async with gateway(ASK) as desk:
        task = asyncio.create_task(desk.answering.answer(sample(asks="inline"), Person(fault).elicit))
        question = await question_in(desk)
        await desk.store.decide(question.id, Decision(verdict="allow", by="ann"), question.version)
        assert isinstance(await task, Answered)


async def test_one_person_is_asked_one_question_at_a_time_and_others_need_not_wait() -> None:
    async with gateway(ASK) as desk:
        open_now, most, release = 0, 0, asyncio.Event()

        async def elicit(params: bytes) -> bytes:
            nonlocal open_now, most
            open_now += 1
            most = max(most, open_now)
            await release.wait()
            open_now -= 1
            return chosen("approve once")

        mine = [
            asyncio.create_task(desk.answering.answer(sample(asks="inline", call=f"{n}"), elicit)) for n in range(4)
        ]

        async def asked() -> bool:
            return open_now == 1

        await until(asked)
        other = Person(chosen("approve once"))
        theirs = await desk.answering.of("logs").answer(sample(asks="inline", call="x"), other.elicit)
        assert isinstance(theirs, Answered)
        release.set()
        assert all(isinstance(outcome, Answered) for outcome in await asyncio.gather(*mine))
        assert most == 1


async def test_a_cancelled_request_withdraws_the_question_at_the_client() -> None:
    withdrawn, asked = asyncio.Event(), asyncio.Event()

    async def elicit(params: bytes) -> bytes:
        asked.set()
        try:
            await asyncio.sleep(60)
        finally:
            withdrawn.set()
        return b""

    async with gateway(ASK) as desk:
        task = asyncio.create_task(desk.answering.answer(sample(asks="inline"), elicit))
        await asyncio.wait_for(asked.wait(), SECONDS)
        task.cancel()
        await asyncio.wait_for(withdrawn.wait(), 1)
        with pytest.raises(asyncio.CancelledError):
            await task


# People elsewhere.


async def test_without_elicitation_the_question_waits_for_its_deadline_and_the_refusal_says_where_to_approve(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with gateway(f"{ASK}deadline = 0.2\n") as desk:
        told = why(await desk.answering.answer(sample()))
        assert told.startswith("The request was not approved in time.")
        assert "`upcall pending`" in told
        assert "logs waits for approval" in caplog.text


async def test_a_cancelled_request_withdraws_the_question_in_the_store() -> None:
    async with gateway(ASK) as desk:
        task = asyncio.create_task(desk.answering.answer(sample()))
        await question_in(desk)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await desk.store.pending() == []


@pytest.mark.parametrize("asks", ["inline", "deferred"])
async def test_a_policy_that_says_store_asks_no_client(asks: str) -> None:
    person = Person(chosen("approve once"))
    async with gateway(f'{ASK}deadline = 0.1\n[approval]\nby = "store"\n') as desk:
        assert "not approved in time" in why(await desk.answering.answer(modern(asks=asks), person.elicit))
        assert person.asked == []


@pytest.mark.parametrize("asks", ["inline", "deferred", "no"])
async def test_a_policy_that_says_none_asks_nobody(asks: str, caplog: pytest.LogCaptureFixture) -> None:
    person = Person(chosen("approve once"))
    async with gateway(f'{ASK}[approval]\nby = "none"\n') as desk:
        assert "nobody to ask" in why(await desk.answering.answer(modern(asks=asks), person.elicit))
        assert person.asked == []


# People at a client that is asked by another attempt (2026-07-28).


async def _deferred(desk: Desk, **fields: object) -> Deferred:
    outcome = await desk.answering.answer(modern(**fields))  # type: ignore[arg-type]
    assert isinstance(outcome, Deferred)
    return outcome


async def test_an_attempt_ends_with_the_question_and_the_next_one_goes_on_with_the_answer() -> None:
    async with gateway(LIMITED) as desk:
        deferred = await _deferred(desk)
        asked = json.loads(deferred.params)
        assert "Why is the sky blue?" in asked["message"]
        assert asked["requestedSchema"]["required"] == ["decision"]
        outcome = await desk.answering.answer(modern(given={deferred.key: chosen("approve once")}))
        assert text_of(outcome) == "Because of Rayleigh."
        first, second = await desk.records()
        assert (first.outcome, first.decision, first.model_asked) == ("refused", None, None)
        assert first.error is not None
        assert "handed to the client" in first.error.detail
        assert (second.outcome, second.decision, second.decided_by) == ("answered", "allow", "client")


async def test_both_attempts_count_once_and_a_replay_counts_again() -> None:
    async with gateway(LIMITED) as desk:
        deferred = await _deferred(desk)
        back = modern(given={deferred.key: chosen("approve once")})
        assert isinstance(await desk.answering.answer(back), Answered)
        assert "at most 1" in why(await desk.answering.answer(back))


async def test_each_request_of_a_result_is_counted_by_itself() -> None:
    async with gateway(f"{ASK}limits.samples_per_call = 2\n") as desk:
        keys = [(await _deferred(desk, request_id=key, batch=2)).key for key in ("sky", "sea")]
        assert len(set(keys)) == 2, "one question each, though they ask the same"
        given = {key: chosen("approve once") for key in keys}
        for key in ("sky", "sea"):
            outcome = await desk.answering.answer(modern(request_id=key, batch=2, given=given))
            assert isinstance(outcome, Answered)


async def test_another_process_goes_on_with_it() -> None:
    async with gateway(LIMITED) as desk, gateway(LIMITED) as other:
        deferred = await _deferred(desk)
        outcome = await other.answering.answer(modern(given={deferred.key: chosen("approve once")}))
        assert isinstance(outcome, Answered)


@pytest.mark.parametrize(
    "changed",
    [{"request_id": "sea"}, {"call": "call-2"}, {"text": "Why is the sea blue?"}, {"name": "other"}, {"round": 2}],
)
async def test_an_answer_counts_for_exactly_its_question(changed: dict[str, object]) -> None:
    async with gateway(ASK) as desk:
        deferred = await _deferred(desk)
        other = await _deferred(desk, **changed, given={deferred.key: chosen("approve once")})
        assert other.key != deferred.key


async def test_an_answer_of_another_server_counts_for_nothing() -> None:
    async with gateway(ASK) as desk:
        deferred = await _deferred(desk)
        outcome = await desk.answering.of("web").answer(modern(given={deferred.key: chosen("approve once")}))
        assert isinstance(outcome, Deferred)


@pytest.mark.parametrize("answer", [chosen("deny"), b'{"action":"decline"}', b'{"action":"cancel"}', b"null", b"x"])
async def test_all_else_is_a_no_in_another_attempt_too(answer: bytes) -> None:
    async with gateway(ASK) as desk:
        deferred = await _deferred(desk)
        outcome = await desk.answering.answer(modern(given={deferred.key: answer}))
        assert why(outcome) == "The user rejected the sampling request."


async def test_an_answer_after_the_deadline_is_a_no() -> None:
    async with gateway(ASK) as desk:
        deferred = await _deferred(desk)
        late = f"{deferred.key.partition('.')[0]}.1000"
        outcome = await desk.answering.answer(modern(given={late: chosen("approve once")}))
        assert why(outcome).startswith("The request was not approved in time.")


async def test_what_a_client_said_for_good_is_remembered_from_another_attempt() -> None:
    async with gateway(ASK) as desk:
        deferred = await _deferred(desk)
        assert isinstance(await desk.answering.answer(modern(given={deferred.key: chosen("always approve")})), Answered)
        assert isinstance(await desk.answering.answer(modern(call="call-2")), Answered)


async def test_a_question_that_was_handed_over_holds_no_budget() -> None:
    async with gateway(f'{ASK}[[budget]]\nfor = "overall"\nper = "day"\ncalls = 1\n') as desk:
        deferred = await _deferred(desk)
        await _deferred(desk, call="call-2")
        outcome = await desk.answering.answer(modern(given={deferred.key: chosen("approve once")}))
        assert isinstance(outcome, Answered)


async def test_a_reply_is_shown_through_the_store_because_another_attempt_would_have_another_reply() -> None:
    made = model()
    async with gateway(f"{ALLOW}review_reply = true\n", made) as desk:
        task = asyncio.create_task(desk.answering.answer(modern()))
        question = await question_in(desk)
        assert question.question.kind == "reply"
        await desk.store.decide(question.id, Decision(verdict="allow", by="ann"), question.version)
        assert isinstance(await task, Answered)
        assert len(made.requests) == 1


async def test_nobody_can_have_the_gateway_remember_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_REMEMBERED", 3)
    async with gateway(ASK) as desk:
        for number in range(6):
            await _deferred(desk, call=f"call-{number}")
        assert len(desk.answering._shared._questions) == 3


def test_importing_it_is_light() -> None:
    code = (
        "import sys, upcall.gateway.answering, upcall.gateway.settings;"
        "print([m for m in sys.modules if m.split('.')[0] in ('mcp','pydantic','aiohttp','anyio','rich')"
        " or m.startswith(('upcall.host', 'upcall.store', 'upcall.models'))])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
