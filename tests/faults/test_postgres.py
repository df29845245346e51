"""A store in PostgreSQL is cut off, locked or made read-only while a server asks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import anyio
import psycopg
import pytest
from mcp import Client, MCPError

from tests.adversarial.attacker import BOUND, ERAS, Attacker
from tests.host.governed import ALLOW, Office
from tests.host.playbook import MODEL, answer
from tests.host.servers import create_message
from upcall.models import Completion
from upcall.store import Store, open_store
from upcall.testing import ScriptedModel
from upcall.wire import SamplingRequest

pytestmark = [pytest.mark.anyio, pytest.mark.postgres]

BUDGET = '[[budget]]\nfor = "server:*"\nper = "day"\ntokens = 100000\n'
DIARY = "dear diary"
SPENT = (9, 0)
"""Tokens of one call that are settled, and reserved."""
_OTHERS = "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
_LOCK = "SELECT pg_advisory_lock(hashtextextended(current_schema() || '.upcall', 0))"
_READ_ONLY = (
    "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET default_transaction_read_only = {}', current_database()); END $$"
)


def terminate(url: str) -> int:
    """End all other connections to the database; how many."""
    with psycopg.connect(url, autocommit=True) as connection:
        return len(connection.execute(f"SELECT pg_terminate_backend(pid) {_OTHERS}").fetchall())


@contextmanager
def read_only(url: str) -> Iterator[None]:
    """The whole database takes no writes inside the block, for connections that are made in it."""
    with psycopg.connect(url, autocommit=True, options="-cdefault_transaction_read_only=off") as owner:
        owner.execute(_READ_ONLY.format("on"))
        owner.execute(f"SELECT pg_terminate_backend(pid) {_OTHERS}")
        try:
            yield
        finally:
            owner.execute(_READ_ONLY.format("off"))
            owner.execute(f"SELECT pg_terminate_backend(pid) {_OTHERS}")


async def stuck(url: str, statement: str) -> int:
    """Wait until a connection waits for a lock in ``statement``; its process id."""
    waiting = f"SELECT pid {_OTHERS} AND wait_event_type = 'Lock' AND query LIKE %s"
    with psycopg.connect(url, autocommit=True) as watcher, anyio.fail_after(BOUND):
        while True:
            for row in watcher.execute(waiting, (f"%{statement}%",)):
                return int(row[0])
            await anyio.sleep(0.01)


async def refused(attacker: Attacker, client: Client) -> str:
    """What the server and the client's user are told of a call that is refused."""
    told = ""
    with anyio.fail_after(BOUND):
        try:
            await client.call_tool("ask", {})
        except MCPError as error:
            told = f"{error.message} {error.data}"
    told += attacker.seen
    attacker.received.clear()
    return told


@pytest.mark.parametrize("mode", ERAS)
async def test_connections_that_end_during_the_call_lose_nothing(mode: str, postgres_url: str) -> None:
    async def reply(request: SamplingRequest) -> Completion:
        assert await anyio.to_thread.run_sync(terminate, postgres_url) >= 1
        return answer()

    attacker = Attacker(create_message(DIARY))
    async with open_store(postgres_url) as store:
        made = Office(ALLOW + BUDGET, store, model=ScriptedModel(reply, name=MODEL))
        async with made.host, Client(attacker.server, mode=mode, **made.host.for_client("logs")) as client:
            with anyio.fail_after(BOUND):
                await client.call_tool("ask", {})
        assert attacker.texts == ["Rayleigh."]
        assert (await made.record()).outcome == "answered"
        assert await made.spent("server:logs") == SPENT


@pytest.mark.parametrize("statement", ["UPDATE records", "INTO budget_use"])
async def test_a_transaction_that_is_cut_in_the_middle_is_written_once(statement: str, postgres_url: str) -> None:
    table = statement.rpartition(" ")[2]
    attacker = Attacker(create_message(DIARY))
    with psycopg.connect(postgres_url) as other:

        async def reply(request: SamplingRequest) -> Completion:
            other.execute(f"LOCK TABLE {table} IN SHARE ROW EXCLUSIVE MODE")
            return answer()

        async with open_store(postgres_url) as store:
            made = Office(ALLOW + BUDGET, store, model=ScriptedModel(reply, name=MODEL))
            async with (
                made.host,
                Client(attacker.server, **made.host.for_client("logs")) as client,
                anyio.create_task_group() as group,
            ):
                group.start_soon(client.call_tool, "ask", {})
                other.execute("SELECT pg_terminate_backend(%s)", (await stuck(postgres_url, statement),))
                await stuck(postgres_url, statement)  # it is tried again, on another connection
                other.rollback()
            assert attacker.texts == ["Rayleigh."]
            assert (await made.record()).outcome == "answered"
            assert await made.spent("server:logs") == SPENT


@pytest.mark.parametrize("mode", ERAS)
async def test_a_lock_that_another_holds_stops_what_has_not_begun(mode: str, postgres_url: str) -> None:
    attacker = Attacker(create_message(DIARY))
    async with open_store(postgres_url, timeout=0.3) as store:
        made = Office(ALLOW + BUDGET, store)
        async with made.host, Client(attacker.server, mode=mode, **made.host.for_client("logs")) as client:
            with psycopg.connect(postgres_url, autocommit=True) as other:
                other.execute(_LOCK)
                told = await refused(attacker, client)
            assert isinstance(made.model, ScriptedModel)
            assert made.model.requests == []
            with anyio.fail_after(BOUND):
                await client.call_tool("ask", {})
            assert attacker.texts == ["Rayleigh."]
            assert await made.spent("server:logs") == SPENT
    assert "cannot keep its record" in told
    assert "postgres" not in told


@pytest.mark.parametrize("mode", ERAS)
async def test_a_database_that_turns_read_only_stops_calls_and_lets_them_go_on(mode: str, postgres_url: str) -> None:
    attacker = Attacker(create_message(DIARY))
    async with open_store(postgres_url) as store:
        made = Office(ALLOW + BUDGET, store)
        async with made.host, Client(attacker.server, mode=mode, **made.host.for_client("logs")) as client:
            with read_only(postgres_url):
                told = await refused(attacker, client)
            assert isinstance(made.model, ScriptedModel)
            assert made.model.requests == []
            with anyio.fail_after(BOUND):
                await client.call_tool("ask", {})
            assert attacker.texts == ["Rayleigh."]
            assert await made.spent("server:logs") == SPENT
    assert "cannot keep its record" in told


async def test_an_answer_goes_out_although_the_database_has_turned_read_only(postgres_url: str) -> None:
    attacker = Attacker(create_message(DIARY))

    async def kept(store: Store) -> tuple[str, str | None]:
        (record,) = (await store.page()).records
        return record.state, record.outcome

    with ExitStack() as stack:

        async def reply(request: SamplingRequest) -> Completion:
            stack.enter_context(read_only(postgres_url))
            return answer()

        async with open_store(postgres_url) as store:
            made = Office(ALLOW + BUDGET, store, model=ScriptedModel(reply, name=MODEL))
            async with made.host, Client(attacker.server, **made.host.for_client("logs")) as client:
                with anyio.fail_after(BOUND):
                    await client.call_tool("ask", {})
                assert attacker.texts == ["Rayleigh."]
                assert await kept(store) == ("started", None), "the outcome waits, the answer does not"
                stack.close()
            assert await kept(store) == ("finished", "answered"), "written at the latest when the host closes"
            assert await made.spent("server:logs") == SPENT
