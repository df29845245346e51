"""Many exchanges over one pipe: what each of them sees, and that nobody sees another's."""

import json
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from upcall.gateway.http.children.multiplexing import Multiplexer

SUBSCRIPTION = "io.modelcontextprotocol/subscriptionId"


def dump(message: object) -> bytes:
    return json.dumps(message).encode()


def call(id: object, method: str = "tools/call", **params: object) -> bytes:
    return dump({"jsonrpc": "2.0", "id": id, "method": method, "params": params})


def note(method: str, **params: object) -> bytes:
    return dump({"jsonrpc": "2.0", "method": method, "params": params})


def reply(id: object, **result: object) -> bytes:
    return dump({"jsonrpc": "2.0", "id": id, "result": result})


def sent(many: Multiplexer[str], exchange: str, frame: bytes) -> Any:
    passed = many.to_server(exchange, frame)
    return None if passed is None else json.loads(passed)


def got(many: Multiplexer[str], frame: bytes) -> list[tuple[object, Any]]:
    return [(one.exchange, one.frame and json.loads(one.frame)) for one in many.from_server(frame)]


def test_two_clients_with_the_same_id_get_their_own_answers() -> None:
    many: Multiplexer[str] = Multiplexer()
    ann, bob = sent(many, "ann", call(1, who="ann"))["id"], sent(many, "bob", call(1, who="bob"))["id"]
    assert ann != bob
    assert got(many, reply(bob, of="bob")) == [("bob", {"jsonrpc": "2.0", "id": 1, "result": {"of": "bob"}})]
    assert got(many, reply(ann, of="ann")) == [("ann", {"jsonrpc": "2.0", "id": 1, "result": {"of": "ann"}})]
    assert got(many, reply(ann, of="ann again")) == []
    assert many.open == 0


def test_progress_comes_back_under_the_clients_own_token() -> None:
    many: Multiplexer[str] = Multiplexer()
    sent(many, "ann", call(1, _meta={"progressToken": "t", "other": 1}))
    passed = sent(many, "bob", call("x", _meta={"progressToken": "t"}))
    assert passed["params"]["_meta"]["progressToken"] == passed["id"]
    assert got(many, note("notifications/progress", progressToken=passed["id"], progress=1)) == [
        ("bob", {"jsonrpc": "2.0", "method": "notifications/progress", "params": {"progressToken": "t", "progress": 1}})
    ]
    assert got(many, note("notifications/progress", progressToken="t", progress=1)) == []


def test_progress_that_nobody_asked_for_goes_nowhere() -> None:
    many: Multiplexer[str] = Multiplexer()
    passed = sent(many, "ann", call(1))
    assert got(many, note("notifications/progress", progressToken=passed["id"], progress=1)) == []


def test_a_cancellation_names_the_servers_number_and_only_ones_own() -> None:
    many: Multiplexer[str] = Multiplexer()
    ann, bob = sent(many, "ann", call(1))["id"], sent(many, "bob", call("1"))["id"]
    assert sent(many, "bob", note("notifications/cancelled", requestId=1)) is None
    assert sent(many, "bob", note("notifications/cancelled", requestId=True)) is None
    assert sent(many, "ann", note("notifications/cancelled", requestId=1, reason="no"))["params"] == {
        "requestId": ann,
        "reason": "no",
    }
    assert sent(many, "ann", note("notifications/cancelled", requestId=1)) is None
    assert got(many, reply(ann)) == []
    assert [exchange for exchange, _ in got(many, reply(bob))] == ["bob"]


def test_who_goes_cancels_what_is_open_and_nothing_else() -> None:
    many: Multiplexer[str] = Multiplexer()
    ann, bob = sent(many, "ann", call(1))["id"], sent(many, "bob", call(1))["id"]
    (cancelled,) = many.gone("ann")
    assert json.loads(cancelled)["params"]["requestId"] == ann
    assert many.gone("ann") == []
    assert got(many, reply(ann)) == []
    assert [exchange for exchange, _ in got(many, reply(bob))] == ["bob"]


