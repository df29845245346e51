"""Sampling on 2026-07-28: capabilities per request, ``input_required`` results, rounds."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.gateway.session.talk import (
    ANSWER,
    FORM,
    SAMPLING,
    Talk,
    call,
    meta,
    only,
    required,
    sample,
    samples,
    stopped,
    to_client,
    to_server,
    written,
)
from upcall.gateway.session import Lane, Sample, StopSample, ToClient, ToServer

DONE = {"resultType": "complete", "content": []}


def started(method: str = "tools/call", *, lane: Lane = None, **capabilities: Any) -> Talk:
    talk = Talk()
    talk.client(call(1, method, _meta=meta(**capabilities)), lane)
    return talk


def cancelled(id: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": id, "reason": "enough"}}


@pytest.mark.parametrize("method", ["tools/call", "tools/list", "server/discover", "made/up"])
def test_every_request_declares_sampling_and_is_the_same_otherwise(method: str) -> None:
    frame = (
        b'{ "method":"%s","jsonrpc":"2.0", "params":{"n":1.50,"_meta":{"x/y":"\\u00e4","io.modelcontextprotocol'
        b'/clientCapabilities":{"roots":{}}, "progressToken":1e1} , "big":123456789012345678901234567890},"id":7}'
    ) % method.encode()
    went = only(Talk().session.from_client(frame), ToServer).frame
    assert went == frame.replace(b'{"roots":{}}, ', b'{"roots":{},"sampling":{"tools":{}}},')


def test_a_request_is_rebuilt_where_its_meta_cannot_be_found_by_its_text() -> None:
    request = call(1, copy=meta())
    assert to_server(Talk().client(request)) == call(1, copy=meta(), _meta=meta(sampling={"tools": {}}))


@pytest.mark.parametrize(
    ("answers", "allowed", "own", "sent", "taken"),
    [
        ("prefer-client", True, None, {"tools": {}}, True),
        ("prefer-client", True, {}, {}, False),
        ("prefer-client", False, None, None, False),
        ("gateway", True, {}, {"tools": {}}, True),
        ("gateway", False, None, None, True),
        ("gateway", False, {}, None, True),
        ("client", True, None, None, False),
    ],
)
def test_the_policy_says_who_answers(answers: Any, allowed: bool, own: Any, sent: Any, taken: bool) -> None:
    talk = Talk(answers=answers, allowed=allowed)
    request = call(1, _meta=meta(**({} if own is None else {"sampling": own})))
    went = to_server(talk.client(request))
    assert went["params"]["_meta"]["io.modelcontextprotocol/clientCapabilities"].get("sampling") == sent
    asked = written(required(1, "s", k=SAMPLING))
    got = talk.session.from_server(asked)
    if taken:
        sample(got)
    else:
        assert only(got, ToClient).frame is asked


def test_the_policy_is_asked_with_each_request() -> None:
    talk = Talk(answers="client")
    request = written(call(1))
    assert only(talk.session.from_client(request), ToServer).frame is request
    talk.terms = Talk(answers="gateway", tools=False).terms
    assert to_server(talk.client(call(2))) == call(2, _meta=meta(sampling={}))


def test_sampling_alone_is_answered_and_the_call_sent_again() -> None:
    talk = Talk()
    first = to_server(talk.client(call(1), "post"))
    asked = sample(talk.server(required(1, "state", k=SAMPLING), "post"))
    assert asked.params == written(SAMPLING["params"])
    assert (asked.request_id, asked.batch, asked.round, asked.asks) == ("k", 1, 1, "no")
    assert (asked.method, asked.name, asked.arguments) == ("tools/call", "archive", b'{"n": 1}')
    assert (asked.version, asked.lane) == ("2026-07-28", "post")
    actions = talk.answer(asked)
    again = to_server(actions)
    assert only(actions, ToServer).lane == "post"
    assert again["id"] not in (1, "1")
    own = {**first["params"], "inputResponses": {"k": ANSWER}, "requestState": "state"}
    assert again == {**first, "id": again["id"], "params": own}
    done = b'{"id":"%s","jsonrpc":"2.0" ,"result":{"content":[],"n":1.0}}' % again["id"].encode()
    final = only(talk.session.from_server(done, "post"), ToClient)
    assert final.frame == b'{"id":1,"jsonrpc":"2.0" ,"result":{"content":[],"n":1.0}}'
    assert (final.lane, talk.session.open) == ("post", 0)


def test_the_clients_id_comes_back_as_it_wrote_it() -> None:
    talk = Talk()
    talk.client(written(call(1)).replace(b'"id": 1', b'"id": "\\u00e4"'))
    again = to_server(talk.answer(sample(talk.server(required("ä", k=SAMPLING)))))
    final = only(talk.server({"jsonrpc": "2.0", "id": again["id"], "result": {"echo": again["id"]}}), ToClient)
    assert final.frame.startswith(b'{"jsonrpc":"2.0","id":"\\u00e4",')


def test_a_server_without_state_gets_none() -> None:
    talk = started()
    again = to_server(talk.answer(sample(talk.server(required(1, k=SAMPLING)))))
    assert "requestState" not in again["params"]


def test_all_samplings_of_a_result_are_one_batch_and_wait_for_each_other() -> None:
    talk = started()
    asked = samples(talk.server(required(1, "s", **{f"k{n}": SAMPLING for n in range(200)})))
    assert [one.batch for one in asked] == [200] * 200
    assert len({one.number for one in asked}) == 200
    for one in asked[:0:-1]:
        assert talk.answer(one) == []
    assert len(to_server(talk.answer(asked[0]))["params"]["inputResponses"]) == 200


def test_rounds_are_counted_and_the_call_keeps_its_name() -> None:
    talk = started()
    id: Any = 1
    names, ids = set(), {1}
    for n in range(1, 30):
        asked = sample(talk.server(required(id, str(n), k=SAMPLING)))
        assert asked.round == n
        names.add(asked.call)
        again = to_server(talk.answer(asked))
        assert again["params"]["requestState"] == str(n)
        id = again["id"]
        ids.add(id)
    assert (len(names), len(ids)) == (1, 30)


@pytest.mark.parametrize("late", [1, "ours"])
def test_a_server_that_answers_an_id_twice_is_heard_once(late: Any) -> None:
    talk = started()
    asked = sample(talk.server(required(1, "s", k=SAMPLING)))
    assert talk.server({"jsonrpc": "2.0", "id": 1, "result": DONE}) == []
    id = to_server(talk.answer(asked))["id"]
    assert talk.server({"jsonrpc": "2.0", "id": 1, "result": DONE}) == []
    to_client(talk.server({"jsonrpc": "2.0", "id": id, "result": DONE}))
    assert talk.server({"jsonrpc": "2.0", "id": id if late == "ours" else late, "result": DONE}) == []
    to_server(talk.client(call(1)))
    assert to_client(talk.server({"jsonrpc": "2.0", "id": 1, "result": DONE}))["result"] == DONE


def test_a_refusal_ends_a_tool_call_with_a_result_that_says_why() -> None:
    talk = started()
    first, second, third = samples(talk.server(required(1, "s", a=SAMPLING, b=SAMPLING, c=SAMPLING)))
    talk.answer(second)
    actions = talk.refuse(first)
    assert stopped(actions) == [third.number]
    (frame,) = [json.loads(action.frame) for action in actions if isinstance(action, ToClient)]
    text = {"type": "text", "text": "No."}
    assert frame == {
        "jsonrpc": "2.0",
        "id": 1,
        "result": {"resultType": "complete", "content": [text], "isError": True},
    }
    assert talk.session.open == 0
    assert talk.answer(third) == []


@pytest.mark.parametrize("method", ["prompts/get", "resources/read"])
def test_a_refusal_ends_other_requests_with_an_error(method: str) -> None:
    talk = started(method)
    frame = to_client(talk.refuse(sample(talk.server(required(1, "s", a=SAMPLING)))))
    assert frame == {"jsonrpc": "2.0", "id": 1, "error": {"code": -1, "message": "No."}}


@pytest.mark.parametrize(
    "result",
    [
        {"resultType": "input_required", "requestState": "wait"},
        {"resultType": "input_required", "inputRequests": {"e": FORM}},
        {"resultType": "input_required", "inputRequests": {}},
        {"resultType": "input_required", "inputRequests": [SAMPLING]},
        {"resultType": "input_required", "inputRequests": "k"},
        {"resultType": "input_required", "inputRequests": {"k": "sampling/createMessage", "l": None, "m": [SAMPLING]}},
        {"resultType": "input_required", "inputRequests": {"k": {"method": 3}}},
        {"resultType": "input_required", "inputRequests": {"k": SAMPLING}, "requestState": 3},
        {"resultType": "complete", "inputRequests": {"k": SAMPLING}, "text": "input_required"},
        {"resultType": ["input_required"], "inputRequests": {"k": SAMPLING}},
        {"inputRequests": {"k": SAMPLING}},
        {"resultType": "unheard-of"},
        "input_required",
    ],
)
def test_what_asks_for_no_sampling_or_is_malformed_passes_as_it_is(result: Any) -> None:
    talk = started()
    frame = written({"jsonrpc": "2.0", "id": 1, "result": result})
    assert only(talk.session.from_server(frame), ToClient).frame is frame
    assert talk.session.open == 0


def test_a_method_that_may_not_ask_is_not_answered() -> None:
    talk = started("tools/list")
    frame = written(required(1, "s", k=SAMPLING))
    assert only(talk.session.from_server(frame), ToClient).frame is frame


def test_a_sampling_without_params_is_left_to_the_host_to_refuse() -> None:
    assert sample(started().server(required(1, k={"method": "sampling/createMessage"}))).params == b"{}"


def test_the_client_cancels_what_the_server_has_under_another_id() -> None:
    talk = started()
    id = to_server(talk.answer(sample(talk.server(required(1, "s", k=SAMPLING)))))["id"]
    assert to_server(talk.client(cancelled(1))) == cancelled(id)
    assert talk.session.open == 0
    assert talk.server({"jsonrpc": "2.0", "id": id, "result": DONE}) == []


def test_a_cancellation_before_the_first_round_passes() -> None:
    talk = started()
    frame = written(cancelled(1))
    assert only(talk.session.from_client(frame), ToServer).frame is frame
    assert talk.session.open == 0


def test_a_cancellation_while_samples_run_stops_them_and_goes_no_further() -> None:
    talk = started()
    asked = samples(talk.server(required(1, "s", a=SAMPLING, b=SAMPLING)))
    assert talk.client(cancelled(1)) == [StopSample(one.number) for one in asked]
    assert talk.session.open == 0
    assert talk.answer(asked[0]) == talk.answer(asked[1]) == []


@pytest.mark.parametrize("id", [2, "1", None, [1], {"requestId": 1}])
def test_a_cancellation_of_nothing_we_know_passes(id: Any) -> None:
    talk = started()
    frame = written(cancelled(id))
    assert only(talk.session.from_client(frame), ToServer).frame is frame
    assert talk.session.open == 1


def test_a_closed_lane_cancels_its_request_at_every_stage() -> None:
    talk = started(lane="a")
    assert to_server(talk.session.client_gone("a"))["params"] == {"requestId": 1}
    talk = started(lane="a")
    asked = sample(talk.server(required(1, "s", k=SAMPLING), "a"))
    assert talk.session.client_gone("b") == []
    assert talk.session.client_gone("a") == [StopSample(asked.number)]
    talk = started(lane="a")
    id = to_server(talk.answer(sample(talk.server(required(1, "s", k=SAMPLING), "a"))))["id"]
    assert to_server(talk.session.client_gone())["params"] == {"requestId": id}
    assert talk.session.open == 0


def test_the_end_of_a_servers_stream_concerns_only_what_waits_for_it() -> None:
    talk = started(lane="a")
    asked = sample(talk.server(required(1, "s", k=SAMPLING), "a"))
    assert talk.session.server_gone("Over.", "a") == [], "the result was the end of its stream"
    to_server(talk.answer(asked))
    error = to_client(talk.session.server_gone("Over.", "a"))
    assert (error["id"], error["error"]["message"]) == (1, "Over.")


def test_a_server_that_dies_while_samples_run_ends_the_call() -> None:
    talk = started()
    asked = sample(talk.server(required(1, "s", k=SAMPLING)))
    stop, error = talk.session.server_gone("Gone.")
    assert stop == StopSample(asked.number)
    assert isinstance(error, ToClient)
    assert json.loads(error.frame)["id"] == 1


def test_an_error_of_the_server_ends_the_call_under_the_clients_id() -> None:
    talk = started()
    id = to_server(talk.answer(sample(talk.server(required(1, "s", k=SAMPLING)))))["id"]
    error = {"code": -32602, "message": "bad state"}
    assert to_client(talk.server({"jsonrpc": "2.0", "id": id, "error": error})) == {
        "jsonrpc": "2.0",
        "id": 1,
        "error": error,
    }


def test_calls_of_one_session_do_not_meet() -> None:
    talk = Talk()
    for id in (1, "1", 2):
        talk.client(call(id, name=f"tool {id!r}"), f"lane {id!r}")
    asked: dict[Any, Sample] = {id: sample(talk.server(required(id, repr(id), k=SAMPLING))) for id in ("1", 2, 1)}
    assert len({one.call for one in asked.values()}) == 3
    for id, one in asked.items():
        assert (one.name, one.lane) == (f"tool {id!r}", f"lane {id!r}")
        again = to_server(talk.answer(one))
        assert again["params"]["requestState"] == repr(id)
        final = only(talk.server({"jsonrpc": "2.0", "id": again["id"], "result": DONE}), ToClient)
        assert (json.loads(final.frame)["id"], final.lane) == (id, f"lane {id!r}")


def test_a_client_that_uses_an_id_twice_gets_both_answers() -> None:
    talk = started()
    asked = sample(talk.server(required(1, "s", k=SAMPLING)))
    talk.client(call(1, name="second"))
    assert to_client(talk.server({"jsonrpc": "2.0", "id": 1, "result": {"of": "second"}}))["result"] == {"of": "second"}
    again = to_server(talk.answer(asked))
    assert again["params"]["name"] == "archive"
    assert to_client(talk.server({"jsonrpc": "2.0", "id": again["id"], "result": {"of": "first"}}))["id"] == 1


def test_depth_hides_no_response() -> None:
    talk = started()
    id = to_server(talk.answer(sample(talk.server(required(1, "s", k=SAMPLING)))))["id"]
    deep = b'{"structuredContent":' + b"[" * 50_000 + b"]" * 50_000 + b"}"
    final = only(talk.session.from_server(b'{"jsonrpc":"2.0","id":"%s","result":%s}' % (id.encode(), deep)), ToClient)
    assert final.frame == b'{"jsonrpc":"2.0","id":1,"result":%s}' % deep
    assert talk.session.open == 0


def test_an_id_used_twice_opens_no_door_for_a_second_answer() -> None:
    talk = started()
    asked = sample(talk.server(required(1, "s", k=SAMPLING)))
    talk.client(call(1, name="second"))
    to_client(talk.server({"jsonrpc": "2.0", "id": 1, "result": DONE}))
    assert talk.server({"jsonrpc": "2.0", "id": 1, "result": DONE}) == []
    to_server(talk.answer(asked))
    assert talk.server({"jsonrpc": "2.0", "id": 1, "result": DONE}) == []


def test_a_request_of_a_server_that_must_not_send_any_passes() -> None:
    talk = started()
    frame = written({"jsonrpc": "2.0", "id": 4, **SAMPLING})
    assert only(talk.session.from_server(frame), ToClient).frame is frame
