"""Spans and metrics of sampling requests, as an application's OpenTelemetry SDK gets them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.semconv._incubating.attributes import (
    error_attributes,
    gen_ai_attributes,
    jsonrpc_attributes,
    mcp_attributes,
    rpc_attributes,
)
from opentelemetry.semconv._incubating.metrics import gen_ai_metrics, mcp_metrics

from upcall.errors import SamplingRefused
from upcall.host import ClientRequest, Host, SamplingContext, conventions
from upcall.host.records import ANSWERED, CANCELLED, STARTED, Entry, Fault, Ruling
from upcall.host.scanning import scan_request
from upcall.host.telemetry import OpenTelemetryObserver
from upcall.models import Adjustment, Usage
from upcall.models.prices import Cost
from upcall.wire import (
    ImageContent,
    SamplingMessage,
    SamplingRequest,
    SamplingResult,
    TextContent,
    Tool,
    ToolResult,
    ToolUse,
    decode_request,
)

NOON = datetime(2026, 7, 28, 12, tzinfo=UTC)
TRACE_ID, SPAN_ID = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
TRACEPARENT = f"00-{TRACE_ID}-{SPAN_ID}-01"


class Sink:
    """An application's SDK."""

    def __init__(self) -> None:
        self._spans = InMemorySpanExporter()
        self.tracers = TracerProvider()
        self.tracers.add_span_processor(SimpleSpanProcessor(self._spans))
        self._reader = InMemoryMetricReader()
        self.meters = MeterProvider(metric_readers=[self._reader])

    def observer(self, *, content: bool = False) -> OpenTelemetryObserver:
        return OpenTelemetryObserver(content=content, tracer_provider=self.tracers, meter_provider=self.meters)

    @property
    def spans(self) -> list[ReadableSpan]:
        return list(self._spans.get_finished_spans())

    def points(self, metric: str) -> list[Any]:
        data = self._reader.get_metrics_data()
        if data is None:
            return []
        return [
            point
            for resource in data.resource_metrics
            for scope in resource.scope_metrics
            for found in scope.metrics
            if found.name == metric
            for point in found.data.data_points
        ]

    def close(self) -> None:
        self.tracers.shutdown()
        self.meters.shutdown()


@pytest.fixture
def sink() -> Iterator[Sink]:
    made = Sink()
    yield made
    made.close()


def request(**fields: Any) -> SamplingRequest:
    message = SamplingMessage(role="user", content=TextContent(text="Explain\u200b the secret plan."))
    return SamplingRequest(**{"messages": [message], "max_tokens": 100, **fields})


def entry(**fields: Any) -> Entry:
    asked = fields.pop("request", request(temperature=0.5, stop_sequences=["\n"]))
    return Entry(
        **{
            "context": SamplingContext(
                server="logs", version="2026-07-28", request_id="why", during=ClientRequest(name="explain")
            ),
            "request": asked,
            "outcome": ANSWERED,
            "result": SamplingResult(
                role="assistant", content=TextContent(text="A lock."), model="m-1", stop_reason="maxTokens"
            ),
            "stop_reason": "maxTokens",
            "ruling": Ruling(decision="allow", by="ann"),
            "flags": tuple(scan_request(asked)) if asked is not None else (),
            "model_asked": "google/gemini-3-pro",
            "model_used": "m-1",
            "usage": Usage(input_tokens=70, output_tokens=20, cached_input_tokens=30),
            "cost": Cost(micro_usd=4200, snapshot="genai-prices 0.2.3", source="genai-prices"),
            "adjustments": (Adjustment(field="temperature", action="clamped", reason="It takes 0 to 1."),),
            "started_at": NOON,
            "latency": 2.5,
            **fields,
        }
    )


