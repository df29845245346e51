"""Signs of life through performers and real gateways: a client that waits for progress keeps its call."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import anyio
import pytest
from mcp import Client
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from tests.gateway.answers import ALLOW, gateway, sample
from tests.gateway.http.places import between
from tests.gateway.mixed.places import hosted
from tests.gateway.session.talk import KEY, SAMPLING, call, initialize, meta, required, written
from tests.waiting import until
from upcall.gateway.performing import Elicit, Performer
from upcall.gateway.sealing import Sealer
from upcall.gateway.session import Answered, Outcome, Sample, Session, Terms, ToClient, ToServer
from upcall.host import telemetry
from upcall.testing import ScriptedModel

pytestmark = pytest.mark.anyio

QUICK = 0.05
HEADERS = {"MCP-Protocol-Version": "2026-07-28", "Mcp-Method": "tools/call", "Mcp-Name": "ask"}
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Performer.__init__, "__kwdefaults__", {"beat": QUICK})


class Slow:
    """Answers when it is told to."""

    def __init__(self) -> None:
        self.go = asyncio.Event()

    async def answer(self, sample: Sample, elicit: Elicit | None) -> Outcome:
        await self.go.wait()
        return Answered(b"{}")


async def test_a_performer_beats_while_samples_are_under_way_and_not_before_or_after() -> None:
    sent: list[dict[str, Any]] = []

    def send(action: ToClient | ToServer) -> None:
        sent.append(json.loads(action.frame))

    slow = Slow()
    performer = Performer(Session(lambda: Terms(server="s"), Sealer([KEY], "s")), slow, send, beat=QUICK)
    performer.from_client(written(initialize()))
    performer.from_client(written(call(1)))
    before = len(sent)
    await anyio.sleep(QUICK * 3)
    assert len(sent) == before
    performer.from_server(written(required(1, k=SAMPLING)))
    await until(lambda: len(sent) >= before + 3)
    values = [message["params"]["progress"] for message in sent[before:]]
    assert values == sorted(set(values))
    slow.go.set()
    await until(lambda: not performer.under_way)
    assert sent[-1]["method"] == "tools/call"
    after = len(sent)
    await anyio.sleep(QUICK * 3)
    assert len(sent) == after
    await performer.aclose()


class Heard:
    """The progress of a call, whose model answers once there is some."""

    def __init__(self) -> None:
        self.values: list[float] = []
        self._enough = asyncio.Event()

    async def progress(self, progress: float, total: float | None, message: str | None) -> None:
        self.values.append(progress)
        if len(self.values) >= 3:
            self._enough.set()

    async def think(self, request: Any) -> str:
        with anyio.fail_after(10):
            await self._enough.wait()
        return "at last"


@asynccontextmanager
async def served(way: str, folder: Path, model: Any) -> AsyncIterator[str]:
    if way == "pipes":
        async with hosted(folder, model=model) as (url, _):
            yield url
    else:
        async with between(folder, model, json_response=way == "json") as it:
            yield it.url


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(
    ("way", "mode"),
    [
        ("events", "2026-07-28"),
        ("json", "2026-07-28"),
        ("pipes", "2026-07-28"),
        ("events", "legacy"),
        ("pipes", "legacy"),
    ],
)
async def test_the_official_client_hears_progress_while_the_gateway_answers(
    tmp_path: Path, way: str, mode: Any
) -> None:
    heard = Heard()
    async with served(way, tmp_path, ScriptedModel(heard.think, repeat=True)) as url, Client(url, mode=mode) as client:
        result = await client.call_tool("ask", {"question": "why?"}, progress_callback=heard.progress)
    assert "at last" in str(result.content)
    assert len(heard.values) >= 3
    assert heard.values == sorted(set(heard.values))


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("accept", ["application/json", "application/json, text/event-stream"])
async def test_an_answer_in_json_becomes_events_only_where_the_client_takes_them(tmp_path: Path, accept: str) -> None:
    async def think(request: Any) -> str:
        await anyio.sleep(QUICK * 5)
        return "at last"

    async with between(tmp_path, ScriptedModel(think, repeat=True), json_response=True) as it:
        body = call(1, name="ask", arguments={"question": "why?"}, _meta=meta())
        headers = {"Accept": accept, **HEADERS}
        async with aiohttp.ClientSession() as http, http.post(it.url, json=body, headers=headers) as response:
            text = await response.text()
    if "event-stream" in accept:
        assert response.content_type == "text/event-stream"
        assert text.index("notifications/progress") < text.index("at last")
    else:
        assert response.content_type == "application/json"
        assert json.loads(text)["result"]["content"][0]["text"] == "why?: at last"


@pytest.mark.parametrize(
    ("own", "parent"),
    [(None, "b7ad6b7169203331"), ("00-" + "c" * 32 + "-" + "d" * 16 + "-01", "d" * 16)],
)
async def test_what_is_reported_is_part_of_the_clients_trace_unless_the_sampling_has_its_own(
    monkeypatch: pytest.MonkeyPatch, own: str | None, parent: str
) -> None:
    spans = InMemorySpanExporter()
    tracers = TracerProvider()
    tracers.add_span_processor(SimpleSpanProcessor(spans))
    observer = telemetry.OpenTelemetryObserver
    monkeypatch.setattr(telemetry, "OpenTelemetryObserver", lambda: observer(tracer_provider=tracers))
    extra = {} if own is None else {"_meta": {"traceparent": own}}
    async with gateway(ALLOW) as desk:
        await desk.answering.answer(sample(trace={"traceparent": PARENT}, extra=extra))
        await desk.answering.answer(sample(number=2, call=os.urandom(4).hex()))
    tracers.shutdown()
    first, second = spans.get_finished_spans()
    assert first.parent is not None
    assert f"{first.parent.span_id:016x}" == parent
    assert second.parent is None
