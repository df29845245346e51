"""What the tests of answering share: samples, settings in a few lines, and people at a client."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from upcall.gateway.answering import Answering
from upcall.gateway.session.actions import Answered, Outcome, Refused, Sample
from upcall.gateway.settings import Settings
from upcall.host.policy import Policy, PolicyFile, parse_policy
from upcall.models import Model
from upcall.store import EVERYTHING, Record, Store, open_store
from upcall.testing import ScriptedModel

ALLOW = '[default]\ndecision = "allow"\n'
ASK = '[default]\ndecision = "ask"\n'
KEY = b"k" * 32


def model(*script: Any, **settings: Any) -> ScriptedModel:
    """One that never tires."""
    return ScriptedModel(*(script or ("Because of Rayleigh.",)), repeat=True, **settings)


def settings(policy: str | Policy | PolicyFile, store: Any, own: str | Model | None = None, **more: Any) -> Settings:
    """With a model that answers, unless another one is given."""
    parsed = parse_policy(policy) if isinstance(policy, str) else policy
    return Settings(policy=parsed, model=own or model(), store=store, keys=(KEY,), **more)


def sample(text: str = "Why is the sky blue?", **fields: Any) -> Sample:
    """A request of a server for one answer."""
    params = {"messages": [{"role": "user", "content": {"type": "text", "text": text}}], "maxTokens": 100}
    given: dict[str, Any] = {
        "number": 1,
        "params": json.dumps(params | fields.pop("extra", {})).encode(),
        "version": "2025-11-25",
        "request_id": 7,
        "call": "call-1",
        "method": "tools/call",
        "name": "explain",
        "arguments": b'{"depth": 2}',
        "batch": None,
        "round": None,
        "asks": "no",
    }
    return Sample(**(given | fields))


def modern(text: str = "Why is the sky blue?", **fields: Any) -> Sample:
    """The same on 2026-07-28, from a client that can be asked."""
    given = {"version": "2026-07-28", "request_id": "sky", "batch": 1, "round": 1, "asks": "deferred"}
    return sample(text, **(given | fields))


def text_of(outcome: Outcome) -> str:
    """What the model said."""
    assert isinstance(outcome, Answered), outcome
    said: str = json.loads(outcome.result)["content"]["text"]
    return said


def why(outcome: Outcome) -> str:
    """What the peer is told."""
    assert isinstance(outcome, Refused), outcome
    return str(outcome.error.to_wire()["message"])


def chosen(choice: str) -> bytes:
    """The client's answer."""
    return json.dumps({"action": "accept", "content": {"decision": choice}}).encode()


class Person:
    """At a client that can be asked at once."""

    def __init__(self, *answers: bytes | Exception | None) -> None:
        self._answers = list(answers)
        self.asked: list[dict[str, Any]] = []

    async def elicit(self, params: bytes) -> bytes | None:
        """The next answer; the last one again when there is no other."""
        self.asked.append(json.loads(params))
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


@asynccontextmanager
async def gateway(policy: str | PolicyFile, own: Model | str | None = None, **more: Any) -> AsyncIterator[Desk]:
    """An answering for the server ``logs``, with a store that can be looked into."""
    async with open_store(":memory:") as store:
        answering = Answering(settings(policy, store, own, **more), "logs")
        try:
            yield Desk(answering, store)
        finally:
            await answering.aclose()


class Desk:
    """An answering and its store."""

    def __init__(self, answering: Answering, store: Store) -> None:
        self.answering = answering
        self.store = store

    async def records(self) -> Sequence[Record]:
        """Oldest first."""
        return list(reversed((await self.store.page(EVERYTHING, limit=1000, bodies=True)).records))
