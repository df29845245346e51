"""One module-level server on several event loops, one after the other."""

from __future__ import annotations

import asyncio
import gc

import anyio

from tests.server.peers import MODERN, client_of, server_with, text_of
from tests.server.test_sampling import Manual, shout
from upcall.server import Sampling, sample


async def body() -> str:
    return str(await sample("?"))


def test_each_loop_ends_with_nothing_left_for_the_next() -> None:
    sampling = Sampling()
    server = server_with(sampling, body)

    async def run() -> None:
        async with client_of(server, MODERN, shout) as client:
            await Manual(client, "body", {}).send()
            assert text_of(await client.call_tool("body", {})) == "?"
            assert sampling.parked == 1

    for _ in range(3):
        asyncio.run(run())
        assert sampling.parked == 0


def test_what_a_closed_event_loop_left_behind_does_not_stop_the_clock_of_the_next() -> None:
    sampling = Sampling(park_lifetime=0.02)
    server = server_with(sampling, body)

    async def park(*, until_over: bool) -> None:
        async with client_of(server, MODERN, shout) as client:
            await Manual(client, "body", {}).send()
            with anyio.fail_after(5):
                while until_over and sampling.parked:  # noqa: ASYNC110 - the lot has no event for it
                    await anyio.sleep(0.005)

    careless = asyncio.new_event_loop()
    careless.run_until_complete(park(until_over=False))
    (abandoned,) = (task for task in asyncio.all_tasks(careless) if task.get_name().startswith("upcall"))
    abandoned._log_destroy_pending = False  # type: ignore[attr-defined]
    careless.close()
    asyncio.run(park(until_over=True))
    assert sampling.parked == 0
    del abandoned
    gc.collect()  # what is left of the body is thrown away here, not in a test to come
