"""``host``: what `Host` adds to a sampling request, and how many of them it answers in a second.

The model answers at once, under a name that has a price, so that costs are reckoned and booked as they would be.
SQLite on this machine's disk, and PostgreSQL where one is to be had, as in ``store``; every record is on the disk
before its request is answered.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from importlib import import_module
from statistics import median
from time import perf_counter, process_time
from typing import TYPE_CHECKING, Any, NamedTuple

from benchmarks.measure import Outcome, Table, paired, spread, turns
from benchmarks.peers import ANSWER, LEGACY, MODERN, PROMPT, TEXT
from benchmarks.stores import postgres_maker, sqlite_maker
from upcall.host import Host
from upcall.host.policy import parse_policy
from upcall.models import Completion, Usage
from upcall.store import open_store
from upcall.wire import SamplingRequest, SamplingResult, TextContent

if TYPE_CHECKING:
    from mcp import Client

__all__ = ["TITLE", "run"]

TITLE = "host: what it adds to a sampling request, instant model"

_TOGETHER = 64
_NAME = "openai/gpt-4o-mini"

_ALLOW = """
[default]
decision = "allow"

[default.limits]
concurrent = 1_000
per_minute = 1_000_000_000
"""
"""Everything else is as it is by default: scanning, redaction, and the limits of one request."""

_BUDGET = """
[[budget]]
for = "overall"
per = "month"
usd = 1_000_000

[[budget]]
for = "server:*"
per = "day"
tokens = 1_000_000_000_000

