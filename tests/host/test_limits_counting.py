"""Limits on how many: by server, by tool call, by the minute."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from upcall.errors import LimitExceeded
from upcall.host.limits import Counters, check_result, too_many_a_minute
from upcall.host.limits.counting import FORGOTTEN, REMEMBERED
from upcall.host.policy import Rules, parse_policy


def rules(server: str = "logs", **limits: int | str) -> Rules:
    text = "".join(f"limits.{key} = {value!r}\n" for key, value in limits.items())
    return parse_policy(f"[default]\n{text}", "/home/operator/upcall.toml").rules_for(server)


def admitted(counters: Counters, given: Rules, at: float, call: object = None) -> bool:
    try:
        counters.admit(given, at=at, call=call)
    except LimitExceeded:
        return False
    return True


def test_a_minute_is_the_last_sixty_seconds_not_the_one_on_the_clock() -> None:
    counters, two = Counters(), rules(per_minute=2)
    times = [0.0, 59.0, 59.5, 60.0, 60.5, 118.9, 119.0]
    assert [admitted(counters, two, at) for at in times] == [True, True, False, True, False, False, True]


def test_a_refusal_says_when_to_try_again_and_how_to_raise_the_limit() -> None:
    counters, one = Counters(), rules(per_minute=1)
    counters.admit(one, at=100.0)
    with pytest.raises(LimitExceeded) as caught:
        counters.admit(one, at=112.3)
    assert str(caught.value) == (
        "Too many sampling requests within a minute: at most 1 are taken. Try again in 48 seconds."
    )
    assert caught.value.detail == (
        "limits.per_minute of logs: 2 sampling requests within a minute, allowed: 1. It is set at "
        "/home/operator/upcall.toml:2 default.limits.per_minute; raise it there, or for this server alone under "
        "[server.logs.limits]."
    )
    assert admitted(counters, one, 112.3 + 48)


def test_servers_do_not_count_for_each_other() -> None:
    counters = Counters()
    assert [admitted(counters, rules(name, per_minute=1), 0.0) for name in ("a", "b", "a")] == [True, True, False]


def test_a_tool_call_has_so_many_samples_and_then_no_more() -> None:
    counters, two = Counters(), rules(samples_per_call=2)
    assert [admitted(counters, two, float(n), "call 1") for n in range(3)] == [True, True, False]
    assert admitted(counters, two, 3.0, "call 2"), "another call has its own"
    assert admitted(counters, two, 3.0), "a request without a call cannot be held against one"


def test_calls_of_two_servers_that_share_an_id_are_two_calls() -> None:
    counters = Counters()
    assert [admitted(counters, rules(name, samples_per_call=1), 0.0, 1) for name in ("a", "b")] == [True, True]


def test_a_call_that_nothing_is_heard_of_is_forgotten() -> None:
    counters, one = Counters(), rules(samples_per_call=1)
    counters.admit(one, at=0.0, call=1)
    assert not admitted(counters, one, FORGOTTEN - 1, 1)
    assert not admitted(counters, one, FORGOTTEN + 1, 1), "it was heard of in between"
    assert admitted(counters, one, 3 * FORGOTTEN, 1)


def test_no_more_calls_are_remembered_than_so_many_of_each_server() -> None:
    counters, other = Counters(), rules("other", samples_per_call=1)
    one = rules(samples_per_call=1, per_minute="unlimited")
    counters.admit(other, at=0.0, call="its")
    for call in range(REMEMBERED):
        counters.admit(one, at=0.0, call=call)
    assert not admitted(counters, one, 0.0, 0), "it was heard of now, so the next is the oldest"
    counters.admit(one, at=0.0, call="one more")
    assert admitted(counters, one, 0.0, 1)
    assert not admitted(counters, one, 0.0, 0)
    assert not admitted(counters, other, 0.0, "its")


def test_calls_that_are_refused_have_no_other_forgotten() -> None:
    counters, one = Counters(), rules(samples_per_call=1, per_minute=1)
    counters.admit(one, at=0.0, call="first")
    for call in range(REMEMBERED + 1):
        assert not admitted(counters, one, 0.0, call)
    assert not admitted(counters, one, 100.0, "first")


def test_what_is_refused_counts_nowhere() -> None:
    counters = Counters()
    counters.admit(rules(samples_per_call=1, per_minute=3), at=0.0, call=1)
    for _ in range(5):
        assert not admitted(counters, rules(samples_per_call=1, per_minute=3), 0.0, 1)
    assert admitted(counters, rules(samples_per_call=1, per_minute=2), 0.0, 2)


def test_what_is_taken_back_has_counted_nowhere() -> None:
    counters, one = Counters(), rules(samples_per_call=1, per_minute=1)
    for _ in range(3):
        counters.admit(one, at=5.0, call=1)
        counters.take_back(one, at=5.0, call=1)
    counters.admit(one, at=6.0)
    counters.take_back(one, at=6.0)
    assert admitted(counters, one, 7.0, 1)
    assert not admitted(counters, one, 8.0, 1)


def test_what_is_forgotten_meanwhile_can_be_taken_back() -> None:
    counters, one = Counters(), rules(per_minute=1)
    counters.admit(one, at=0.0, call=1)
    counters.admit(one, at=2 * FORGOTTEN, call=2)
    counters.take_back(one, at=0.0, call=1)
    assert not admitted(counters, one, 2 * FORGOTTEN)
    free = rules(per_minute="unlimited")
    counters.admit(free, at=2 * FORGOTTEN, call=3)
    counters.take_back(one, at=2 * FORGOTTEN, call=2)
    assert admitted(counters, one, 2 * FORGOTTEN)


def test_the_refusal_is_the_same_wherever_it_was_counted() -> None:
    counters, one = Counters(), rules(per_minute=1)
    counters.admit(one, at=100.0)
    with pytest.raises(LimitExceeded) as caught:
        counters.admit(one, at=112.3)
    told = too_many_a_minute(one, count=2, wait=47.7)
    assert (str(told), told.detail, told.limit) == (str(caught.value), caught.value.detail, caught.value.limit)


def test_a_result_may_carry_so_many_requests() -> None:
    three = rules(requests_per_result=3)
    check_result(three, requests=3)
    with pytest.raises(LimitExceeded) as caught:
        check_result(three, requests=200)
    assert caught.value.limit == "limits.requests_per_result"
    assert str(caught.value) == "Too many sampling requests in one result: at most 3 are taken."


def test_a_call_may_come_back_so_often() -> None:
    two = rules(rounds_per_call=2)
    for number in (1, 2, None):
        check_result(two, requests=1, round=number)
    with pytest.raises(LimitExceeded, match="Too many rounds of sampling in one call: at most 2 are taken"):
        check_result(two, requests=1, round=3)


def test_a_call_that_went_from_process_to_process_has_so_many_samples_in_all() -> None:
    four = rules(samples_per_call=4)
    for number in (1, 4, None):
        check_result(four, requests=1, so_far=number)
    with pytest.raises(LimitExceeded, match="Too many sampling requests in one call: at most 4 are taken") as caught:
        check_result(four, requests=2, so_far=5)
    assert caught.value.limit == "limits.samples_per_call"


def test_unlimited_is_unlimited() -> None:
    keys = ("per_minute", "samples_per_call", "rounds_per_call", "requests_per_result", "concurrent")
    counters, free = Counters(), rules(**dict.fromkeys(keys, "unlimited"))
    for _ in range(200):
        counters.admit(free, at=0.0, call=1)
    check_result(free, requests=10_000, round=10_000, so_far=10**6)


def test_a_limit_that_is_lowered_holds_at_once() -> None:
    counters = Counters()
    for _ in range(5):
        counters.admit(rules(per_minute=10), at=0.0)
    with pytest.raises(LimitExceeded) as caught:
        counters.admit(rules(per_minute=2), at=30.0)
    assert caught.value.hint == "Try again in 30 seconds."


@given(
    st.integers(1, 5),
    st.lists(st.tuples(st.floats(0, 40), st.sampled_from("ab")), max_size=60),
)
def test_no_window_of_sixty_seconds_ever_holds_more_than_the_limit(
    most: int, arrivals: list[tuple[float, str]]
) -> None:
    counters, at, passed = Counters(), 0.0, []
    for gap, server in arrivals:
        at += gap
        if admitted(counters, rules(server, per_minute=most), at):
            passed.append((at, server))
    for end, server in passed:
        within = Counter(name for time, name in passed if end - 60 < time <= end)
        assert within[server] <= most
