"""Signs of life while samples are under way."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.gateway.session.talk import SAMPLING, Talk, ask, call, initialize, meta, required, sample, samples
from upcall.gateway.session import Action, Lane, ToClient


def told(actions: list[Action]) -> list[Any]:
    found = []
    for action in actions:
        assert isinstance(action, ToClient)
        message = json.loads(action.frame)
        assert message["method"] == "notifications/progress"
        assert "id" not in message
        found.append(message["params"])
    return found


def beats(talk: Talk) -> list[Any]:
    return told(talk.session.beat())


def progress(value: Any, token: Any = "t", **more: Any) -> dict[str, Any]:
    return {
        "jsonrpc": "2.0",
        "method": "notifications/progress",
        "params": {"progressToken": token, "progress": value, **more},
    }


def held(lane: Lane = None, **params: Any) -> Talk:
    talk = Talk()
    talk.client(call(1, **params), lane)
    return talk


def test_a_held_call_has_progress_that_rises_by_next_to_nothing() -> None:
    talk = held()
    asked = sample(talk.server(required(1, k=SAMPLING)))
    first, second = beats(talk)[0], beats(talk)[0]
    assert first["progressToken"] == "t"
    assert 0 < first["progress"] < second["progress"] < 0.001
    talk.answer(asked)
    assert beats(talk) == []


@pytest.mark.parametrize("value", [-1, 0, 0.5, 40, 1e9, 1e18, 2**70])
def test_ours_is_above_what_the_server_said_last_and_below_what_it_says_next(value: Any) -> None:
    talk = held()
    frame = talk.server(progress(value, total=100))
    assert len(frame) == 1
    talk.server(required(1, k=SAMPLING))
    for _ in range(3):
        got = beats(talk)[0]
        assert value < got["progress"] < value + max(0.01, abs(value) * 1e-9)
        assert got["total"] == 100
        value = got["progress"]


def test_a_lower_value_of_the_server_passes_and_ours_goes_on_from_the_highest() -> None:
    talk = held()
    talk.server(progress(5))
    sent = talk.session.from_server(
        b'{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"t","progress":2.0}}'
    )
    assert json.loads(sent[0].frame)["params"]["progress"] == 2.0  # type: ignore[union-attr]
    talk.server(required(1, k=SAMPLING))
    assert 5 < beats(talk)[0]["progress"] < 5.01


def test_a_token_used_for_a_new_call_begins_anew() -> None:
    talk = held()
    talk.server(progress(90))
    talk.server({"jsonrpc": "2.0", "id": 1, "result": {"resultType": "complete", "content": []}})
    talk.client(call(2))
    talk.server(required(2, k=SAMPLING))
    assert 0 < beats(talk)[0]["progress"] < 0.001


def test_each_call_has_its_own_on_its_own_lane() -> None:
    talk = Talk()
    for id in (1, 2, 3):
        talk.client(call(id, _meta={**meta(), "progressToken": id}), f"lane {id}")
    for id in (1, 3):
        samples(talk.server(required(id, k=SAMPLING), f"lane {id}"))
    actions = talk.session.beat()
    assert [one["progressToken"] for one in told(actions)] == [1, 3]
    assert [action.lane for action in actions if isinstance(action, ToClient)] == ["lane 1", "lane 3"]


@pytest.mark.parametrize("token", [None, True, 1.5, [], {}])
def test_no_token_no_progress(token: Any) -> None:
    own = {**meta(), "progressToken": token}
    if token is None:
        del own["progressToken"]
    talk = held(_meta=own)
    sample(talk.server(required(1, k=SAMPLING)))
    assert beats(talk) == []


def test_a_legacy_call_has_progress_while_its_sample_is_under_way() -> None:
    talk = Talk()
    talk.client(initialize())
    talk.server({"jsonrpc": "2.0", "id": 0, "result": {"protocolVersion": "2025-11-25", "capabilities": {}}})
    talk.client(call(1, modern=False, _meta={"progressToken": 7}))
    assert beats(talk) == []
    asked = sample(talk.server(ask("s")))
    assert [one["progressToken"] for one in beats(talk)] == [7]
    talk.server({"jsonrpc": "2.0", "id": 1, "result": {"content": []}})
    assert beats(talk) == []
    talk.answer(asked)


@pytest.mark.parametrize("params", [7, {}, {"progressToken": "t"}, {"progressToken": "t", "progress": "x"}])
def test_progress_that_is_none_passes(params: Any) -> None:
    talk = held()
    frame = json.dumps({"jsonrpc": "2.0", "method": "notifications/progress", "params": params}).encode()
    assert talk.session.from_server(frame) == [ToClient(frame, None)]


TRACE = {
    "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    "tracestate": "a=b",
    "baggage": "u=1",
}


@pytest.mark.parametrize("modern", [True, False])
def test_a_sample_has_the_trace_of_the_clients_request(modern: bool) -> None:
    talk = Talk()
    if modern:
        talk.client(call(1, _meta={**meta(), **TRACE}))
        asked = sample(talk.server(required(1, k=SAMPLING)))
    else:
        talk.client(initialize())
        talk.client(call(1, modern=False, _meta=TRACE))
        asked = sample(talk.server(ask("s")))
    assert asked.trace == TRACE


@pytest.mark.parametrize("odd", [{"traceparent": 7}, {"traceparent": "x" * 200}, {}])
def test_a_trace_that_is_none_is_left_out(odd: dict[str, Any]) -> None:
    talk = held(_meta={**meta(), **odd})
    assert sample(talk.server(required(1, k=SAMPLING))).trace == {}
