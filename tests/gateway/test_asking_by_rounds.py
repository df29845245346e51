"""A person at a client of 2026-07-28 is asked through the session, between two rounds, by any of two replicas."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from tests.gateway.answers import ASK, Desk, chosen, gateway
from upcall.gateway.performing import Performer
from upcall.gateway.session.actions import ToClient, ToServer
from upcall.gateway.session.session import Session

pytestmark = pytest.mark.anyio

META = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientInfo": {"name": "c", "version": "1"},
    "io.modelcontextprotocol/clientCapabilities": {"elicitation": {"form": {}}},
}
ONCE = f"{ASK}limits.samples_per_call = 2\n"


class Wire:
    """A session whose two peers are the test."""

    def __init__(self, desk: Desk) -> None:
        mine = desk.answering.of("logs")
        self._session = Session(mine.terms, mine.sealer(), principal="alice")
        self._performer = Performer(self._session, mine, self._sent)
        self._frames: asyncio.Queue[tuple[type, dict[str, Any]]] = asyncio.Queue()

    def _sent(self, action: ToServer | ToClient) -> None:
        self._frames.put_nowait((type(action), json.loads(action.frame)))

    async def next(self, kind: type) -> dict[str, Any]:
        """The next frame, which has to go that way."""
        to, frame = await asyncio.wait_for(self._frames.get(), 10)
        assert to is kind, frame
        return frame

    async def call(self, **more: Any) -> dict[str, Any]:
        """The client's call, as the server gets it."""
        params = {"name": "explain", "arguments": {"depth": 2}, "_meta": META, **more}
        self._performer.from_client(_frame(id=1, method="tools/call", params=params))
        return await self.next(ToServer)

    async def resume(self, asked: dict[str, Any], answer: bytes) -> None:
        """The client comes back with what the person said to each question."""
        result = asked["result"]
        responses = {key: json.loads(answer) for key in result["inputRequests"]}
        params = {
            "name": "explain",
            "arguments": {"depth": 2},
            "_meta": META,
            "inputResponses": responses,
            "requestState": result["requestState"],
        }
        self._performer.from_client(_frame(id=2, method="tools/call", params=params))

    def requires(self, upstream: dict[str, Any], *keys: str) -> None:
        """The server asks for samples, all the same."""
        message = {"role": "user", "content": {"type": "text", "text": "Why is the sky blue?"}}
        one = {"method": "sampling/createMessage", "params": {"messages": [message], "maxTokens": 100}}
        result = {"resultType": "input_required", "inputRequests": dict.fromkeys(keys, one), "requestState": "mine"}
        self._performer.from_server(_frame(id=upstream["id"], result=result))

    async def aclose(self) -> None:
        await self._performer.aclose()


def _frame(**fields: Any) -> bytes:
    return json.dumps({"jsonrpc": "2.0", **fields}).encode()


async def test_a_question_goes_out_with_the_result_and_the_call_goes_on_with_the_answer() -> None:
    async with gateway(ONCE) as desk:
        wire = Wire(desk)
        wire.requires(await wire.call(), "sky", "sea")
        asked = await wire.next(ToClient)
        questions = asked["result"]["inputRequests"]
        assert [one["method"] for one in questions.values()] == ["elicitation/create"] * 2
        assert all("Why is the sky blue?" in one["params"]["message"] for one in questions.values())
        await wire.resume(asked, chosen("approve once"))
        upstream = (await wire.next(ToServer))["params"]
        assert upstream["requestState"] == "mine"
        assert {key: one["content"]["text"] for key, one in upstream["inputResponses"].items()} == {
            "sky": "Because of Rayleigh.",
            "sea": "Because of Rayleigh.",
        }
        assert [record.outcome for record in await desk.records()].count("answered") == 2
        await wire.aclose()


async def test_another_replica_goes_on_with_it() -> None:
    async with gateway(ONCE) as desk, gateway(ONCE) as other:
        first, second = Wire(desk), Wire(other)
        first.requires(await first.call(), "sky")
        await second.resume(await first.next(ToClient), chosen("approve once"))
        assert "sky" in (await second.next(ToServer))["params"]["inputResponses"]
        await first.aclose()
        await second.aclose()


async def test_a_no_ends_the_call_and_says_so() -> None:
    async with gateway(ONCE) as desk:
        wire = Wire(desk)
        wire.requires(await wire.call(), "sky")
        await wire.resume(await wire.next(ToClient), chosen("deny"))
        result = (await wire.next(ToClient))["result"]
        assert result["isError"] is True
        assert "The user rejected the sampling request." in result["content"][0]["text"]
        await wire.aclose()