def test_a_subscription_sees_its_own_notifications_and_its_own_end() -> None:
    many: Multiplexer[str] = Multiplexer()
    ann = sent(many, "ann", call("s", "subscriptions/listen", notifications={}))["id"]
    bob = sent(many, "bob", call("s", "subscriptions/listen", notifications={}))["id"]
    changed = note("notifications/tools/list_changed", _meta={SUBSCRIPTION: bob, "x": 1})
    ((who, frame),) = got(many, changed)
    assert (who, frame["params"]["_meta"]) == ("bob", {SUBSCRIPTION: "s", "x": 1})
    assert got(many, note("notifications/tools/list_changed")) == []
    ((who, frame),) = got(many, reply(ann, _meta={SUBSCRIPTION: ann}, resultType="complete"))
    assert (who, frame["id"], frame["result"]["_meta"]) == ("ann", "s", {SUBSCRIPTION: "s"})
    assert got(many, note("notifications/cancelled", requestId=bob)) == [("bob", None)]
    assert many.open == 0


def test_the_server_cannot_cancel_an_ordinary_request() -> None:
    many: Multiplexer[str] = Multiplexer()
    ann = sent(many, "ann", call(1))["id"]
    assert got(many, note("notifications/cancelled", requestId=ann)) == []
    assert many.open == 1


def test_a_frame_that_names_nobody_goes_to_the_only_request_there_is() -> None:
    many: Multiplexer[str] = Multiplexer()
    log = note("notifications/message", level="info", data="x")
    assert got(many, log) == []
    ann = sent(many, "ann", call(1))["id"]
    assert [exchange for exchange, _ in got(many, log)] == ["ann"]
    sent(many, "bob", call(1))
    assert got(many, log) == []
    got(many, reply(ann))
    assert [exchange for exchange, _ in got(many, log)] == ["bob"]


def test_what_a_cancelled_request_may_still_say_goes_to_nobody_else() -> None:
    now = [0.0]
    many: Multiplexer[str] = Multiplexer(lambda: now[0])
    sent(many, "ann", call(1))
    many.gone("ann")
    sent(many, "bob", call(1))
    log = note("notifications/message", level="info", data="of ann")
    assert got(many, log) == []
    now[0] = 31.0
    assert [exchange for exchange, _ in got(many, log)] == ["bob"]


def test_an_error_without_an_id_ends_the_only_request() -> None:
    many: Multiplexer[str] = Multiplexer()
    sent(many, "ann", call("a"))
    error = dump({"jsonrpc": "2.0", "id": None, "error": {"code": -32700, "message": "?"}})
    ((who, frame),) = got(many, error)
    assert (who, frame["id"]) == ("ann", "a")
    assert got(many, error) == []


def test_what_a_client_may_not_send_goes_nowhere() -> None:
    many: Multiplexer[str] = Multiplexer()
    sent(many, "ann", call(1))
    for frame in (b"", b"x", b"7", b"[]", b"[" * 9999, reply(1), note("notifications/initialized")):
        assert many.to_server("bob", frame) is None


def test_what_a_server_may_not_send_goes_nowhere() -> None:
    many: Multiplexer[str] = Multiplexer()
    number = sent(many, "ann", call(1))["id"]
    request = call(5, "sampling/createMessage")
    bad = (b"", b"x", b"7", b"[1]", b"{" * 9999, request, reply(str(number)), reply(None), reply(True), reply([number]))
    for frame in bad:
        assert many.from_server(frame) == []
    assert many.open == 1


def test_a_batch_of_the_server_goes_apart() -> None:
    many: Multiplexer[str] = Multiplexer()
    ann, bob = sent(many, "ann", call(1))["id"], sent(many, "bob", call(1))["id"]
    assert [exchange for exchange, _ in got(many, b"[" + reply(bob) + b"," + reply(ann) + b"]")] == ["bob", "ann"]


