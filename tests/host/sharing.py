"""Processes whose hosts share a store: ``python -m tests.host.sharing COMMAND URL POLICY REQUESTS``.

They speak as `tests.store.processes` do. ``answer``: gate; then so many requests at once; says how many were answered,
and what the others were refused for. ``forever``: says each that was answered, one after the other, until it is killed.
"""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from typing import Any

from tests.host.governed import Office, office
from tests.host.playbook import YES, asked
from tests.store.processes import gate, say
from upcall.errors import LimitExceeded, SamplingError
from upcall.host.approval import Answer, Question


class Person:
    """Says yes, and counts how often."""

    asked = 0

    async def ask(self, question: Question) -> Answer:
        self.asked += 1
        return YES


async def _one(made: Office) -> str:
    try:
        await made.host.answer(asked(), server="logs")
    except LimitExceeded as error:
        return error.limit
    except SamplingError as error:
        return error.label
    return "answered"


async def main(command: str, url: str, text: str, requests: str) -> None:
    """Run one command."""
    person = Person()
    settings: dict[str, Any] = {"approve": person} if "ask" in text else {}
    async with office(text, store=url, **settings) as made:
        if command == "forever":
            while True:
                say(await _one(made))
        await gate()
        outcomes = await asyncio.gather(*(_one(made) for _ in range(int(requests))))
        say([Counter(outcomes), len(made.model.requests), person.asked])


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
