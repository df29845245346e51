"""A fallback under a policy asks the person at the connected client."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import anyio.lowlevel
import mcp_types as types
import pytest
from mcp import Client
from mcp.client.context import ClientRequestContext

from tests.server.peers import ERAS, MODERN, server_with, text_of
from upcall.errors import SamplingRefused
from upcall.host import Host
from upcall.host.policy import parse_policy
from upcall.server import Sampling, sample
from upcall.store import RecordId, Store, open_store
from upcall.testing import ScriptedModel

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("no_orphans")]

POLICY = """
[default]
decision = "ask"
deadline = {deadline}

[approval]
by = "elicitation"
"""


class Person:
    """Sits at a client, answers each form with one choice, and remembers what was shown."""

    def __init__(self, choice: str) -> None:
        self.choice = choice
        self.shown: list[str] = []
        self.open = 0
        self.most = 0

    async def __call__(self, context: ClientRequestContext, params: types.ElicitRequestParams) -> types.ElicitResult:
        self.shown.append(params.message)
        self.open += 1
        self.most = max(self.most, self.open)
        await anyio.lowlevel.checkpoint()
        self.open -= 1
        return types.ElicitResult(action="accept", content={"decision": self.choice})


async def explain(text: str) -> str:
    try:
        return str(await sample(text))
    except SamplingRefused as error:
        return f"refused: {error.message}"


async def both(text: str) -> str:
    found: list[str] = []

    async def one(part: str) -> None:
        found.append(str(await sample(part)))

    async with anyio.create_task_group() as group:
        group.start_soon(one, f"{text} 1")
        group.start_soon(one, f"{text} 2")
    return ", ".join(sorted(found))


@asynccontextmanager
async def connected(era: str, store: Store, *, deadline: float = 60, **options: Any) -> AsyncIterator[Client]:
    """A client that cannot sample, and a server whose fallback asks."""
    host = Host(ScriptedModel.echo(), policy=parse_policy(POLICY.format(deadline=deadline)), store=store)
    async with Client(server_with(Sampling(fallback=host), explain, both), mode=era, **options) as client:
        yield client
    await host.aclose()


@pytest.mark.parametrize("era", ERAS)
async def test_the_person_at_the_client_decides_and_the_record_says_so(era: str) -> None:
    yes, no = Person("approve once"), Person("deny")
    store = open_store(":memory:")
    async with connected(era, store, elicitation_callback=yes) as client:
        assert text_of(await client.call_tool("explain", {"text": "hello"})) == "hello"
    assert ["hello" in shown for shown in yes.shown] == [True]
    async with connected(era, store, elicitation_callback=no) as client:
        assert text_of(await client.call_tool("explain", {"text": "hello"})).startswith("refused: ")
    records = [await store.get(RecordId(number)) for number in (1, 2)]
    assert [(one.method, one.name, one.outcome, one.decided_by) for one in records if one] == [
        ("tools/call", "explain", "answered", "client"),
        ("tools/call", "explain", "refused", "client"),
    ]
    await store.aclose()


@pytest.mark.parametrize("era", ERAS)
async def test_where_the_client_has_no_forms_nobody_is_asked_through_it(era: str) -> None:
    store = open_store(":memory:")
    async with connected(era, store, deadline=0.3) as client:
        with anyio.fail_after(20):
            call = client.call_tool("explain", {"text": "hello"})
            assert text_of(await call).startswith("refused: ")
    await store.aclose()


async def test_a_person_is_asked_one_question_at_a_time() -> None:
    person = Person("approve once")
    store = open_store(":memory:")
    async with connected("legacy", store, elicitation_callback=person) as client:
        assert text_of(await client.call_tool("both", {"text": "hi"})) == "hi 1, hi 2"
    assert (len(person.shown), person.most) == (2, 1)
    await store.aclose()


async def test_a_question_goes_out_with_the_answer_to_the_open_request_on_a_modern_connection() -> None:
    person = Person("always approve")
    store = open_store(":memory:")
    async with connected(MODERN, store, elicitation_callback=person) as client:
        assert text_of(await client.call_tool("explain", {"text": "hi"})) == "hi"
        assert text_of(await client.call_tool("explain", {"text": "hi"})) == "hi"
    assert len(person.shown) == 1
    await store.aclose()
