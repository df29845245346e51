"""A thousand requests at once: budgets hold to the token, every request has its record, nothing stays reserved."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path
from typing import Any

import anyio
import pytest
from msgspec.structs import replace

from tests.host.governed import ALLOW, office
from tests.host.playbook import MODEL, answer, asked
from upcall.errors import LimitExceeded, ModelUnavailable, SamplingError
from upcall.models import Completion, Usage

pytestmark = pytest.mark.anyio

REQUESTS = 1000
TOKENS = 60_000
FREE = '[default.limits]\nper_minute = "unlimited"\nconcurrent = "unlimited"\n'
BUDGET = f'[[budget]]\nfor = "overall"\nper = "ever"\ntokens = {TOKENS}\n'


class _Spender:
    """Uses a different number of tokens each time, all that it may now and then; fails, or does not count them."""

    name = MODEL

    def __init__(self) -> None:
        self._random = random.Random(7)
        self.used = 0
        self.at_work = anyio.Event()

    async def complete(self, request: Any) -> Completion:
        self.at_work.set()
        await anyio.sleep(self._random.random() / 100)
        what = self._random.random()
        if what < 0.1:
            raise ModelUnavailable("Down.", status=503)
        used = request.max_tokens if what < 0.2 else self._random.randint(1, request.max_tokens)
        self.used += used
        return replace(answer(), usage=Usage(input_tokens=0, output_tokens=used))

    async def aclose(self) -> None: ...


@pytest.mark.parametrize("place", ["memory", "file"])
async def test_a_budget_is_not_overspent_by_one_token_by_a_thousand_at_once(place: str, tmp_path: Path) -> None:
    spender = _Spender()
    store = ":memory:" if place == "memory" else str(tmp_path / "record.db")
    async with office(ALLOW + FREE + BUDGET, store=store, model=spender, max_concurrent=100) as made:

        async def ask(number: int) -> SamplingError | None:
            try:
                await made.host.answer(asked(f"{number}"), server=f"server{number % 7}")
            except SamplingError as error:
                return error
            return None

        with anyio.fail_after(90):
            errors = await asyncio.gather(*(ask(number) for number in range(REQUESTS)))
        settled, reserved = await made.spent("overall", "ever")
        records = await made.records()

    refused = [error for error in errors if isinstance(error, LimitExceeded)]
    assert settled == spender.used <= TOKENS
    assert reserved == 0
    assert refused, "there was not enough for all"
    assert {type(error) for error in errors} <= {type(None), LimitExceeded, ModelUnavailable}
    assert len(records) == len(made.entries) == REQUESTS
    assert {record.state for record in records} == {"finished"}
    assert sum(record.outcome == "limit_exceeded" for record in records) == len(refused)
    assert sum(record.output_tokens or 0 for record in records) == settled


async def test_a_thousand_at_once_of_which_half_are_given_up_leave_nothing_reserved() -> None:
    spender = _Spender()
    async with office(ALLOW + FREE + BUDGET.replace(str(TOKENS), "10000000"), model=spender) as made:
        with anyio.fail_after(90):
            tasks = [asyncio.create_task(made.host.answer(asked(), server="logs")) for _ in range(REQUESTS)]
            await spender.at_work.wait()
            for task in tasks[::2]:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        _, reserved = await made.spent("overall", "ever")
        records = await made.records()
    assert reserved == 0
    assert len(records) == len(made.entries) == REQUESTS
    assert {record.state for record in records} == {"finished"}
    assert {record.outcome for record in records} <= {"answered", "cancelled", "model_unavailable"}
    assert sum(record.outcome == "cancelled" for record in records) > 100
