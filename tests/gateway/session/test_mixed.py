"""Rounds that go on to the client, with what is known already sealed in ``requestState``."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.gateway.session.talk import (
    ANSWER,
    FORM,
    KEY,
    SAMPLING,
    Talk,
    call,
    meta,
    only,
    required,
    sample,
    samples,
    to_client,
    to_server,
    written,
)
from upcall.gateway.session import ToClient, ToServer

DONE = {"resultType": "complete", "content": []}
YES = {"action": "accept", "content": {"n": 1.5}}
OTHER = b"another key, also of some bytes."


def mixed(talk: Talk, **own: Any) -> dict[str, Any]:
    """The client's result of a first attempt that asked for a sampling and a form."""
    talk.client(call(1, **own))
    asked = sample(talk.server(required(1, "server's", k=SAMPLING, f=FORM)))
    result: dict[str, Any] = to_client(talk.answer(asked))["result"]
    return result


def returned(result: dict[str, Any], /, id: Any = 2, method: str = "tools/call", **params: Any) -> dict[str, Any]:
    """The client comes back with an answer to everything."""
    answers = dict.fromkeys(result.get("inputRequests", {}), YES)
    return call(id, method, inputResponses=answers, requestState=result["requestState"], **params)


def test_the_rest_goes_to_the_client_and_everything_back_to_the_server() -> None:
    talk = Talk()
    result = mixed(talk)
    assert result["inputRequests"] == {"f": FORM}
    assert "server's" not in result["requestState"]
    assert talk.session.open == 0
    replica = Talk()
    back = to_server(replica.client(returned(result)))
    assert back["id"] == 2
    assert back["params"]["inputResponses"] == {"k": ANSWER, "f": YES}
    assert back["params"]["requestState"] == "server's"
    done = written({"jsonrpc": "2.0", "id": 2, "result": DONE})
    assert only(replica.session.from_server(done), ToClient).frame is done


def test_the_samplings_of_a_call_are_counted_on_by_whoever_goes_on_with_it() -> None:
    talk = Talk()
    talk.client(call(1))
    asked = samples(talk.server(required(1, a=SAMPLING, b=SAMPLING, f=FORM)))
    assert [one.so_far for one in asked] == [2, 2]
    talk.answer(asked[0])
    result = to_client(talk.answer(asked[1]))["result"]
    replica = Talk()
    again = to_server(replica.client(returned(result)))
    asked = samples(replica.server(required(again["id"], a=SAMPLING, b=SAMPLING, c=SAMPLING)))
    assert [(one.so_far, one.round) for one in asked] == [(5, 2)] * 3


def test_a_sampling_that_comes_back_with_its_question_is_counted_once() -> None:
    talk = Talk()
    talk.client(call(1, _meta=meta(elicitation={})))
    first = sample(talk.server(required(1, k=SAMPLING)))
    result = to_client(talk.defer(first))["result"]
    again = sample(Talk().client(returned(result, _meta=meta(elicitation={}))))
    assert (first.so_far, again.so_far) == (1, 1)


def test_a_server_without_state_gets_none_back() -> None:
    talk = Talk()
    talk.client(call(1))
    result = to_client(talk.answer(sample(talk.server(required(1, k=SAMPLING, f=FORM)))))["result"]
    assert "requestState" not in to_server(talk.client(returned(result)))["params"]


def test_what_else_the_servers_result_holds_goes_to_the_client() -> None:
    talk = Talk()
    talk.client(call(1))
    asked = required(1, "s", k=SAMPLING, f=FORM)
    asked["result"]["_meta"] = {"x/y": 1.5}
    assert to_client(talk.answer(sample(talk.server(asked))))["result"]["_meta"] == {"x/y": 1.5}


def test_rounds_and_the_name_of_the_call_outlast_the_way_over_the_client() -> None:
    talk = Talk()
    talk.client(call(1))
    first = sample(talk.server(required(1, "s", k=SAMPLING, f=FORM)))
    result = to_client(talk.answer(first))["result"]
    replica = Talk()
    replica.client(returned(result, "x"))
    second = sample(replica.server(required("x", "t", k=SAMPLING)))
    assert (second.call, second.round) == (first.call, 2)
    again = to_server(replica.answer(second))
    forms = to_client(replica.server(required(again["id"], "u", f=FORM)))["result"]
    assert forms["requestState"] != "u", "a round without sampling would else make the gateway forget the call"
    back = to_server(talk.client(returned(forms, 3)))
    assert (back["params"]["requestState"], back["params"]["inputResponses"]) == ("u", {"f": YES})
    third = sample(talk.server(required(3, k=SAMPLING)))
    assert (third.call, third.round) == (first.call, 3)


