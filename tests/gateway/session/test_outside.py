"""Sampling that a legacy server asks for outside of any request of the client (SEP-2260 does away with it)."""

from __future__ import annotations

import pytest

from tests.gateway.answers import ALLOW, gateway, why
from tests.gateway.session.talk import Talk, ask, call, sample
from tests.gateway.session.test_legacy import connected
from upcall.gateway.session.actions import Answered, Refused, Sample

pytestmark = pytest.mark.anyio

WHY = [{"role": "user", "content": {"type": "text", "text": "Why?"}}]


def asked(talk: Talk, id: int) -> Sample:
    return sample(talk.server({**ask(id), "params": {"messages": WHY, "maxTokens": 5}}))


async def test_all_of_a_session_count_as_one_call_and_calls_for_themselves() -> None:
    talk = connected(calls=())
    first = sample(talk.server(ask(1)))
    talk.answer(first)
    talk.client(call(1, modern=False), "a")
    within = sample(talk.server(ask(2), "a"))
    talk.answer(within)
    talk.server({"jsonrpc": "2.0", "id": 1, "result": {}}, "a")
    later = sample(talk.server(ask(3)))
    assert later.method == ""
    assert first.call == later.call != within.call
    assert len(first.call) >= 16
    assert sample(connected(calls=()).server(ask(1))).call != first.call


async def test_a_server_that_loops_there_is_stopped_by_the_limit_per_call() -> None:
    talk = connected(calls=())
    async with gateway(f"{ALLOW}limits.samples_per_call = 2\n") as desk:
        outcomes = [await desk.answering.answer(asked(talk, number)) for number in range(4)]
        assert [type(outcome) for outcome in outcomes] == [Answered, Answered, Refused, Refused]
        assert "in one call" in why(outcomes[-1])
        other = await desk.answering.answer(asked(connected(calls=()), 9))
        assert isinstance(other, Answered)
