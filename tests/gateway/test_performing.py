"""What a session says is done: frames sent in order, samples answered, stopped and asked about."""

from __future__ import annotations

import gc
import json
import os
import weakref
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from tests.waiting import until
from upcall.errors import SamplingRefused
from upcall.gateway.performing import Elicit, Performer
from upcall.gateway.sealing import Sealer
from upcall.gateway.session.actions import Answered, Outcome, Refused, Sample, ToClient, ToServer
from upcall.gateway.session.session import Session
from upcall.gateway.session.terms import Terms

pytestmark = pytest.mark.anyio

RESULT = b'{"role":"assistant","content":{"type":"text","text":"hello"},"model":"m"}'


class Answering:
    """Answers when the test says so, and notes what became of it."""

    def __init__(self) -> None:
        self.samples: list[Sample] = []
        self.stopped: list[int] = []
        self.cleaning = anyio.Event()
        self.outcome: Outcome | Exception = Answered(RESULT)
        self.go = anyio.Event()
        self.question: bytes | None = None
        self.heard: list[bytes | None] = []

    async def answer(self, sample: Sample, elicit: Elicit | None) -> Outcome:
        self.samples.append(sample)
        try:
            if self.question is not None:
                assert elicit is not None
                self.heard.append(await elicit(self.question))
            await self.go.wait()
        except BaseException:
            self.stopped.append(sample.number)
            with anyio.CancelScope(shield=True):
                await self.cleaning.wait()
            raise
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome


class Between:
    """A performer with a real session, and all that it sent."""

    def __init__(self, **capabilities: Any) -> None:
        self.answering = Answering()
        self.sent: list[tuple[str, dict[str, Any]]] = []
        session = Session(lambda: Terms(server="it"), Sealer([os.urandom(32)], "it"))
        self.performer = Performer(session, self.answering, self._send)
        about = {"protocolVersion": "2025-11-25", "capabilities": capabilities, "clientInfo": {"name": "c"}}
        self.client({"id": 0, "method": "initialize", "params": about})
        about = {"protocolVersion": "2025-11-25", "capabilities": {}, "serverInfo": {"name": "s"}}
        self.server({"id": 0, "result": about})
        self.client({"method": "notifications/initialized"})
        self.client({"id": 1, "method": "tools/call", "params": {"name": "t", "arguments": {}}})
        self.sent.clear()

    def _send(self, action: ToServer | ToClient) -> None:
        self.sent.append(("server" if isinstance(action, ToServer) else "client", json.loads(action.frame)))

    def client(self, message: dict[str, Any]) -> None:
        self.performer.from_client(json.dumps({"jsonrpc": "2.0", **message}).encode())

    def server(self, message: dict[str, Any]) -> None:
        self.performer.from_server(json.dumps({"jsonrpc": "2.0", **message}).encode())

    def ask(self, number: int = 7) -> None:
        self.server({"id": number, "method": "sampling/createMessage", "params": {"messages": [], "maxTokens": 1}})


async def test_an_answer_goes_to_the_server_under_its_id() -> None:
    between = Between()
    between.ask()
    await until(lambda: between.answering.samples)
    assert (between.performer.under_way, between.sent) == (1, [])
    between.answering.go.set()
    await until(lambda: between.sent)
    assert between.sent == [("server", {"jsonrpc": "2.0", "id": 7, "result": json.loads(RESULT)})]
    assert between.performer.under_way == 0


@pytest.mark.parametrize(
    ("outcome", "code"), [(Refused(SamplingRefused("No.")), -1), (KeyError("secret"), -32603)], ids=["refused", "fault"]
)
async def test_a_refusal_and_a_fault_of_ours_both_reach_the_server(outcome: Outcome | Exception, code: int) -> None:
    between = Between()
    between.answering.outcome = outcome
    between.answering.go.set()
    between.ask()
    await until(lambda: between.sent)
    [(to, message)] = between.sent
    assert (to, message["id"], message["error"]["code"]) == ("server", 7, code)
    assert "secret" not in json.dumps(message)


async def test_nothing_keeps_a_session_whose_samples_are_through() -> None:
    between = Between()
    between.ask()
    between.answering.go.set()
    await until(lambda: between.sent)
    kept = weakref.ref(between.performer)
    del between.performer
    await until(lambda: gc.collect() >= 0 and kept() is None)


async def test_many_samples_at_once_keep_to_themselves() -> None:
    between = Between()
    for number in range(100, 200):
        between.ask(number)
    await until(lambda: len(between.answering.samples) == 100)
    between.answering.go.set()
    await until(lambda: len(between.sent) == 100)
    assert sorted(message["id"] for _, message in between.sent) == list(range(100, 200))


async def test_a_sample_stops_when_its_call_is_cancelled() -> None:
    between = Between()
    between.ask()
    await until(lambda: between.answering.samples)
    between.client({"method": "notifications/cancelled", "params": {"requestId": 1}})
    await until(lambda: between.answering.stopped)
    assert between.performer.under_way == 0
    between.answering.cleaning.set()
    await between.performer.aclose()
    cancelled, told = between.sent
    assert (cancelled[0], cancelled[1]["method"]) == ("server", "notifications/cancelled")
    assert (told[0], told[1]["id"], "error" in told[1]) == ("server", 7, True)


async def test_an_answer_that_comes_with_the_cancellation_goes_nowhere() -> None:
    between = Between()
    between.ask()
    await until(lambda: between.answering.samples)
    between.answering.cleaning.set()
    between.answering.go.set()
    between.server({"method": "notifications/cancelled", "params": {"requestId": 7}})
    await between.performer.aclose()
    assert between.sent == []


async def test_closing_waits_for_the_clean_up_and_sends_nothing() -> None:
    between = Between()
    between.ask()
    await until(lambda: between.answering.samples)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(between.performer.aclose)
        await until(lambda: between.answering.stopped)
        between.answering.go.set()
        between.answering.cleaning.set()
    assert between.sent == []


async def test_a_person_at_the_client_is_asked() -> None:
    between = Between(elicitation={})
    between.answering.question = b'{"message":"May it?","requestedSchema":{"type":"object","properties":{}}}'
    between.ask()
    await until(lambda: between.sent)
    to, question = between.sent.pop()
    assert (to, question["method"], question["params"]["message"]) == ("client", "elicitation/create", "May it?")
    between.client({"id": question["id"], "result": {"action": "decline"}})
    await until(lambda: between.answering.heard)
    assert [json.loads(heard or b"0") for heard in between.answering.heard] == [{"action": "decline"}]
    between.answering.go.set()
    await until(lambda: between.sent)
    assert between.sent[0][1]["id"] == 7


async def test_a_question_that_gets_an_error_is_no_answer() -> None:
    between = Between(elicitation={})
    between.answering.question = b'{"message":"May it?","requestedSchema":{"type":"object","properties":{}}}'
    between.ask()
    await until(lambda: between.sent)
    between.client({"id": between.sent.pop()[1]["id"], "error": {"code": -32601, "message": "no"}})
    await until(lambda: between.answering.heard)
    assert between.answering.heard == [None]
    between.answering.go.set()
    await until(lambda: between.sent)