def test_a_span_says_what_happened(sink: Sink) -> None:
    sink.observer()(entry())
    (span,) = sink.spans
    assert span.name == "sampling/createMessage"
    assert span.kind is trace.SpanKind.SERVER
    assert span.start_time == int(NOON.timestamp()) * 10**9
    assert span.end_time == span.start_time + 2_500_000_000
    assert span.status.status_code is trace.StatusCode.UNSET
    assert dict(span.attributes or {}) == {
        "mcp.method.name": "sampling/createMessage",
        "mcp.protocol.version": "2026-07-28",
        "jsonrpc.request.id": "why",
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "gcp.gemini",
        "gen_ai.request.model": "gemini-3-pro",
        "gen_ai.response.model": "m-1",
        "gen_ai.request.max_tokens": 100,
        "gen_ai.request.temperature": 0.5,
        "gen_ai.request.stop_sequences": ("\n",),
        "gen_ai.response.finish_reasons": ("length",),
        "gen_ai.usage.input_tokens": 70,
        "gen_ai.usage.output_tokens": 20,
        "gen_ai.usage.cache_read.input_tokens": 30,
        "upcall.server": "logs",
        "upcall.outcome": "answered",
        "upcall.decision": "allow",
        "upcall.flags": ("invisible",),
        "upcall.adjustments": ("temperature clamped",),
        "upcall.during.method": "tools/call",
        "upcall.during.name": "explain",
        "upcall.cost.usd": 0.0042,
        "upcall.cost.prices": "genai-prices 0.2.3",
    }


def test_prompts_and_replies_stay_out_unless_asked_for(sink: Sink) -> None:
    sink.observer()(entry())
    assert "secret" not in repr(dict(sink.spans[0].attributes or {}))
    assert "lock" not in repr(dict(sink.spans[0].attributes or {}))


def test_content_that_is_asked_for_is_in_the_conventions_form_and_without_media(sink: Sink) -> None:
    messages = [
        SamplingMessage(
            role="user", content=[TextContent(text="Look"), ImageContent(data="QUJD" * 100, mime_type="image/png")]
        ),
        SamplingMessage(role="assistant", content=ToolUse(id="t1", name="look", input={"at": 1})),
        SamplingMessage(role="user", content=ToolResult(tool_use_id="t1", content=[TextContent(text="a cat")])),
    ]
    asked = request(
        messages=messages, system_prompt="Be brief.", tools=[Tool(name="look", input_schema={"type": "object"})]
    )
    sink.observer(content=True)(entry(request=asked))
    attributes = dict(sink.spans[0].attributes or {})
    assert json.loads(str(attributes["gen_ai.input.messages"])) == [
        {
            "role": "user",
            "parts": [
                {"type": "text", "content": "Look"},
                {"type": "image", "mime_type": "image/png", "bytes": 300},
            ],
        },
        {
            "role": "assistant",
            "parts": [{"type": "tool_call", "id": "t1", "name": "look", "arguments": {"at": 1}}],
        },
        {"role": "user", "parts": [{"type": "tool_call_response", "id": "t1", "response": "a cat"}]},
    ]
    assert json.loads(str(attributes["gen_ai.output.messages"])) == [
        {"role": "assistant", "parts": [{"type": "text", "content": "A lock."}], "finish_reason": "length"}
    ]
    assert json.loads(str(attributes["gen_ai.system_instructions"])) == [{"type": "text", "content": "Be brief."}]
    assert json.loads(str(attributes["gen_ai.tool.definitions"]))[0]["name"] == "look"
    assert "QUJD" not in repr(attributes)


def test_the_servers_trace_is_continued(sink: Sink) -> None:
    meta = {"traceparent": TRACEPARENT, "tracestate": "vendor=1", "baggage": "user=ann"}
    sink.observer()(entry(request=request(meta=meta)))
    (span,) = sink.spans
    assert span.parent is not None
    assert trace.format_trace_id(span.parent.trace_id) == TRACE_ID
    assert trace.format_span_id(span.parent.span_id) == SPAN_ID
    assert span.context is not None
    assert span.context.trace_state.get("vendor") == "1"


def test_the_trace_is_kept_where_the_request_is_not(sink: Sink) -> None:
    sink.observer(content=True)(entry(request=None, result=None, trace=TRACEPARENT))
    (span,) = sink.spans
    assert span.parent is not None
    assert trace.format_trace_id(span.parent.trace_id) == TRACE_ID
    assert not any(key.endswith("messages") for key in span.attributes or {})


@pytest.mark.parametrize("meta", [None, {}, {"traceparent": "nonsense"}, {"traceparent": 7}, {"traceparent": ["x"]}])
def test_without_a_trace_of_the_server_it_stands_in_the_current_one(sink: Sink, meta: dict[str, Any] | None) -> None:
    with sink.tracers.get_tracer("app").start_as_current_span("app") as outer:
        sink.observer()(entry(request=request(meta=meta)))
    assert sink.spans[0].parent is not None
    assert sink.spans[0].parent.span_id == outer.get_span_context().span_id
    sink.observer()(entry(request=request(meta=meta)))
    assert sink.spans[-1].parent is None