def test_a_result_with_state_alone_keeps_the_call_too() -> None:
    talk = Talk()
    talk.client(call(1))
    again = to_server(talk.answer(sample(talk.server(required(1, "s", k=SAMPLING)))))
    wait = to_client(talk.server(required(again["id"], "later")))["result"]
    assert "inputRequests" not in wait
    back = call(2, requestState=wait["requestState"])
    assert (
        to_server(talk.client(back))["params"]
        == call(2, requestState="later", _meta=meta(sampling={"tools": {}}))["params"]
    )


def test_the_client_cannot_replace_an_answer_of_the_gateway() -> None:
    talk = Talk()
    back = returned(mixed(talk))
    back["params"]["inputResponses"]["k"] = {"forged": True}
    assert to_server(talk.client(back))["params"]["inputResponses"]["k"] == ANSWER


def test_a_state_of_somebody_else_passes_untouched() -> None:
    talk = Talk(answers="client")
    for state in ("server's", "upcall.", "upcall.AAAAAAAAAAAA.AAAA", "", mixed(Talk(keys=(OTHER,)))["requestState"]):
        frame = written(call(1, requestState=state, inputResponses={"f": YES}))
        assert only(talk.session.from_client(frame), ToServer).frame is frame


def invalid(talk: Talk, request: dict[str, Any]) -> None:
    error = to_client(talk.client(request))
    assert error == {
        "jsonrpc": "2.0",
        "id": request["id"],
        "error": {"code": -32602, "message": "Invalid or expired requestState. Start the call again."},
    }
    assert talk.session.open == 0


def test_a_state_holds_for_its_request_alone() -> None:
    result = mixed(Talk(principal="ann"))
    to_server(Talk(principal="ann").client(returned(result)))
    to_server(Talk(principal="ann").client(returned(result, arguments={"n": 1}, _meta=meta(roots={}))))
    invalid(Talk(principal="ann"), returned(result, arguments={"n": 2}))
    invalid(Talk(principal="ann"), returned(result, name="other"))
    invalid(Talk(principal="ann"), returned(result, extra=1))
    invalid(Talk(principal="ann"), returned(result, method="prompts/get"))
    invalid(Talk(principal="bob"), returned(result))


def test_a_state_holds_for_its_server_alone() -> None:
    request = returned(mixed(Talk(server="one")))
    assert to_server(Talk(server="two").client(request))["params"]["requestState"] == request["params"]["requestState"]


def test_a_state_expires() -> None:
    talk = Talk()
    result = mixed(talk)
    talk.time += 59
    to_server(talk.client(returned(result)))
    talk.server({"jsonrpc": "2.0", "id": 2, "result": DONE})
    talk.time += 2
    invalid(talk, returned(result, 3))


def test_a_changed_state_is_told_from_a_true_one() -> None:
    talk = Talk()
    result = mixed(talk)
    state = result["requestState"]
    end = state.rindex(".") + 1
    for changed in (state[:-1], state[:end], state + "A", state + "=", state[:end] + "A" * 100, state[:end] + "ä"):
        invalid(talk, returned({**result, "requestState": changed}))
    for at in range(end, len(state), 7):
        other = "A" if state[at] != "A" else "B"
        invalid(talk, returned({**result, "requestState": state[:at] + other + state[at + 1 :]}))


def test_keys_rotate() -> None:
    result = mixed(Talk(keys=(OTHER,)))
    to_server(Talk(keys=(KEY, OTHER)).client(returned(result)))


def test_arguments_may_be_spelt_anew_but_not_changed() -> None:
    result = mixed(Talk(), arguments={"a": "ä", "b": {"x": 1, "y": [1.5]}})
    request = returned(result, arguments={"b": {"y": [1.5], "x": 1}, "a": "ä"})
    to_server(Talk().client(json.dumps(request).encode()))
    invalid(Talk(), returned(result, arguments={"a": "ä", "b": {"x": "1", "y": [1.5]}}))


def test_two_gateways_in_a_row_each_keep_their_own() -> None:
    outer, inner = Talk(keys=(KEY,)), Talk(keys=(OTHER,), answers="gateway")
    inner.client(to_server(outer.client(call(1))))
    # the inner one takes sampling, the outer one sees the form alone
    result = to_client(inner.answer(sample(inner.server(required(1, "s", k=SAMPLING, f=FORM)))))
    result["result"]["inputRequests"]["outer"] = SAMPLING
    sealed = to_client(outer.answer(sample(outer.server(result))))["result"]
    assert set(sealed["inputRequests"]) == {"f"}
    between = to_server(outer.client(returned(sealed)))
    assert set(between["params"]["inputResponses"]) == {"f", "outer"}
    back = to_server(inner.client(between))
    assert back["params"]["requestState"] == "s"
    assert back["params"]["inputResponses"]["k"] == ANSWER


