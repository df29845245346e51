"""Sampling on connections that open with ``initialize``."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.gateway.session.talk import (
    ANSWER,
    Talk,
    ask,
    call,
    elicited,
    initialize,
    only,
    sample,
    stopped,
    to_client,
    to_server,
    written,
)
from upcall.gateway.session import Elicited, Sample, StopSample, ToClient, ToServer


def connected(version: str = "2025-11-25", /, calls: tuple[Any, ...] = (1,), **capabilities: Any) -> Talk:
    talk = Talk()
    talk.client(initialize(version, **capabilities))
    talk.server({"jsonrpc": "2.0", "id": 0, "result": {"protocolVersion": version, "capabilities": {}}})
    for id in calls:
        talk.client(call(id, modern=False))
    return talk


@pytest.mark.parametrize(
    ("version", "tools", "declared"),
    [
        ("2025-11-25", True, {"tools": {}}),
        ("2025-11-25", False, {}),
        ("2025-06-18", True, {}),
        ("2024-11-05", True, {}),
    ],
)
def test_sampling_is_declared_as_far_as_the_version_has_it(version: str, tools: bool, declared: Any) -> None:
    talk = Talk(tools=tools)
    sent = to_server(talk.client(initialize(version, roots={"listChanged": True})))
    assert sent == initialize(version, roots={"listChanged": True}, sampling=declared)


@pytest.mark.parametrize(
    ("answers", "allowed", "own", "sent", "taken"),
    [
        ("prefer-client", True, None, {"tools": {}}, True),
        ("prefer-client", True, {}, {}, False),
        ("prefer-client", False, None, None, False),
        ("gateway", True, {"context": {}}, {"tools": {}}, True),
        ("gateway", False, {"context": {}}, None, True),
        ("gateway", False, None, None, True),
        ("client", True, None, None, False),
        ("client", True, {"tools": {}}, {"tools": {}}, False),
    ],
)
def test_the_policy_says_who_answers(answers: Any, allowed: bool, own: Any, sent: Any, taken: bool) -> None:
    talk = Talk(answers=answers, allowed=allowed)
    request = written(initialize(**({} if own is None else {"sampling": own})))
    went = only(talk.session.from_client(request), ToServer)
    assert json.loads(went.frame)["params"]["capabilities"].get("sampling") == sent
    assert (went.frame is request) == (sent == own)
    talk.client(call(1, modern=False))
    asked = written(ask(9))
    got = talk.session.from_server(asked)
    if taken:
        sample(got)
    else:
        assert only(got, ToClient).frame is asked


def test_a_request_is_taken_and_answered_under_the_servers_own_id_on_its_lane() -> None:
    talk = connected(calls=())
    talk.client(call(1, modern=False), "post-1")
    params = b'{"maxTokens":1e2,"metadata":{"z":1.0,"a":"\\u00e4"}}'
    asking = b'{"jsonrpc":"2.0","id":"\\u00e4-7","method":"sampling/createMessage","params":' + params + b"}"
    asked = sample(talk.server(asking, "post-1"))
    assert asked.params == params
    assert (asked.request_id, asked.method, asked.name) == ("ä-7", "tools/call", "archive")
    assert asked.arguments == b'{"n": 1}'
    assert (asked.version, asked.batch, asked.round, asked.asks) == ("2025-11-25", None, None, "no")
    went = only(talk.answer(asked), ToServer)
    assert went.lane == "post-1"
    assert went.frame == b'{"jsonrpc":"2.0","id":"\\u00e4-7","result":' + written(ANSWER) + b"}"
    assert talk.answer(asked) == []


def test_a_refusal_reaches_the_server_as_an_error_without_what_is_for_us_alone() -> None:
    talk = connected()
    asked = sample(talk.server(ask(3)))
    assert to_server(talk.refuse(asked)) == {"jsonrpc": "2.0", "id": 3, "error": {"code": -1, "message": "No."}}


def test_requests_of_one_call_share_its_name_and_those_of_two_do_not() -> None:
    talk = connected(calls=())
    talk.client(call(1, modern=False), "a")
    talk.client(call(2, modern=False), "b")
    first, second, other = (sample(talk.server(ask(n), lane)) for n, lane in ((7, "a"), (8, "a"), (9, "b")))
    assert first.call == second.call != other.call
    assert len(first.call) >= 16


def test_without_a_lane_a_request_belongs_to_the_latest_call() -> None:
    talk = connected(calls=())
    talk.client(call(1, modern=False, name="old"))
    talk.client(call(2, modern=False, name="new"))
    talk.client({"jsonrpc": "2.0", "id": 3, "method": "ping"})
    assert sample(talk.server(ask(7))).name == "new"


def test_a_request_outside_of_any_call_is_answered_too() -> None:
    talk = connected(calls=())
    asked = sample(talk.server(ask(7)))
    assert (asked.method, asked.name, asked.arguments) == ("", "", None)
    assert to_server(talk.answer(asked))["id"] == 7


def test_the_servers_ids_and_the_clients_are_two_worlds() -> None:
    talk = connected(calls=(5,))
    asked = sample(talk.server(ask(5)))
    done = written({"jsonrpc": "2.0", "id": 5, "result": {"content": []}})
    assert only(talk.session.from_server(done), ToClient).frame is done
    assert to_server(talk.answer(asked))["id"] == 5


@pytest.mark.parametrize(("first", "second", "same"), [(1, "1", False), (1, 1.0, True), ("1", "1", True)])
def test_ids_are_told_apart_by_type_but_not_by_spelling(first: Any, second: Any, same: bool) -> None:
    talk = connected()
    sample(talk.server(ask(first)))
    assert (talk.server(ask(second)) == []) == same


def test_the_server_can_cancel_what_it_asked() -> None:
    talk = connected()
    asked = sample(talk.server(ask(3)))
    gone = talk.server({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 3}})
    assert gone == [StopSample(asked.number)]
    assert talk.answer(asked) == []
    other = written({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 3}})
    assert only(talk.session.from_server(other), ToClient).frame is other


def test_a_cancelled_call_takes_its_samples_with_it_and_the_server_hears_of_both() -> None:
    talk = connected()
    asked = sample(talk.server(ask("s")))
    frame = written({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}})
    passed, stop, error = talk.session.from_client(frame)
    assert isinstance(passed, ToServer)
    assert passed.frame is frame
    assert stop == StopSample(asked.number)
    assert isinstance(error, ToServer)
    assert json.loads(error.frame)["id"] == "s"
    assert "error" in json.loads(error.frame)
    assert talk.session.open == 0


def test_a_sample_that_may_belong_to_another_call_survives_a_cancellation() -> None:
    talk = connected(calls=(1, 2))
    asked = sample(talk.server(ask(3)))
    assert not stopped(talk.client({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 2}}))
    assert to_server(talk.answer(asked))["id"] == 3


def test_what_a_resumed_stream_replays_is_swallowed() -> None:
    talk = connected(calls=())
    talk.client(call(1, modern=False), "a")
    asked = sample(talk.server(ask(3), "a"))
    assert talk.server(ask(3), "resumed") == []
    to_server(talk.answer(asked))
    assert talk.server(ask(3), "resumed") == []
    done = {"jsonrpc": "2.0", "id": 1, "result": {}}
    assert to_client(talk.server(done, "a")) == to_client(talk.server(done, "resumed")) == done


def test_a_stdio_server_may_use_an_id_again() -> None:
    talk = connected()
    to_server(talk.answer(sample(talk.server(ask(3)))))
    to_server(talk.answer(sample(talk.server(ask(3)))))


def test_the_client_cannot_answer_in_the_gateways_place() -> None:
    talk = connected()
    sample(talk.server(ask(3)))
    assert talk.client({"jsonrpc": "2.0", "id": 3, "result": ANSWER}) == []


def test_a_question_goes_to_the_client_and_its_answer_comes_back() -> None:
    talk = connected(elicitation={})
    asked = sample(talk.server(ask(3)))
    assert asked.asks == "inline"
    question = to_client(talk.session.elicit(asked.number, 4, b'{"message":"May it?"}'))
    assert (question["method"], question["params"]) == ("elicitation/create", {"message": "May it?"})
    answer = {"jsonrpc": "2.0", "id": question["id"], "result": {"action": "accept"}}
    got = elicited(talk.client(answer))
    assert (got.number, got.question, json.loads(got.result or b"")) == (asked.number, 4, {"action": "accept"})
    assert talk.client(answer) == [], "a second answer goes nowhere, least of all to the server"
    again = to_client(talk.session.elicit(asked.number, 5, b"{}"))
    declined = {"jsonrpc": "2.0", "id": again["id"], "error": {"code": -32601, "message": "no"}}
    assert talk.client(declined) == [Elicited(asked.number, 5, None)]


@pytest.mark.parametrize(
    ("version", "capability", "asks"),
    [
        ("2025-11-25", {}, "inline"),
        ("2025-11-25", {"form": {}, "url": {}}, "inline"),
        ("2025-11-25", {"url": {}}, "no"),
        ("2025-03-26", {}, "no"),
    ],
)
def test_only_a_client_with_forms_is_asked(version: str, capability: Any, asks: str) -> None:
    talk = connected(version, elicitation=capability)
    assert sample(talk.server(ask(3))).asks == asks


def test_an_open_question_is_withdrawn_with_its_sample() -> None:
    talk = connected(elicitation={})
    asked = sample(talk.server(ask(3)))
    question = to_client(talk.session.elicit(asked.number, 4, b"{}"))
    stop, notice = talk.server({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 3}})
    assert stop == StopSample(asked.number)
    assert isinstance(notice, ToClient)
    assert json.loads(notice.frame)["params"] == {"requestId": question["id"]}
    assert talk.client({"jsonrpc": "2.0", "id": question["id"], "result": {"action": "accept"}}) == []
    assert talk.session.elicit(asked.number, 5, b"{}") == [Elicited(asked.number, 5, None)]


def test_a_server_that_dies_leaves_no_request_without_an_error() -> None:
    talk = connected(calls=(1, "1"))
    asked = sample(talk.server(ask(3)))
    actions = talk.session.server_gone("The server went away.")
    assert stopped(actions) == [asked.number]
    errors = [json.loads(action.frame) for action in actions if isinstance(action, ToClient)]
    assert [error["id"] for error in errors] == [1, "1"]
    assert {error["error"]["message"] for error in errors} == {"The server went away."}
    assert talk.session.open == 0
    assert talk.answer(asked) == []


def test_a_lane_that_ends_concerns_nobody_elses_request() -> None:
    talk = connected(calls=())
    talk.client(call(1, modern=False), "a")
    talk.client(call(2, modern=False), "b")
    asked = sample(talk.server(ask(3), "b"))
    gone = only(talk.session.server_gone("Broken off.", "a"), ToClient)
    assert (json.loads(gone.frame)["id"], gone.lane, talk.session.open) == (1, "a", 1)
    assert to_server(talk.answer(asked))["id"] == 3


def test_a_client_that_leaves_a_lane_may_resume_and_one_that_is_gone_may_not() -> None:
    talk = connected(calls=())
    talk.client(call(1, modern=False), "a")
    asked = sample(talk.server(ask(3), "a"))
    assert talk.session.client_gone("a") == []
    assert talk.session.client_gone() == [StopSample(asked.number)]
    assert talk.session.open == 0


def test_a_response_goes_to_the_lane_that_its_request_came_on() -> None:
    talk = connected(calls=())
    talk.client(call(1, modern=False), "a")
    talk.client(call(2, modern=False), "b")
    assert only(talk.server({"jsonrpc": "2.0", "id": 2, "result": {}}), ToClient).lane == "b"
    assert only(talk.server({"jsonrpc": "2.0", "id": 1, "result": {}}), ToClient).lane == "a"


def test_a_response_on_a_resumed_stream_stays_on_it() -> None:
    talk = connected(calls=())
    talk.client(call(1, modern=False), "post")
    assert only(talk.server({"jsonrpc": "2.0", "id": 1, "result": {}}, "resumed"), ToClient).lane == "resumed"
    assert talk.session.open == 0


def test_the_version_is_the_one_that_the_server_chose() -> None:
    talk = Talk()
    talk.client(initialize("2025-11-25"))
    talk.server({"jsonrpc": "2.0", "id": 0, "result": {"protocolVersion": "2025-03-26"}})
    assert talk.session.version == "2025-03-26"


def test_a_batch_loses_only_what_is_taken() -> None:
    talk = connected("2025-03-26")
    note = b'{"jsonrpc":"2.0","method":"notifications/message","params":{"data":1.50}}'
    batch = b"[" + note + b"," + written(ask(3)) + b", " + written({"jsonrpc": "2.0", "id": 1, "result": {}}) + b"]"
    passed, asked = talk.session.from_server(batch)
    assert isinstance(passed, ToClient)
    assert passed.frame == b"[" + note + b"," + written({"jsonrpc": "2.0", "id": 1, "result": {}}) + b"]"
    assert isinstance(asked, Sample)
    assert talk.session.open == 0


def test_a_batch_with_nothing_for_us_passes_as_it_is() -> None:
    talk = connected("2025-03-26", calls=())
    up = b'[ {"jsonrpc":"2.0","id":1,"method":"tools/list"} ,{"id":[]}, 7 ]'
    assert only(talk.session.from_client(up), ToServer).frame is up
    down = b'[ {"jsonrpc":"2.0","id":1,"result":{}} ,"?" ]'
    assert only(talk.session.from_server(down), ToClient).frame is down
    alone = written([ask(3)])
    assert isinstance(only(talk.session.from_server(alone), Sample), Sample)


def test_a_client_that_uses_an_id_twice_gets_both_answers() -> None:
    talk = connected(calls=(1, 1))
    assert talk.session.open == 2
    for n in range(2):
        done = {"jsonrpc": "2.0", "id": 1, "result": {"n": n}}
        assert to_client(talk.server(done)) == done
    assert talk.session.open == 0
