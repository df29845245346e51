"""A host, its client and a server in a process of their own: ``python -m tests.faults.host_process STORE STOP``.

``STOP`` is the point at which it says so on standard output, and does nothing any more until it is killed: the name of
a method of the store, followed by ``before`` or ``after``, or ``model``. With ``nowhere`` it goes on to the end and
says what the server received.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from typing import Any

import anyio
from mcp import Client

from tests.adversarial.attacker import Attacker
from tests.host.governed import ALLOW, NOBODY, policy
from tests.host.playbook import MODEL, answer
from tests.host.servers import create_message
from upcall.host import Host
from upcall.host.policy import parse_policy
from upcall.models import Completion
from upcall.store import Store, open_store
from upcall.testing import ScriptedModel
from upcall.wire import SamplingRequest

BUDGET = '[[budget]]\nfor = "server:*"\nper = "day"\ntokens = 100000\ncalls = 100\n'
TIMEOUT = 30.0
"""Seconds that the host gives a request; a reservation lapses a minute later."""


async def stop(where: str) -> None:
    """Say so, and wait for the end."""
    print(json.dumps(where), flush=True)
    await anyio.sleep_forever()


class Stopping:
    """A store that stops before or after one of its methods."""

    def __init__(self, store: Store, where: str) -> None:
        self._store = store
        self._where = where

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._store, name)
        if not self._where.startswith(f"{name} "):
            return method

        async def perform(*arguments: Any, **named: Any) -> Any:
            if self._where.endswith("before"):
                await stop(self._where)
            done = await method(*arguments, **named)
            await stop(self._where)
            return done

        return perform


async def main(path: str, where: str) -> None:
    """Have a server ask once."""

    async def reply(request: SamplingRequest) -> Completion:
        if where == "model":
            await stop(where)
        return answer()

    model: Any = ScriptedModel(reply, repeat=True, name=MODEL)
    rules = policy(ALLOW + BUDGET)
    if "PROVIDER" in os.environ:
        model, rules = (
            None,
            parse_policy(
                f'{ALLOW}models = ["{os.environ["PROVIDER"]}"]\n{BUDGET}{NOBODY}' + os.environ.get("POLICY", "")
            ),
        )
    attacker = Attacker(create_message())
    async with open_store(path) as store:
        kept: Any = Stopping(store, where)
        async with (
            Host(model, policy=rules, store=kept, timeout=TIMEOUT) as host,
            Client(attacker.server, mode="legacy", **host.for_client("logs")) as client,
        ):
            await client.call_tool("ask", {})
    print(json.dumps(attacker.seen), flush=True)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    logging.getLogger("upcall").setLevel(logging.DEBUG)
    anyio.run(main, sys.argv[1], sys.argv[2])
