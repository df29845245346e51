"""Several gateways on one machine: real processes that share a policy file, a record and budgets."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from upcall.store import EVERYTHING, Decision, open_store

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

SERVER = Path(__file__).parent / "sampler.py"
SECONDS = 30
ECHO = '[default]\nmodel = "command/echo"\n[command.echo]\nargv = ["cat"]\n'
ALLOW = ECHO.replace("[default]\n", '[default]\ndecision = "allow"\n')


class Client:
    """Talks to one gateway, and declares no sampling."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._number = 0

    async def request(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        """Its result."""
        self._number += 1
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        frame = {"jsonrpc": "2.0", "id": self._number, "method": method, "params": params}
        self._process.stdin.write(json.dumps(frame).encode() + b"\n")
        line = await asyncio.wait_for(self._process.stdout.readline(), SECONDS)
        answer: dict[str, Any] = json.loads(line)
        assert answer["id"] == self._number, answer
        result: dict[str, Any] = answer["result"]
        return result

    async def call(self, text: str) -> str:
        """What the tool says came of it."""
        said: str = (await self.request("tools/call", {"name": "ask", "arguments": {"text": text}}))["content"][0][
            "text"
        ]
        return said


@asynccontextmanager
async def gateway(policy: Path, store: Path, name: str, *, log: str = "") -> AsyncIterator[Client]:
    command = [sys.executable, "-m", "upcall.cli", "gateway", "--policy", policy, "--store", store, "--name", name]
    pipe = asyncio.subprocess.PIPE
    errors = (policy.parent / (log or f"{name}.log")).open("wb")
    process = await asyncio.create_subprocess_exec(
        *map(str, command), "--", sys.executable, str(SERVER), stdin=pipe, stdout=pipe, stderr=errors
    )
    try:
        client = Client(process)
        info = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "c", "version": "1"}}
        await client.request("initialize", info)
        yield client
    finally:
        assert process.stdin is not None
        process.stdin.close()
        try:
            code = await asyncio.wait_for(process.wait(), SECONDS)
        except TimeoutError:
            process.kill()
            raise
        finally:
            errors.close()
    assert code == 0


async def test_two_gateways_share_a_budget_a_record_and_a_policy_that_changes(tmp_path: Path) -> None:
    policy, store = tmp_path / "upcall.toml", tmp_path / "upcall.db"
    budget = '[[budget]]\nfor = "overall"\nper = "ever"\ncalls = {}\n'
    policy.write_text(ALLOW + budget.format(3))
    async with gateway(policy, store, "one") as one, gateway(policy, store, "two") as two:
        assert [await one.call("a"), await two.call("b"), await one.call("c")] == ["a", "b", "c"]
        assert "budget" in (await two.call("d")).lower()
        assert "budget" in (await one.call("e")).lower()
        policy.write_text(ALLOW + budget.format(4))
        assert await two.call("f") == "f", "the file has changed, and holds in both"
        assert "budget" in (await one.call("g")).lower()
        policy.write_text(ALLOW + '[server.one]\ndecision = "deny"\n')
        assert await two.call("h") == "h"
        refused = await one.call("i")
        assert refused != "i", "the server was told of sampling before, and is refused now"
        policy.write_text("[default\n")
        assert await two.call("j") == "j", "a broken file changes nothing"
        assert "The last good policy stays in force" in await _log(tmp_path / "two.log")
    async with open_store(store) as opened:
        records = (await opened.page(EVERYTHING, limit=100)).records
    answered = sorted(record.server for record in records if record.outcome == "answered")
    assert answered == ["one", "one", "two", "two", "two", "two"]


async def test_a_question_of_any_gateway_is_decided_in_one_place_and_what_is_said_for_good_holds_in_all(
    tmp_path: Path,
) -> None:
    policy, store = tmp_path / "upcall.toml", tmp_path / "upcall.db"
    policy.write_text(ECHO)
    async with gateway(policy, store, "one") as one, open_store(store) as opened:
        call = asyncio.create_task(one.call("a"))
        async with asyncio.timeout(SECONDS):
            while not (open_ := await opened.pending()):  # noqa: ASYNC110 the store has no event to wait for
                await asyncio.sleep(0.01)
        (question,) = open_
        yes = Decision(verdict="allow", by="ann", body={"remember": "always"})
        assert (await opened.decide(question.id, yes, question.version)).won
        assert await call == "a"
        assert "`upcall pending`" in await _log(tmp_path / "one.log")
        async with gateway(policy, store, "one", log="again.log") as again:
            assert await again.call("b") == "b"


async def test_many_calls_of_two_gateways_at_once_never_spend_more_than_there_is(tmp_path: Path) -> None:
    policy, store = tmp_path / "upcall.toml", tmp_path / "upcall.db"
    policy.write_text(ALLOW + '[[budget]]\nfor = "overall"\nper = "ever"\ncalls = 10\n')
    async with gateway(policy, store, "one") as one, gateway(policy, store, "two") as two:

        async def many(client: Client) -> int:
            return sum([await client.call("x") == "x" for _ in range(10)])

        assert sum(await asyncio.gather(many(one), many(two))) == 10


async def _log(path: Path) -> str:
    return await asyncio.to_thread(path.read_text)