def test_an_error_is_named_and_its_detail_stays_here(sink: Sink) -> None:
    error = SamplingRefused("The policy says no.", detail="rule at /home/ann/upcall.toml:12")
    sink.observer()(entry(outcome="refused", fault=Fault.of(error), result=None, usage=None, cost=None))
    (span,) = sink.spans
    attributes = dict(span.attributes or {})
    assert (attributes["error.type"], attributes["rpc.response.status_code"]) == ("refused", "-1")
    assert span.status.status_code is trace.StatusCode.ERROR
    assert span.status.description == "The policy says no."
    assert "/home/ann" not in span.to_json()


def test_a_cancelled_request_is_no_error_of_ours(sink: Sink) -> None:
    sink.observer()(entry(outcome=CANCELLED, result=None, usage=None, cost=None))
    (span,) = sink.spans
    assert (span.attributes or {})["error.type"] == "cancelled"
    assert span.status.status_code is trace.StatusCode.UNSET


def test_a_request_that_could_not_be_read_has_a_span_too(sink: Sink) -> None:
    bare = entry(request=None, raw=[1], outcome="invalid_request", model_asked=None, model_used=None, ruling=None,
                 result=None, usage=None, cost=None, stop_reason=None, adjustments=())  # fmt: skip
    sink.observer(content=True)(bare)
    assert (sink.spans[0].attributes or {})["upcall.outcome"] == "invalid_request"


def test_what_has_only_begun_is_not_reported(sink: Sink) -> None:
    sink.observer()(entry(outcome=STARTED))
    assert sink.spans == []
    assert sink.points("mcp.server.operation.duration") == []


def test_metrics_add_up(sink: Sink) -> None:
    observe = sink.observer()
    observe(entry())
    observe(entry(latency=0.5))
    observe(entry(cost=Cost(micro_usd=None, snapshot="s", source="unknown")))
    (duration,) = sink.points("mcp.server.operation.duration")
    assert (duration.count, duration.sum) == (3, 5.5)
    tokens = {point.attributes["gen_ai.token.type"]: point.sum for point in sink.points("gen_ai.client.token.usage")}
    assert tokens == {"input": 210, "output": 60}
    assert sum(point.value for point in sink.points("upcall.sampling.cost")) == pytest.approx(0.0084)
    assert sum(point.value for point in sink.points("upcall.sampling.unpriced")) == 1


def test_what_is_not_known_is_not_counted_as_nothing(sink: Sink) -> None:
    sink.observer()(entry(usage=None, cost=None))
    assert sink.points("gen_ai.client.token.usage") == []
    assert sink.points("upcall.sampling.cost") == []
    assert "gen_ai.usage.input_tokens" not in (sink.spans[0].attributes or {})


def test_metrics_do_not_carry_what_has_many_values(sink: Sink) -> None:
    observe = sink.observer(content=True)
    for number in range(5):
        observe(entry(context=SamplingContext(server="logs", request_id=number)))
    assert len(sink.points("mcp.server.operation.duration")) == 1


def test_names_are_those_of_the_conventions() -> None:
    known = {
        value
        for module in (
            error_attributes, gen_ai_attributes, jsonrpc_attributes, mcp_attributes, rpc_attributes, gen_ai_metrics,
            mcp_metrics,
        )
        for value in vars(module).values()
        if isinstance(value, str)
    }  # fmt: skip
    ours = {
        getattr(conventions, constant)
        for constant in conventions.__all__
        if isinstance(getattr(conventions, constant), str)
    }
    assert {name for name in ours if not name.startswith("upcall")} <= known | {"chat"}
    providers = {member.value for member in gen_ai_attributes.GenAiProviderNameValues}
    assert set(conventions.PROVIDERS.values()) <= providers


@pytest.mark.anyio
async def test_a_host_reports_to_it(sink: Sink) -> None:
    async with Host(lambda messages: "A lock.", on_record=sink.observer()) as host:
        asked = {"messages": [{"role": "user", "content": {"type": "text", "text": "Why?"}}], "maxTokens": 10}
        await host.answer(decode_request(asked), server="logs")
    (span,) = sink.spans
    assert (span.attributes or {})["upcall.outcome"] == "answered"


def test_without_an_sdk_nothing_happens() -> None:
    OpenTelemetryObserver()(entry())
