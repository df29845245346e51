"""What the tests of a governed host share: a policy in a few lines, a real store, and a model that never tires."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from tests.host.playbook import MODEL, answer
from upcall.errors import SamplingError
from upcall.host import Entry, Host
from upcall.host.policy import Policy, parse_policy
from upcall.store import EVERYTHING, Record, Store, open_store
from upcall.testing import ScriptedModel

ALLOW = '[default]\ndecision = "allow"\n'
NOBODY = '[approval]\nby = "none"\n'


def policy(text: str) -> Policy:
    """A policy with one model, and nobody to ask unless the text says otherwise."""
    if "[approval]" not in text:
        text += NOBODY
    return parse_policy(text.replace("[default]\n", f'[default]\nmodels = ["{MODEL}"]\n', 1))


class Office:
    """A governed host, its model, its store and its records."""

    def __init__(self, text: str, store: Store, **settings: Any) -> None:
        self.model = settings.pop("model", None) or ScriptedModel(answer(), repeat=True, name=MODEL)
        self.store = store
        self.entries: list[Entry] = []
        given = settings.pop("policy", None) or policy(text)
        self.host = Host(self.model, policy=given, store=store, on_record=self.entries.append, **settings)

    async def records(self) -> list[Record]:
        """All that is kept, newest first, with bodies."""
        return list((await self.store.page(EVERYTHING, limit=5000, bodies=True)).records)

    async def record(self) -> Record:
        """The only one."""
        (record,) = await self.records()
        return record

    async def spent(self, key: str, window: str = "day") -> tuple[int, int]:
        """Tokens that are settled and reserved."""
        (found,) = [spent for spent in await self.store.spent([key]) if spent.window == window]
        return found.settled.tokens, found.reserved.tokens


@asynccontextmanager
async def office(text: str = ALLOW, store: str = ":memory:", **settings: Any) -> AsyncIterator[Office]:
    """Open for the block."""
    async with open_store(store, timeout=60) as opened:
        made = Office(text, opened, **settings)
        async with made.host:
            yield made


async def refused(made: Office, request: Any, server: str = "logs", **settings: Any) -> SamplingError:
    """The error that ``request`` ends in."""
    try:
        await made.host.answer(request, server=server, **settings)
    except SamplingError as error:
        return error
    raise AssertionError("it was answered")