[[budget]]
for = "model:*"
per = "hour"
calls = 1_000_000_000
"""
"""None of them is ever used up."""

_REQUEST = {"messages": [{"role": "user", "content": {"type": "text", "text": PROMPT + TEXT}}], "maxTokens": 100}


class _Instant:
    """A model that answers at once."""

    name = _NAME

    def __init__(self) -> None:
        result = SamplingResult(role="assistant", content=TextContent(text=ANSWER), model=_NAME, stop_reason="endTurn")
        self._completion = Completion(result=result, usage=Usage(input_tokens=500, output_tokens=60))

    async def complete(self, request: SamplingRequest) -> Completion:
        return self._completion

    async def aclose(self) -> None:
        """Nothing to release."""


class _Setting(NamedTuple):
    """How a host is made."""

    store: str | None = None
    policy: str | None = None


@asynccontextmanager
async def _host(setting: _Setting) -> AsyncIterator[Host]:
    async with AsyncExitStack() as stack:
        store = None
        if setting.store is not None:
            store = await stack.enter_async_context(open_store(setting.store, patience=120))
        policy = None if setting.policy is None else parse_policy(setting.policy)
        yield await stack.enter_async_context(Host(_Instant(), policy=policy, store=store, max_concurrent=_TOGETHER))


def run(quick: bool, say: Callable[[str], None]) -> Outcome:
    """Measure calls of the official client, then the host alone."""
    outcome = Outcome()
    with ExitStack() as stack:
        sqlite = sqlite_maker(stack)
        say("in a client, in memory")
        asyncio.run(_in_clients(sqlite, quick, outcome))
        stores = {"SQLite, in memory": lambda: ":memory:", "SQLite, a file": sqlite}
        try:
            stores["PostgreSQL"] = stack.enter_context(postgres_maker())
        except Exception as error:  # whatever is in the way: this one is then not measured
            outcome.missing["PostgreSQL"] = f"no server to be had ({type(error).__name__})"
        say("by itself")
        asyncio.run(_by_itself(stores, quick, outcome))
    return outcome


# In a client: one tool call that samples once, the callback being all that differs.

_BARE = "bare callback"
_TOOLS = {LEGACY: "create_message", MODERN: "by_hand"}


async def _in_clients(sqlite: Callable[[], str], quick: bool, outcome: Outcome) -> None:
    rounds, calls = (5, 10) if quick else (24, 20)
    settings = {
        "Host(model)": _Setting(),
        "Host(model, store=SQLite)": _Setting(sqlite()),
        "Host(policy, store=SQLite)": _Setting(sqlite(), _ALLOW),
        "Host(policy with budgets, store=SQLite)": _Setting(sqlite(), _ALLOW + _BUDGET),
    }
    blocks: dict[tuple[str, str], list[float]] = defaultdict(list)
    cpu: dict[tuple[str, str], list[float]] = defaultdict(list)
    async with _clients(settings) as clients:
        for key in clients:
            await _calls(clients, key, calls)  # what is loaded on first use is loaded now
        for order in turns(list(clients), rounds):
            for key in order:
                before = process_time()
                blocks[key].append(await _calls(clients, key, calls))
                cpu[key].append((process_time() - before) / calls * 1e6)
    for era in _TOOLS:
        bare = blocks[_BARE, era]
        rows = []
        for name in (_BARE, *settings):
            taken = blocks[name, era]
            added = [own - other for own, other in zip(taken, bare, strict=True)]
            own = name == _BARE
            rows.append(
                [
                    name,
                    spread(taken).show(0),
                    "0" if own else spread(added).show(0),
                    "1" if own else paired(taken, bare).show(),
                    spread(cpu[name, era]).show(0),
                ]
            )
        outcome.tables.append(
            Table(
                title=f"memory: a call that samples once, {'legacy' if era == LEGACY else 'modern'}",
                columns=["", "µs per call", "µs that the host adds", "x bare callback", "processor µs per call"],
                rows=rows,
                note="mcp's client and server; the answering side is all that differs. Three budgets. "
                "Processor time is that of all threads: waiting for the disk is not in it.",
            )
        )
    outcome.data["client"] = {
        f"{name}, {era}": {"us": taken, "cpu_us": cpu[name, era]} for (name, era), taken in blocks.items()
    }


@asynccontextmanager
async def _clients(settings: Mapping[str, _Setting]) -> AsyncIterator[dict[tuple[str, str], Client]]:
    """A client for each setting and era, and for the bare callback, each with a server of its own."""
    from mcp import Client

    mcp2: Any = import_module("benchmarks.peers.mcp2")
    async with AsyncExitStack() as stack:
        options: dict[str, Any] = {_BARE: {"sampling_callback": mcp2._answer}}
        for name, setting in settings.items():
            options[name] = (await stack.enter_async_context(_host(setting))).for_client("logs")
        yield {
            (name, era): await stack.enter_async_context(Client(mcp2.make(), mode=era, **given))
            for era in _TOOLS
            for name, given in options.items()
        }


async def _calls(clients: Mapping[tuple[str, str], Client], key: tuple[str, str], number: int) -> float:
    """The median of so many calls, in microseconds."""
    client, tool = clients[key], _TOOLS[key[1]]
    taken = []
    for _ in range(number):
        started = perf_counter()
        result = await client.call_tool(tool, {"text": TEXT})
        taken.append((perf_counter() - started) * 1e6)
        assert not result.is_error, result
        assert getattr(result.content[0], "text", None) == ANSWER, result
    return median(taken)


# By itself: `Host.answer`.

_NO_STORE = "no store, no policy"


async def _by_itself(stores: Mapping[str, Callable[[], str]], quick: bool, outcome: Outcome) -> None:
    rounds, few, many = (2, 20, 128) if quick else (10, 40, 512)
    settings = {(_NO_STORE, False): _Setting()}
    for name, make in stores.items():
        settings[name, False] = _Setting(make(), _ALLOW)
        settings[name, True] = _Setting(make(), _ALLOW + _BUDGET)
    alone: dict[tuple[str, bool], list[float]] = defaultdict(list)
    together: dict[tuple[str, bool], list[float]] = defaultdict(list)
    async with AsyncExitStack() as stack:
        hosts = {key: await stack.enter_async_context(_host(setting)) for key, setting in settings.items()}
        for host in hosts.values():
            await _answers(host, _TOGETHER, _TOGETHER)
        for order in turns(list(hosts), rounds):
            for key in order:
                alone[key].append(few / await _answers(hosts[key], few, 1))
                together[key].append(many / await _answers(hosts[key], many, _TOGETHER))
    outcome.tables.append(
        Table(
            title="Host.answer, requests per second",
            columns=["", "one at a time", "the same, budgets", f"{_TOGETHER} at once", f"{_TOGETHER} at once, budgets"],
            rows=[
                [
                    name,
                    *(
                        spread(rates[name, budget]).show(0) if (name, budget) in rates else "-"
                        for rates in (alone, together)
                        for budget in (False, True)
                    ),
                ]
                for name in (_NO_STORE, *stores)
            ],
            note="With a store: under a policy that allows, which always keeps a record. Three budgets.",
        )
    )
    outcome.data["answer"] = {
        f"{name}, {'budgets' if budget else 'no budget'}": {
            "alone": alone[name, budget],
            "together": together[name, budget],
        }
        for name, budget in settings
    }


async def _answers(host: Host, count: int, at_once: int) -> float:
    """Seconds for so many requests."""

    async def some() -> None:
        for _ in range(count // at_once):
            completion = await host.answer(_REQUEST, server="logs", version=MODERN)
            assert completion.usage is not None

    started = perf_counter()
    await asyncio.gather(*(some() for _ in range(at_once)))
    return perf_counter() - started