def test_a_person_is_asked_beside_the_servers_own_questions() -> None:
    talk = Talk()
    request = call(1, _meta=meta(elicitation={}))
    talk.client(request)
    one, two, three = samples(talk.server(required(1, "s", a=SAMPLING, b=SAMPLING, c=SAMPLING, f=FORM)))
    assert {one.asks, two.asks} == {"deferred"}
    assert talk.defer(one) == talk.answer(two) == []
    result = to_client(talk.defer(three))["result"]
    ours = [key for key in result["inputRequests"] if key != "f"]
    assert len(ours) == 1, "the same question is put once"
    assert result["inputRequests"][ours[0]] == {"method": "elicitation/create", "params": {"message": "May it?"}}
    replica = Talk()
    back = returned(result, _meta=meta(elicitation={}))
    again = samples(replica.client(back))
    assert {one.request_id for one in again} == {"a", "c"}
    for sampled in again:
        assert (sampled.call, sampled.round, sampled.batch) == (one.call, 1, 3)
        assert {key: json.loads(value) for key, value in sampled.given.items()} == {"question": YES}
    assert replica.answer(again[0]) == []
    sent = to_server(replica.answer(again[1]))
    assert sent["id"] == 2
    assert sent["params"]["requestState"] == "s"
    assert sent["params"]["inputResponses"] == {"a": ANSWER, "b": ANSWER, "c": ANSWER, "f": YES}
    to_client(replica.server({"jsonrpc": "2.0", "id": 2, "result": DONE}))
    assert replica.session.open == 0


def test_a_sample_may_ask_again_and_keeps_what_was_said() -> None:
    talk = Talk()
    own: dict[str, Any] = {"_meta": meta(elicitation={"form": {}})}
    talk.client(call(1, **own))
    asked = sample(talk.server(required(1, "s", k=SAMPLING, f=FORM)))
    result = to_client(talk.defer(asked, "first"))["result"]
    asked = sample(talk.client(returned(result, 2, **own)))
    result = to_client(talk.defer(asked, "second"))["result"]
    assert "f" not in result["inputRequests"], "the client has answered it"
    asked = sample(talk.client(returned(result, 3, **own)))
    assert set(asked.given) == {"first", "second"}
    sent = to_server(talk.answer(asked))
    assert sent["id"] == 3
    assert sent["params"]["inputResponses"] == {"f": YES, "k": ANSWER}


def test_a_client_that_comes_back_without_an_answer_is_asked_again() -> None:
    talk = Talk()
    own: dict[str, Any] = {"_meta": meta(elicitation={})}
    talk.client(call(1, **own))
    result = to_client(talk.defer(sample(talk.server(required(1, k=SAMPLING)))))["result"]
    asked = sample(talk.client(call(2, requestState=result["requestState"], **own)))
    assert asked.given == {}


def test_a_sample_cannot_ask_a_client_that_has_no_forms() -> None:
    talk = Talk()
    talk.client(call(1))
    result = to_client(talk.defer(sample(talk.server(required(1, k=SAMPLING)))))["result"]
    assert result["isError"]


def test_a_call_can_be_cancelled_while_what_the_client_brought_is_used() -> None:
    talk = Talk()
    own: dict[str, Any] = {"_meta": meta(elicitation={})}
    talk.client(call(1, **own))
    result = to_client(talk.defer(sample(talk.server(required(1, k=SAMPLING)))))["result"]
    asked = sample(talk.client(returned(result, **own)))
    gone = talk.client({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 2}})
    assert [action.number for action in gone] == [asked.number]  # type: ignore[union-attr]
    assert talk.session.open == 0


def test_too_much_to_seal_ends_the_call() -> None:
    talk = Talk()
    talk.client(call(1))
    asked = sample(talk.server(required(1, "x" * 5_000_000, k=SAMPLING, f=FORM)))
    assert to_client(talk.answer(asked))["result"]["isError"]
    assert talk.session.open == 0


@pytest.mark.parametrize("state", [3, None, ["upcall."], {"a": 1}])
def test_a_state_that_is_no_text_is_the_servers_matter(state: Any) -> None:
    assert to_server(Talk().client(call(1, requestState=state)))["params"]["requestState"] == state
