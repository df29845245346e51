"""`OpenTelemetryObserver`: a span and metrics for each sampling request, made of its record when it has ended.

The span is the request's, from its arrival to the reply, the time that a person took included; it continues the
trace that the server sent along in ``_meta`` (``traceparent``, ``tracestate``), else the current one. Baggage is left
alone: it is a stranger's. Prompts and replies stay out unless they are asked for. Without an SDK set up by the
application nothing happens. Names stand in `upcall.host.conventions`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from opentelemetry import metrics, trace
from opentelemetry.trace import SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from upcall import __version__
from upcall.host import conventions as name
from upcall.host.records import CANCELLED, STARTED, Entry
from upcall.wire import (
    ContentBlock,
    ImageContent,
    SamplingRequest,
    SamplingResult,
    TextContent,
    ToolResult,
    ToolUse,
    encode,
)
from upcall.wire.sampling import METHOD
from upcall.wire.words import in_words

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.metrics import MeterProvider
    from opentelemetry.trace import TracerProvider

__all__ = ["OpenTelemetryObserver"]

Attributes: TypeAlias = dict[str, str | int | float | list[str]]

_NANOSECONDS = 1_000_000_000
_TRACE = TraceContextTextMapPropagator()
_CARRIED = ("traceparent", "tracestate")


class OpenTelemetryObserver:
    """Hand it to a host, as ``on_record``.

    Args:
        content: Whether spans carry system prompt, messages, tools and reply, as far as the record keeps them; media
            by kind and size only.
        tracer_provider: The global one when ``None``.
        meter_provider: The global one when ``None``.
    """

    def __init__(
        self,
        *,
        content: bool = False,
        tracer_provider: TracerProvider | None = None,
        meter_provider: MeterProvider | None = None,
    ) -> None:
        self._content = content
        self._tracer = trace.get_tracer(name.SCOPE, __version__, tracer_provider)
        meter = metrics.get_meter(name.SCOPE, __version__, meter_provider)
        self._duration = meter.create_histogram(
            name.DURATION_METRIC,
            unit="s",
            description="From a sampling request's arrival to its reply.",
            explicit_bucket_boundaries_advisory=name.DURATION_BUCKETS,
        )
        self._tokens = meter.create_histogram(
            name.TOKENS_METRIC,
            unit="{token}",
            description="Tokens that the provider counted.",
            explicit_bucket_boundaries_advisory=name.TOKEN_BUCKETS,
        )
        self._cost = meter.create_counter(
            name.COST_METRIC, unit="{USD}", description="US dollars, of the calls whose price is known."
        )
        self._unpriced = meter.create_counter(
            name.UNPRICED_METRIC, unit="{request}", description="Requests with tokens whose price is not known."
        )

    def __call__(self, entry: Entry) -> None:
        """Report a request that has ended."""
        if entry.outcome == STARTED:
            return
        common = _common(entry)
        self._report_span(entry, common)
        self._report_metrics(entry, common)

    def _report_span(self, entry: Entry, common: Attributes) -> None:
        start = int(entry.started_at.timestamp() * _NANOSECONDS)
        span = self._tracer.start_span(
            METHOD,
            context=_parent(entry),
            kind=SpanKind.SERVER,
            attributes={**common, **_details(entry), **(_content(entry) if self._content else {})},
            start_time=start,
        )
        if entry.fault is not None:
            span.set_status(Status(StatusCode.ERROR, entry.fault.message))
        span.end(start + max(0, int(entry.latency * _NANOSECONDS)))

    def _report_metrics(self, entry: Entry, common: Attributes) -> None:
        self._duration.record(max(0.0, entry.latency), common)
        if entry.usage is not None:
            self._tokens.record(entry.usage.input_tokens, {**common, name.TOKEN_TYPE: "input"})
            self._tokens.record(entry.usage.output_tokens, {**common, name.TOKEN_TYPE: "output"})
        if entry.cost is not None and entry.cost.micro_usd is not None:
            self._cost.add(entry.cost.micro_usd / 1e6, common)
        elif entry.usage is not None:
            self._unpriced.add(1, common)


def _common(entry: Entry) -> Attributes:
    """What spans and metrics share: few values each."""
    found: Attributes = {name.METHOD: METHOD, name.SERVER: entry.context.server, name.OUTCOME: entry.outcome}
    if entry.fault is not None:
        found |= {name.ERROR_TYPE: entry.fault.label, name.STATUS_CODE: str(entry.fault.code)}
    elif entry.outcome == CANCELLED:
        found[name.ERROR_TYPE] = CANCELLED
    if entry.context.version is not None:
        found[name.PROTOCOL_VERSION] = entry.context.version
    if entry.model_asked is not None:
        provider, _, model = entry.model_asked.partition("/")
        found |= {
            name.OPERATION: name.CHAT,
            name.PROVIDER: name.PROVIDERS.get(provider, provider),
            name.REQUEST_MODEL: model or provider,
        }
    if entry.model_used is not None:
        found[name.RESPONSE_MODEL] = entry.model_used
    return found


def _details(entry: Entry) -> Attributes:
    """What only the span has."""
    found: Attributes = {}
    if entry.context.request_id is not None:
        found[name.REQUEST_ID] = str(entry.context.request_id)
    if entry.context.during is not None:
        found |= {name.DURING_METHOD: entry.context.during.method, name.DURING_NAME: entry.context.during.name}
    if entry.ruling is not None:
        found[name.DECISION] = entry.ruling.decision
    if entry.flags:
        found[name.FLAGS] = sorted({flag.kind for flag in entry.flags})
    if entry.adjustments:
        found[name.ADJUSTMENTS] = [f"{one.field} {one.action}" for one in entry.adjustments]
    if entry.request is not None:
        found |= _asked(entry.request)
    if entry.stop_reason is not None:
        found[name.FINISH_REASONS] = [_finish_reason(entry.stop_reason)]
    if entry.usage is not None:
        found |= {name.INPUT_TOKENS: entry.usage.input_tokens, name.OUTPUT_TOKENS: entry.usage.output_tokens}
        if entry.usage.cached_input_tokens:
            found[name.CACHED_TOKENS] = entry.usage.cached_input_tokens
    if entry.cost is not None:
        found[name.PRICES] = entry.cost.snapshot
        if entry.cost.micro_usd is not None:
            found[name.COST] = entry.cost.micro_usd / 1e6
    return found


def _asked(request: SamplingRequest) -> Attributes:
    found: Attributes = {name.MAX_TOKENS: request.max_tokens}
    if request.temperature is not None:
        found[name.TEMPERATURE] = request.temperature
    if request.stop_sequences:
        found[name.STOP_SEQUENCES] = list(request.stop_sequences)
    return found


def _finish_reason(stop_reason: str) -> str:
    return name.STOP_REASONS.get(stop_reason, stop_reason)


def _parent(entry: Entry) -> Context | None:
    meta = entry.request.meta if entry.request is not None else None
    carrier = {key: value for key, value in (meta or {}).items() if key in _CARRIED and isinstance(value, str)}
    if not carrier and entry.trace is not None:
        carrier = {"traceparent": entry.trace}
    context = _TRACE.extract(carrier)
    # An empty context would make it a root; without one the span stands in the current trace.
    return context if trace.get_current_span(context).get_span_context().is_valid else None


def _content(entry: Entry) -> Attributes:
    found: Attributes = {}
    if entry.request is not None:
        turns = [
            {"role": message.role, "parts": [_part(block) for block in message.blocks]}
            for message in entry.request.messages
        ]
        found[name.INPUT_MESSAGES] = json.dumps(turns, ensure_ascii=False)
        if entry.request.system_prompt:
            system = [{"type": "text", "content": entry.request.system_prompt}]
            found[name.SYSTEM_INSTRUCTIONS] = json.dumps(system, ensure_ascii=False)
        if entry.request.tools:
            tools = [
                {
                    "type": "function",
                    "name": tool.name,
                    "description": tool.description,
                    "parameters": tool.input_schema,
                }
                for tool in entry.request.tools
            ]
            found[name.TOOL_DEFINITIONS] = json.dumps(tools, ensure_ascii=False)
    if entry.result is not None:
        found[name.OUTPUT_MESSAGES] = json.dumps([_reply(entry.result)], ensure_ascii=False)
    return found


def _reply(result: SamplingResult) -> dict[str, Any]:
    parts = [_part(block) for block in result.blocks]
    return {"role": result.role, "parts": parts, "finish_reason": _finish_reason(result.stop_reason or "endTurn")}


def _part(block: ContentBlock) -> Mapping[str, Any]:
    """A block as the conventions' message schema has it."""
    match block:
        case TextContent():
            return {"type": "text", "content": block.text}
        case ToolUse():
            return {"type": "tool_call", "id": block.id, "name": block.name, "arguments": block.input}
        case ToolResult():
            said = "\n".join(in_words(part) for part in encode(block.content))
            return {"type": "tool_call_response", "id": block.tool_use_id, "response": said}
        case _:
            modality = "image" if isinstance(block, ImageContent) else "audio"
            size = len(block.data) * 3 // 4
            return {"type": modality, "mime_type": block.mime_type, "bytes": size}