def test_what_is_not_rewritten_stays_as_it_was_written() -> None:
    many: Multiplexer[str] = Multiplexer()
    frame = (
        b'{"jsonrpc":"2.0","id":"\\u0041","method":"tools/call","params":{"n":1.00e2,"s":"\\u00fc","_meta":{"b":1}}}'
    )
    passed = many.to_server("ann", frame)
    assert passed == frame.replace(b'"\\u0041"', b"1")
    answer = b'{"jsonrpc":"2.0","id":1,"result":{"n":12345678901234567890123,"d":1e400}}'
    (delivery,) = many.from_server(answer)
    assert delivery.frame == answer.replace(b'"id":1', b'"id":"\\u0041"')


EXCHANGES = st.sampled_from("abcde")
IDS = st.one_of(st.integers(0, 3), st.sampled_from(["0", "1", "x"]))


class Crowd(RuleBasedStateMachine):
    """Clients that use the same ids and tokens, one server, in any order. Each frame carries whom it is for."""

    def __init__(self) -> None:
        super().__init__()
        self.many: Multiplexer[str] = Multiplexer(lambda: 0.0)
        self.numbers: dict[int, tuple[str, Any, Any, str]] = {}  # what the server knows
        self.live: set[int] = set()

    @rule(exchange=EXCHANGES, id=IDS, token=st.one_of(st.none(), IDS), listens=st.booleans())
    def ask(self, exchange: str, id: Any, token: Any, listens: bool) -> None:
        method = "subscriptions/listen" if listens else "tools/call"
        params = {"of": exchange, **({} if token is None else {"_meta": {"progressToken": token}})}
        passed = sent(self.many, exchange, call(id, method, **params))
        assert passed["id"] not in self.numbers
        assert passed["params"]["of"] == exchange
        self.numbers[passed["id"]] = exchange, id, token, method
        self.live.add(passed["id"])

    @rule(exchange=EXCHANGES, id=IDS)
    def cancel(self, exchange: str, id: Any) -> None:
        passed = sent(self.many, exchange, note("notifications/cancelled", requestId=id))
        if passed is not None:
            number = passed["params"]["requestId"]
            assert self.numbers[number][:2] == (exchange, id)
            self.live.remove(number)
        else:
            assert all(self.numbers[number][:2] != (exchange, id) for number in self.live)

    @rule(exchange=EXCHANGES)
    def leave(self, exchange: str) -> None:
        told = {json.loads(frame)["params"]["requestId"] for frame in self.many.gone(exchange)}
        assert told == {number for number in self.live if self.numbers[number][0] == exchange}
        self.live -= told

    @rule(data=st.data(), kind=st.sampled_from(["reply", "progress", "changed", "end"]))
    def say(self, data: st.DataObject, kind: str) -> None:
        number = data.draw(st.sampled_from([0, *self.numbers]))
        exchange, id, token, method = self.numbers.get(number, (None, None, None, ""))
        frame = {
            "reply": reply(number, of=exchange, _meta={SUBSCRIPTION: number}),
            "progress": note("notifications/progress", progressToken=number, of=exchange),
            "changed": note("notifications/tools/list_changed", _meta={SUBSCRIPTION: number}, of=exchange),
            "end": note("notifications/cancelled", requestId=number),
        }[kind]
        told = got(self.many, frame)
        listens = method == "subscriptions/listen"
        due = number in self.live and (
            kind == "reply" or (kind == "progress" and token is not None) or (kind in ("changed", "end") and listens)
        )
        assert len(told) == due
        for who, message in told:
            assert who == exchange
            if kind == "reply":
                assert (message["id"], message["result"]["of"]) == (id, exchange)
                assert message["result"]["_meta"] == {SUBSCRIPTION: id if listens else number}
            elif kind == "progress":
                assert (message["params"]["progressToken"], message["params"]["of"]) == (token, exchange)
            elif kind == "changed":
                assert message["params"] == {"_meta": {SUBSCRIPTION: id}, "of": exchange}
        if due and kind in ("reply", "end"):
            self.live.remove(number)

    @invariant()
    def counts(self) -> None:
        assert self.many.open == len(self.live)


TestCrowd = Crowd.TestCase
TestCrowd.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
