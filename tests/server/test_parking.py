"""The parking core, without an event loop: each rule by example, and all of them together under random histories."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, multiple, precondition, rule

from upcall.errors import InvalidRequest, RoundsExhausted, SampleAbandoned, TooManyParked
from upcall.server.parking import STATE_PREFIX, Binding, Call, Lot, Phase

BINDING = Binding.of("tools/call", {"name": "explain", "arguments": {"line": "x"}}, "ann")


def lot(*, lifetime: float = 10.0, cap: int = 3, max_rounds: int = 10) -> Lot[str]:
    counter = itertools.count()
    return Lot(lifetime=lifetime, cap=cap, max_rounds=max_rounds, new_id=lambda: f"id{next(counter)}")


def test_a_round_carries_everything_asked_and_comes_back_to_the_same_call() -> None:
    garage = lot()
    call = garage.admit(BINDING, "body")
    first, second = call.ask("a?"), call.ask("b?")
    park_id, questions = garage.park(call, now=0)
    assert park_id.startswith(STATE_PREFIX)
    assert questions == {first: "a?", second: "b?"}
    resumed = garage.resume(park_id, BINDING, {first: "A", second: "B"}, now=1)
    assert resumed.call is call
    assert resumed.answers == {first: "A", second: "B"}
    assert call.waiting == []


def test_a_park_id_opens_its_call_once() -> None:
    garage = lot()
    call = garage.admit(BINDING, "body")
    key = call.ask("?")
    park_id, _ = garage.park(call, now=0)
    garage.resume(park_id, BINDING, {key: "!"}, now=0)
    with pytest.raises(InvalidRequest, match="Invalid or expired requestState"):
        garage.resume(park_id, BINDING, {key: "!"}, now=0)


@pytest.mark.parametrize(
    "other",
    [
        BINDING._replace(principal="bob"),
        BINDING._replace(principal=None),
        BINDING._replace(method="prompts/get"),
        BINDING._replace(target="erase"),
        BINDING._replace(arguments={"line": "y"}),
    ],
)
def test_a_stranger_is_refused_and_uses_nothing_up(other: Binding) -> None:
    garage = lot()
    call = garage.admit(BINDING, "body")
    key = call.ask("?")
    park_id, _ = garage.park(call, now=0)
    with pytest.raises(InvalidRequest):
        garage.resume(park_id, other, {key: "!"}, now=0)
    assert garage.resume(park_id, BINDING, {key: "!"}, now=0).answers == {key: "!"}


def test_missing_answers_are_asked_again_and_unknown_keys_ignored() -> None:
    garage = lot()
    call = garage.admit(BINDING, "body")
    first, second = call.ask("a?"), call.ask("b?")
    park_id, _ = garage.park(call, now=0)
    resumed = garage.resume(park_id, BINDING, {second: "B", "ask-99": "?", "": 1}, now=0)
    assert resumed.answers == {second: "B"}
    assert garage.park(call, now=0).questions == {first: "a?"}


def test_what_is_asked_while_the_client_is_away_goes_out_with_the_next_round_only() -> None:
    garage = lot()
    call = garage.admit(BINDING, "body")
    first = call.ask("a?")
    park_id, _ = garage.park(call, now=0)
    late = call.ask("b?")
    resumed = garage.resume(park_id, BINDING, {first: "A", late: "guessed"}, now=0)
    assert resumed.answers == {first: "A"}
    assert garage.park(call, now=0).questions == {late: "b?"}


def test_a_withdrawn_question_takes_no_answer() -> None:
    garage = lot()
    call = garage.admit(BINDING, "body")
    key = call.ask("?")
    park_id, _ = garage.park(call, now=0)
    call.withdraw(key)
    assert garage.resume(park_id, BINDING, {key: "late"}, now=0).answers == {}


def test_a_call_is_abandoned_when_its_lifetime_is_over_and_asks_no_more() -> None:
    garage = lot(lifetime=10)
    call = garage.admit(BINDING, "body")
    call.ask("?")
    park_id, _ = garage.park(call, now=5)
    assert garage.next_expiry == 15
    assert garage.expire(now=14.9) == []
    assert garage.expire(now=15) == [call]
    assert call.phase is Phase.ABANDONED
    assert len(garage) == 0
    with pytest.raises(SampleAbandoned):
        call.ask("again?")
    with pytest.raises(InvalidRequest):
        garage.resume(park_id, BINDING, {}, now=15)


def test_a_call_that_is_due_cannot_be_resumed_even_before_the_timer_came() -> None:
    garage = lot(lifetime=10)
    call = garage.admit(BINDING, "body")
    call.ask("?")
    park_id, _ = garage.park(call, now=0)
    with pytest.raises(InvalidRequest):
        garage.resume(park_id, BINDING, {}, now=10)
    assert garage.expire(now=10) == [call]


def test_a_full_lot_turns_the_newcomer_away_and_leaves_it_open() -> None:
    garage = lot(cap=1)
    inside, outside = garage.admit(BINDING, "1"), garage.admit(BINDING, "2")
    inside.ask("?")
    outside.ask("?")
    garage.park(inside, now=0)
    with pytest.raises(TooManyParked, match="max_parked"):
        garage.park(outside, now=0)
    assert outside.phase is Phase.OPEN


def test_the_question_after_the_last_round_fails_at_once() -> None:
    garage = lot(max_rounds=2)
    call = garage.admit(BINDING, "body")
    for _ in range(2):
        assert call.rounds_left > 0
        key = call.ask("?")
        park_id, _ = garage.park(call, now=0)
        garage.resume(park_id, BINDING, {key: "!"}, now=0)
    assert call.rounds_left == 0
    with pytest.raises(RoundsExhausted, match="All 2 rounds"):
        call.ask("?")


def test_what_is_still_missing_after_the_last_round_cannot_park_again() -> None:
    garage = lot(max_rounds=1)
    call = garage.admit(BINDING, "body")
    call.ask("?")
    park_id, _ = garage.park(call, now=0)
    garage.resume(park_id, BINDING, {}, now=0)
    with pytest.raises(RoundsExhausted):
        garage.park(call, now=0)


def test_only_an_open_call_parks() -> None:
    garage = lot()
    call = garage.admit(BINDING, "body")
    call.ask("?")
    garage.park(call, now=0)
    with pytest.raises(RuntimeError, match="PARKED"):
        garage.park(call, now=0)


def test_the_default_ids_are_long_and_all_different() -> None:
    garage: Lot[int] = Lot(lifetime=1, cap=1000, max_rounds=10)
    ids = set()
    for number in range(500):
        call = garage.admit(BINDING, number)
        call.ask("?")
        ids.add(garage.park(call, now=0).park_id)
    assert len(ids) == 500
    assert min(len(park_id.removeprefix(STATE_PREFIX)) for park_id in ids) >= 22  # 128 bits, base64


def test_the_target_of_a_resource_is_its_uri() -> None:
    binding = Binding.of("resources/read", {"uri": "log://today", "name": "x"}, None)
    assert binding.target == "log://today"
    assert binding.arguments == {}


class Parking(RuleBasedStateMachine):
    """Random histories of several calls, checked against what the module promises.

    Every question's payload is its own (call, key), and every answer says for which (call, key) it was made, so an
    answer that reaches another question shows.
    """

    CAP, ROUNDS, LIFETIME = 3, 4, 10.0

    calls = Bundle("calls")
    ids = Bundle("ids")

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.lot: Lot[int] = Lot(lifetime=self.LIFETIME, cap=self.CAP, max_rounds=self.ROUNDS)
        self.numbers = itertools.count()
        self.live: dict[str, tuple[Call[int], set[str], float]] = {}
        self.used: set[str] = set()
        self.keys: dict[int, set[str]] = {}
        self.withdrawn: dict[int, set[str]] = {}
        self.answered: dict[int, set[str]] = {}

    @rule(target=calls, principal=st.sampled_from([None, "ann"]))
    def admit(self, principal: str | None) -> Call[int]:
        number = next(self.numbers)
        self.keys[number], self.withdrawn[number], self.answered[number] = set(), set(), set()
        return self.lot.admit(BINDING._replace(principal=principal), number)

    @rule(call=calls)
    def ask(self, call: Call[int]) -> None:
        if call.phase in (Phase.ABANDONED, Phase.CLOSED):
            with pytest.raises(SampleAbandoned):
                call.ask("?")
        elif call.rounds_left == 0:
            with pytest.raises(RoundsExhausted):
                call.ask("?")
        else:
            key = call.ask(("question", call.owner))
            assert key not in self.keys[call.owner], "keys are never used twice"
            self.keys[call.owner].add(key)

    @rule(call=calls, data=st.data())
    def withdraw(self, call: Call[int], data: st.DataObject) -> None:
        if call.waiting:
            key = data.draw(st.sampled_from(call.waiting))
            call.withdraw(key)
            self.withdrawn[call.owner].add(key)

    @rule(target=ids, call=calls)
    def park(self, call: Call[int]) -> Any:
        if call.phase is not Phase.OPEN or not call.waiting:
            return multiple()
        if call.rounds_left == 0:
            with pytest.raises(RoundsExhausted):
                self.lot.park(call, self.now)
            return multiple()
        if len(self.live) >= self.CAP:
            with pytest.raises(TooManyParked):
                self.lot.park(call, self.now)
            return multiple()
        waiting = set(call.waiting)
        park_id, questions = self.lot.park(call, self.now)
        assert set(questions) == waiting, "what has no answer goes out"
        assert all(payload == ("question", call.owner) for payload in questions.values())
        assert park_id not in self.used
        assert park_id not in self.live
        self.live[park_id] = (call, waiting, self.now + self.LIFETIME)
        return park_id

    @rule(park_id=ids, data=st.data(), noise=st.dictionaries(st.text(max_size=5), st.integers(), max_size=2))
    def resume(self, park_id: str, data: st.DataObject, noise: dict[str, int]) -> None:
        binding = BINDING._replace(principal=data.draw(st.sampled_from([None, "ann", "bob"])))
        known = self.live.get(park_id)
        if known is None or known[0].binding != binding or known[2] <= self.now:
            before = len(self.lot)
            with pytest.raises(InvalidRequest):
                self.lot.resume(park_id, binding, dict(noise), self.now)
            assert len(self.lot) == before, "a refused presenter uses nothing up"
            return
        call, sent, _ = known
        given = {key: (call.owner, key) for key in data.draw(st.sets(st.sampled_from(sorted(sent))))}
        resumed = self.lot.resume(park_id, binding, {**noise, **given}, self.now)
        assert resumed.call is call
        expected = {key: value for key, value in given.items() if key not in self.withdrawn[call.owner]}
        assert {key: value for key, value in resumed.answers.items() if key in expected} == expected
        assert set(resumed.answers) <= sent, "no answer but to what was sent"
        assert not set(resumed.answers) & self.answered[call.owner], "no question is answered twice"
        assert not set(resumed.answers) & self.withdrawn[call.owner]
        assert not set(resumed.answers) & set(call.waiting)
        self.answered[call.owner] |= set(resumed.answers)
        del self.live[park_id]
        self.used.add(park_id)

    @rule(seconds=st.floats(0, 12))
    def wait(self, seconds: float) -> None:
        self.now += seconds
        due = {park_id for park_id, (_, _, expiry) in self.live.items() if expiry <= self.now}
        gone = self.lot.expire(self.now)
        assert {call.owner for call in gone} == {self.live[park_id][0].owner for park_id in due}
        for park_id in due:
            del self.live[park_id]
            self.used.add(park_id)

    @rule(call=consumes(calls))
    def close(self, call: Call[int]) -> None:
        self.lot.close(call)
        for park_id, (parked, _, _) in list(self.live.items()):
            if parked is call:
                del self.live[park_id]
                self.used.add(park_id)
        assert call.phase is Phase.CLOSED
        assert call.waiting == []

    @precondition(lambda self: self.live)
    @rule()
    def stop_the_server(self) -> None:
        assert {call.owner for call in self.lot.abandon_all()} == {call.owner for call, _, _ in self.live.values()}
        self.used.update(self.live)
        self.live.clear()

    @invariant()
    def holds_exactly_what_is_parked(self) -> None:
        assert len(self.lot) == len(self.live) <= self.CAP
        for call, _, _ in self.live.values():
            assert call.phase is Phase.PARKED
            assert call.rounds <= self.ROUNDS
        expected = min((expiry for _, _, expiry in self.live.values()), default=None)
        assert self.lot.next_expiry == expected


Parking.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestParking = Parking.TestCase
