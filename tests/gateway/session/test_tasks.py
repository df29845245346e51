"""Sampling of a modern server's tasks: transcripts by the schema of the tasks extension (SEP-2663)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from msgspec import Raw

from tests.gateway.session.talk import (
    ANSWER,
    FORM,
    KEY,
    SAMPLING,
    Talk,
    call,
    meta,
    required,
    sample,
    stopped,
    to_client,
    to_server,
    written,
)
from upcall.errors import SampleAbandoned, SamplingRefused
from upcall.gateway.sealing import Sealer
from upcall.gateway.session import APART, Action, Answered, Refused, Sample, Session, Tasks, Terms, ToClient, ToServer

EXTENSION: dict[str, Any] = {"extensions": {"io.modelcontextprotocol/tasks": {}}}
STATE = {"createdAt": "2026-08-01T00:00:00Z", "lastUpdatedAt": "2026-08-01T00:00:01Z", "ttlMs": 60000}


def about(id: Any, method: str = "tasks/get", task: str = "t-1", **params: Any) -> dict[str, Any]:
    return {
        "jsonrpc": "2.0",
        "id": id,
        "method": method,
        "params": {"taskId": task, "_meta": meta(**EXTENSION), **params},
    }


def state(status: str = "input_required", *, task: str = "t-1", **more: Any) -> dict[str, Any]:
    requests = more.pop("requests", None)
    body = {"resultType": "complete", "taskId": task, "status": status, **STATE, **more}
    return {**body, "inputRequests": requests} if requests is not None else body


def result(id: Any, body: dict[str, Any]) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": id, "result": body}


def poll(talk: Talk, id: Any, **requests: Any) -> tuple[dict[str, Any], list[Action]]:
    """The client polls, the server shows these requests: what the client gets, and what else is to be done."""
    talk.client(about(id))
    first, *rest = talk.server(result(id, state(requests=requests)))
    assert isinstance(first, ToClient)
    got = json.loads(first.frame)
    assert got["id"] == id
    return got["result"], rest


def update(actions: list[Action]) -> dict[str, Any]:
    assert [action.lane for action in actions if isinstance(action, ToServer)] == [APART]
    message = to_server(actions)
    assert message["method"] == "tasks/update"
    params: dict[str, Any] = message["params"]
    return params


def test_a_task_that_waits_for_sampling_alone_works_for_the_client_and_is_told_the_answer() -> None:
    talk = Talk()
    shown, rest = poll(talk, 1, k=SAMPLING)
    assert shown == state("working")
    asked = sample(rest)
    assert (asked.request_id, asked.batch, asked.round, asked.lane) == ("k", 1, 1, APART)
    assert json.loads(asked.params) == SAMPLING["params"]
    assert talk.session.open == 0
    told = update(talk.answer(asked))
    own = meta(**EXTENSION, sampling={"tools": {}})
    del own["progressToken"]
    assert told == {"_meta": own, "taskId": "t-1", "inputResponses": {"k": ANSWER}}


def test_the_servers_word_on_our_update_reaches_nobody() -> None:
    talk = Talk()
    _, rest = poll(talk, 1, k=SAMPLING)
    message = to_server(talk.answer(sample(rest)))
    assert talk.server(result(message["id"], {"resultType": "complete"})) == []
    assert talk.server({"jsonrpc": "2.0", "id": message["id"], "error": {"code": -32602, "message": "no"}}) == []


def test_what_the_client_has_to_answer_stays_and_so_does_the_status() -> None:
    shown, rest = poll(Talk(), 1, k=SAMPLING, f=FORM)
    sample(rest)
    assert shown == state(requests={"f": FORM})


def test_several_samplings_of_one_result_are_told_together() -> None:
    talk = Talk()
    _, rest = poll(talk, 1, a=SAMPLING, b=SAMPLING)
    one, other = [action for action in rest if isinstance(action, Sample)]
    assert (one.batch, other.batch, one.call) == (2, 2, other.call)
    assert talk.answer(other) == []
    assert update(talk.answer(one))["inputResponses"] == {"a": ANSWER, "b": ANSWER}


def test_a_poll_while_a_sample_is_under_way_asks_nothing_twice() -> None:
    talk = Talk()
    _, rest = poll(talk, 1, k=SAMPLING)
    asked = sample(rest)
    assert poll(talk, 2, k=SAMPLING) == (state("working"), [])
    shown, more = poll(talk, 3, k=SAMPLING, new=SAMPLING)
    assert shown == state("working")
    assert (sample(more).request_id, sample(more).round, sample(more).call) == ("new", 2, asked.call)


def test_an_answer_that_the_server_still_waits_for_is_sent_again_after_a_while_and_not_asked_again() -> None:
    talk = Talk()
    _, rest = poll(talk, 1, k=SAMPLING)
    talk.answer(sample(rest))
    assert poll(talk, 2, k=SAMPLING) == (state("working"), [])
    talk.time += 11
    shown, again = poll(talk, 3, k=SAMPLING)
    assert (shown, update(again)["inputResponses"]) == (state("working"), {"k": ANSWER})
    assert poll(talk, 4, k=SAMPLING)[1] == []


def test_a_refusal_cancels_the_task_and_the_client_learns_why_whenever_it_asks() -> None:
    talk = Talk()
    _, rest = poll(talk, 1, a=SAMPLING, b=SAMPLING)
    one, other = [action for action in rest if isinstance(action, Sample)]
    first, *last = talk.refuse(one, SamplingRefused("Not today."))
    assert stopped([first]) == [other.number]
    message = to_server(last)
    assert (message["method"], message["params"]["taskId"]) == ("tasks/cancel", "t-1")
    assert talk.server(result(message["id"], {"resultType": "complete"})) == []
    why = {"resultType": "complete", "content": [{"type": "text", "text": "Not today."}], "isError": True}
    for id in (2, 3):
        assert to_client(talk.client(about(id))) == result(id, state("completed", result=why))
    assert talk.session.open == 0


def test_a_task_that_ended_stops_its_samples_and_is_forgotten() -> None:
    talk = Talk()
    _, rest = poll(talk, 1, k=SAMPLING)
    talk.client(about(2))
    done = result(2, state("failed", error={"code": 1, "message": "gone"}))
    told, *more = talk.server(done)
    assert isinstance(told, ToClient)
    assert json.loads(told.frame) == done
    assert stopped(more) == [sample(rest).number]
    assert talk.answer(sample(rest)) == []


def test_a_client_that_cancels_a_task_stops_its_samples() -> None:
    talk = Talk()
    _, rest = poll(talk, 1, k=SAMPLING)
    stop, went = talk.client(about(2, "tasks/cancel"))
    assert stopped([stop]) == [sample(rest).number]
    assert isinstance(went, ToServer)
    assert poll(talk, 3, k=SAMPLING, more=SAMPLING) == (state("working"), [])


def test_a_sample_is_told_the_tool_that_became_the_task() -> None:
    talk = Talk()
    talk.client(call(1, _meta=meta(**EXTENSION)))
    made = written(result(1, {**state("working"), "resultType": "task"}))
    assert talk.session.from_server(made) == [ToClient(made, None)]
    asked = sample(poll(talk, 2, k=SAMPLING)[1])
    assert (asked.method, asked.name, asked.arguments) == ("tools/call", "archive", b'{"n": 1}')


def test_a_notification_of_a_subscribed_task_is_treated_like_a_poll() -> None:
    talk = Talk()
    listen = about(1, "subscriptions/listen")
    listen["params"] = {"_meta": meta(**EXTENSION), "notifications": {"taskIds": ["t-1"]}}
    talk.client(listen)
    notice = {"jsonrpc": "2.0", "method": "notifications/tasks"}
    shown = {key: value for key, value in state(requests={"k": SAMPLING}).items() if key != "resultType"}
    told, asked = talk.server({**notice, "params": {**shown, "_meta": {"x/y": 1}}})
    assert isinstance(asked, Sample)
    assert isinstance(told, ToClient)
    params = json.loads(told.frame)["params"]
    assert (params["status"], params["_meta"], "inputRequests" in params) == ("working", {"x/y": 1}, False)
    foreign = written({**notice, "params": {**shown, "taskId": "t-2"}})
    assert talk.session.from_server(foreign) == [ToClient(foreign, None)]
    talk.refuse(asked)
    told = talk.server({**notice, "params": {**shown, "status": "cancelled", "_meta": {"x/y": 2}}})[0]
    assert isinstance(told, ToClient)
    params = json.loads(told.frame)["params"]
    assert (params["status"], params["result"]["isError"], params["_meta"]) == ("completed", True, {"x/y": 2})
    assert "resultType" not in params


@pytest.mark.parametrize("terms", [{"answers": "client"}, {"allowed": False}])
def test_samplings_of_a_task_pass_where_the_client_answers(terms: dict[str, Any]) -> None:
    talk = Talk(**terms)
    talk.client(about(1))
    frame = written(result(1, state(requests={"k": SAMPLING})))
    assert talk.session.from_server(frame) == [ToClient(frame, None)]


@pytest.mark.parametrize(
    "body",
    [
        state("working"),
        state(requests={"f": FORM}),
        state(requests={}),
        {**state(), "inputRequests": 7},
        {**state(requests={"k": SAMPLING}), "status": 7},
        [],
        None,
    ],
)
def test_a_result_without_samplings_is_the_same_frame(body: Any) -> None:
    talk = Talk()
    talk.client(about(1))
    frame = written(result(1, body))
    assert talk.session.from_server(frame) == [ToClient(frame, None)]


def shared(tasks: Tasks, principal: str) -> Session:
    terms = Terms(server="logs")
    return Session(lambda: terms, Sealer([KEY], "logs"), principal=principal, now=lambda: 0.0, tasks=tasks)


def polled(session: Session) -> list[Action]:
    session.from_client(written(about(1)), "post")
    return session.from_server(written(result(1, state(requests={"k": SAMPLING}))), "post")[1:]


def test_sessions_of_one_server_ask_once_and_each_principal_has_its_own_task() -> None:
    tasks = Tasks("logs", now=lambda: 0.0)
    first = shared(tasks, "alice")
    asked = sample(polled(first))
    assert polled(shared(tasks, "alice")) == []
    other = sample(polled(shared(tasks, "bob")))
    assert other.call != asked.call
    update(first.answered(asked.number, Answered(written(ANSWER))))
    assert polled(shared(tasks, "alice")) == []


def test_a_refusal_counts_in_every_session() -> None:
    tasks = Tasks("logs", now=lambda: 0.0)
    first = shared(tasks, "alice")
    first.answered(sample(polled(first)).number, Refused(SamplingRefused("No.")))
    later = shared(tasks, "alice").from_client(written(about(9)), "post")
    assert to_client(later)["result"]["result"]["isError"] is True


def test_what_a_connection_leaves_unanswered_is_asked_again_by_the_next() -> None:
    tasks = Tasks("logs", now=lambda: 0.0)
    first = shared(tasks, "alice")
    asked = sample(polled(first))
    assert stopped(first.client_gone()) == [asked.number]
    assert first.answered(asked.number, Answered(written(ANSWER))) == []
    sample(polled(shared(tasks, "alice")))


def test_an_answer_that_was_not_told_yet_when_a_connection_ended_is_told_by_the_next() -> None:
    tasks = Tasks("logs", now=lambda: 0.0)
    first = shared(tasks, "alice")
    first.from_client(written(about(1)), "post")
    _, a, b = first.from_server(written(result(1, state(requests={"a": SAMPLING, "b": SAMPLING}))), "post")
    assert isinstance(a, Sample)
    assert isinstance(b, Sample)
    first.answered(a.number, Answered(written(ANSWER)))
    first.server_gone("over")
    second = shared(tasks, "alice")
    second.from_client(written(about(1)), "post")
    _, told, again = second.from_server(written(result(1, state(requests={"a": SAMPLING, "b": SAMPLING}))), "post")
    assert update([told])["inputResponses"] == {"a": ANSWER}
    assert isinstance(again, Sample)
    assert again.request_id == "b"


def test_a_call_that_ends_takes_no_sample_of_a_task_with_it() -> None:
    session = shared(Tasks("logs"), "alice")
    asked = sample(polled(session))
    assert session.client_gone("post") == []
    assert session.server_gone("over", "post") == []
    update(session.answered(asked.number, Answered(written(ANSWER))))


def test_what_nobody_looks_at_is_forgotten_after_an_hour() -> None:
    at = 0.0
    tasks = Tasks("logs", now=lambda: at)
    tasks.known("", "old")
    at = 3601.0
    tasks.known("", "new")
    assert (len(tasks), tasks.get("", "old")) == (1, None)
    for number in range(5000):
        tasks.known("", str(number))
    assert len(tasks) == 4096


def test_a_task_counts_with_the_call_that_became_it() -> None:
    talk = Talk()
    talk.client(call(1, _meta=meta(**EXTENSION)))
    asked = sample(talk.server(required(1, k=SAMPLING)))
    went = to_server(talk.answer(asked))
    talk.server(result(went["id"], {**state("working"), "resultType": "task"}))
    assert sample(poll(talk, 2, k=SAMPLING)[1]).call == asked.call


def test_what_a_server_makes_us_keep_of_a_task_is_short() -> None:
    tasks = Tasks("logs")
    session = shared(tasks, "alice")
    session.from_client(written(call(1, arguments={"x": "y" * 100_000}, _meta=meta(**EXTENSION))))
    session.from_server(written(result(1, {**state("working"), "resultType": "task"})))
    session.from_client(written(about(2)))
    long = {"statusMessage": "z" * 100_000, "createdAt": "z" * 100_000, "odd": "z" * 100_000}
    many = {str(number): SAMPLING for number in range(1000)}
    _, first, *_ = session.from_server(written(result(2, state(**long, requests=many))))
    assert isinstance(first, Sample)
    assert (first.batch, first.arguments) == (1000, None)
    session.answered(first.number, Refused(SamplingRefused("No.")))
    task = tasks.get("alice", "t-1")
    assert task is not None
    assert (len(task.asked), task.arguments) == (0, None)
    assert len(task.seen) + len(task.refused or b"") < 1000


def test_two_connections_in_one_task_and_a_refusal_in_between_end_well() -> None:
    tasks = Tasks("logs", now=lambda: 0.0)
    one, other = shared(tasks, "alice"), shared(tasks, "alice")
    asked = sample(polled(one))
    other.from_client(written(about(1)), "post")
    _, b, c = other.from_server(written(result(1, state(requests={"b": SAMPLING, "c": SAMPLING}))), "post")
    assert isinstance(b, Sample)
    assert isinstance(c, Sample)
    other.answered(b.number, Answered(written(ANSWER)))
    one.answered(asked.number, Refused(SamplingRefused("No.")))
    assert stopped(other.client_gone()) == [c.number]
    assert one.client_gone() == []


def test_an_answer_that_comes_after_another_connection_cancelled_the_task_is_told_to_nobody() -> None:
    tasks = Tasks("logs", now=lambda: 0.0)
    first = shared(tasks, "alice")
    asked = sample(polled(first))
    assert to_server(shared(tasks, "alice").from_client(written(about(2, "tasks/cancel")), "post"))["id"] == 2
    assert first.answered(asked.number, Answered(written(ANSWER))) == []


def test_nothing_is_kept_of_a_task_that_ended_and_what_is_looked_at_stays() -> None:
    at = 0.0
    tasks = Tasks("logs", now=lambda: at)
    session = shared(tasks, "alice")
    polled(session)
    assert len(tasks) == 1
    session.from_client(written(about(2)), "post")
    session.from_server(written(result(2, state("completed", result={}))), "post")
    assert len(tasks) == 0
    tasks.known("", "looked at")
    tasks.known("", "other")
    at = 3000.0
    assert tasks.get("", "looked at")
    at = 3700.0
    tasks.known("", "new")
    assert (tasks.get("", "looked at") is None, tasks.get("", "other")) == (False, None)


def once_of(tasks: Tasks, principal: str = "alice", request: dict[str, Any] = SAMPLING) -> Any:
    session = shared(tasks, principal)
    session.from_client(written(about(1)), "post")
    return sample(session.from_server(written(result(1, state(requests={"k": request}))), "post")[1:]).once


def test_processes_that_share_tasks_know_a_sampling_by_the_same_name_and_no_other_has_it() -> None:
    mine = once_of(Tasks("logs", shared=True))
    again = {"params": {"maxTokens": 7, "messages": []}, "method": "sampling/createMessage"}
    assert once_of(Tasks("logs", shared=True), request=again) == mine
    content = {"method": "sampling/createMessage", "params": {"messages": [], "maxTokens": 8}}
    others = [
        once_of(Tasks("logs", shared=True), "bob"),
        once_of(Tasks("other", shared=True)),
        once_of(Tasks("logs", shared=True), request=content),
        Tasks("logs", shared=True).once("alice", "t-2", "k", Raw(b"{}")),
    ]
    assert len({one.name for one in [mine, *others]}) == 5
    assert [one.task == mine.task for one in others] == [False, False, True, False]
    assert once_of(Tasks("logs")) is None


def test_an_answer_of_another_process_is_told_by_that_one_first_and_by_this_one_after_a_while() -> None:
    talk = Talk()
    _, rest = poll(talk, 1, a=SAMPLING, b=SAMPLING)
    one, other = [action for action in rest if isinstance(action, Sample)]
    assert talk.session.answered(one.number, Answered(written(ANSWER), elsewhere=True)) == []
    assert update(talk.answer(other))["inputResponses"] == {"b": ANSWER}
    assert poll(talk, 2, a=SAMPLING)[1] == []
    talk.time += 11
    assert update(poll(talk, 3, a=SAMPLING)[1])["inputResponses"] == {"a": ANSWER}


def test_where_another_process_has_every_answer_this_one_says_nothing() -> None:
    talk = Talk()
    _, rest = poll(talk, 1, k=SAMPLING)
    assert talk.session.answered(sample(rest).number, Answered(written(ANSWER), elsewhere=True)) == []
    assert talk.session.client_gone() == []


def test_a_sampling_that_nobody_needs_any_more_ends_without_a_word_and_may_be_asked_again() -> None:
    talk = Talk()
    _, rest = poll(talk, 1, k=SAMPLING)
    assert talk.refuse(sample(rest), SampleAbandoned("The task is over.")) == []
    shown, again = poll(talk, 2, k=SAMPLING)
    assert shown == state("working")
    sample(again)


def test_the_end_of_a_task_that_other_processes_know_is_said_whichever_of_them_it_began_in() -> None:
    tasks = Tasks("logs", shared=True)
    (over,) = tasks.over("alice", "t-1")
    for status in ("completed", "failed", "cancelled"):
        session = shared(tasks, "alice")
        session.from_client(written(about(2)), "post")
        told, *rest = session.from_server(written(result(2, state(status))), "post")
        assert isinstance(told, ToClient)
        assert rest == [over]
    first = shared(tasks, "alice")
    asked = sample(polled(first))
    assert asked.once is not None
    assert asked.once.task == over.task
    assert over in first.from_client(written(about(3, "tasks/cancel")), "post")
