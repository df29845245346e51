"""What is compared with what: orders, probes, and blocks beside those of the direct way."""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from benchmarks.measure import turns
from benchmarks.peers import LEGACY, MODERN
from benchmarks.relays.places import facade, opened
from benchmarks.relays.rounds import Lane, Plan, is_slow, measure
from benchmarks.relays.ways import DIRECT, FLOORS, LITELLM, OURS, PASSING, Way, echo_server, sdk_server
from benchmarks.relays.wire import Http, Wire

PLAN = Plan(rounds=4, calls=2, many=60, seconds=60)


@pytest.fixture(scope="module")
def model() -> Iterator[tuple[Http, int]]:
    with facade(Wire()) as made:
        yield made


@pytest.mark.parametrize("size", [1, 2, 3, 4, 6])
def test_each_contender_comes_first_and_last_equally_often(size: int) -> None:
    orders = list(turns(range(size), 2 * size))
    assert Counter(order[0] for order in orders) == dict.fromkeys(range(size), 2)
    assert Counter(order[-1] for order in orders) == dict.fromkeys(range(size), 2)


def test_a_lane_is_slow_when_it_takes_several_times_the_direct_ones_time_and_holds_up_the_others() -> None:
    plan = Plan(40, 10, 100, 40)
    assert is_slow(50.0, 1.5, plan)
    assert not is_slow(2.5, 1.5, plan), "not much more than direct"
    assert not is_slow(0.2, 0.02, plan), "over in a moment all the same"


@pytest.mark.parametrize(
    ("transport", "name"),
    [*((transport, name) for transport in FLOORS for name in (FLOORS[transport], OURS)), ("http", PASSING)],
)
def test_a_way_is_measured_beside_the_direct_one_in_both_eras(
    transport: str, name: str, model: tuple[Http, int], tmp_path: Path
) -> None:
    peer, port = model
    with (
        opened(Way(DIRECT, tmp_path, port, print), echo_server, transport, peer) as direct,
        opened(Way(name, tmp_path, port, print), echo_server, transport, peer) as through,
    ):
        lanes = [
            Lane(of, era, way.connect(era), "plain", goal=True)
            for era in (LEGACY, MODERN)
            for of, way in ((DIRECT, direct), (name, through))
        ]
        measure(lanes, DIRECT, PLAN)
    assert [lane.failure for lane in lanes] == [""] * 4
    assert [(len(lane.blocks), len(lane.base)) for lane in lanes] == [(4, 4)] * 4
    for first, second in (lanes[:2], lanes[2:]):
        assert second.base == first.blocks
        assert second.memory[0] > 0
        assert first.memory == (0.0, 0.0), "there is no process between"


def test_a_lane_that_fails_says_why_and_leaves_the_others_alone(model: tuple[Http, int], tmp_path: Path) -> None:
    peer, port = model
    relay = FLOORS["stdio"]
    with (
        opened(Way(DIRECT, tmp_path, port, print), echo_server, "stdio", peer) as direct,
        opened(Way(relay, tmp_path, port, print), echo_server, "stdio", peer) as through,
    ):
        lanes = [
            Lane(name, MODERN, way.connect(MODERN), "plain", goal=True)
            for name, way in ((DIRECT, direct), (relay, through), (relay, through))
        ]
        pid = lanes[1].place.pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        measure(lanes, DIRECT, PLAN)
    assert lanes[1].failure
    assert lanes[1].blocks == []
    for lane in (lanes[0], lanes[2]):
        assert (len(lane.blocks), lane.failure) == (PLAN.rounds, "")


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_litellms_proxy_answers_plain_calls_and_samples_for_clients_that_cannot(
    model: tuple[Http, int], tmp_path: Path
) -> None:
    peer, port = model
    with opened(Way(LITELLM, tmp_path, port, print), sdk_server, "http", peer) as proxy:
        for era, samples in ((LEGACY, "create_message"), (MODERN, "by_hand")):
            caller = proxy.connect(era).caller
            for tool in ("plain", samples):
                assert len(caller.one_by_one(tool, 2)) == 2  # every answer is checked where it comes
