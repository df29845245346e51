"""The names under which telemetry speaks: OpenTelemetry's conventions for MCP and for GenAI, and our own.

Both conventions are in development. What they rename is renamed here, and nowhere else.
"""

from __future__ import annotations

from types import MappingProxyType

__all__ = [
    "ADJUSTMENTS",
    "CACHED_TOKENS",
    "CHAT",
    "COST",
    "COST_METRIC",
    "DECISION",
    "DURATION_BUCKETS",
    "DURATION_METRIC",
    "DURING_METHOD",
    "DURING_NAME",
    "ERROR_TYPE",
    "FINISH_REASONS",
    "FLAGS",
    "INPUT_MESSAGES",
    "INPUT_TOKENS",
    "MAX_TOKENS",
    "METHOD",
    "OPERATION",
    "OUTCOME",
    "OUTPUT_MESSAGES",
    "OUTPUT_TOKENS",
    "PRICES",
    "PROTOCOL_VERSION",
    "PROVIDER",
    "PROVIDERS",
    "REQUEST_ID",
    "REQUEST_MODEL",
    "RESPONSE_MODEL",
    "SCOPE",
    "SERVER",
    "STATUS_CODE",
    "STOP_REASONS",
    "STOP_SEQUENCES",
    "SYSTEM_INSTRUCTIONS",
    "TEMPERATURE",
    "TOKENS_METRIC",
    "TOKEN_BUCKETS",
    "TOKEN_TYPE",
    "TOOL_DEFINITIONS",
    "UNPRICED_METRIC",
]

SCOPE = "upcall"
"""Name of the tracer and of the meter."""

# MCP -----------------------------------------------------------------------------------------------------------------

METHOD = "mcp.method.name"
PROTOCOL_VERSION = "mcp.protocol.version"
REQUEST_ID = "jsonrpc.request.id"
STATUS_CODE = "rpc.response.status_code"
"""The JSON-RPC error code, as text."""
ERROR_TYPE = "error.type"
DURATION_METRIC = "mcp.server.operation.duration"
"""As observed by the one who received the request; in sampling that is the client."""
DURATION_BUCKETS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300)

# GenAI ---------------------------------------------------------------------------------------------------------------

OPERATION = "gen_ai.operation.name"
CHAT = "chat"
PROVIDER = "gen_ai.provider.name"
REQUEST_MODEL = "gen_ai.request.model"
RESPONSE_MODEL = "gen_ai.response.model"
MAX_TOKENS = "gen_ai.request.max_tokens"
TEMPERATURE = "gen_ai.request.temperature"
STOP_SEQUENCES = "gen_ai.request.stop_sequences"
FINISH_REASONS = "gen_ai.response.finish_reasons"
INPUT_TOKENS = "gen_ai.usage.input_tokens"
OUTPUT_TOKENS = "gen_ai.usage.output_tokens"
CACHED_TOKENS = "gen_ai.usage.cache_read.input_tokens"
SYSTEM_INSTRUCTIONS = "gen_ai.system_instructions"
INPUT_MESSAGES = "gen_ai.input.messages"
OUTPUT_MESSAGES = "gen_ai.output.messages"
TOOL_DEFINITIONS = "gen_ai.tool.definitions"
TOKEN_TYPE = "gen_ai.token.type"  # noqa: S105 not a secret
TOKENS_METRIC = "gen_ai.client.token.usage"
TOKEN_BUCKETS = (1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864)

PROVIDERS = MappingProxyType({"google": "gcp.gemini"})
"""The word before the slash of a model string → the conventions' name, where it is another."""
STOP_REASONS = MappingProxyType(
    {"endTurn": "stop", "stopSequence": "stop", "maxTokens": "length", "toolUse": "tool_call"}
)
"""MCP's stop reason → the conventions' finish reason; others stay as they are."""

# Our own -------------------------------------------------------------------------------------------------------------

SERVER = "upcall.server"
"""Our name for the server that asked."""
OUTCOME = "upcall.outcome"
DECISION = "upcall.decision"
FLAGS = "upcall.flags"
ADJUSTMENTS = "upcall.adjustments"
DURING_METHOD = "upcall.during.method"
DURING_NAME = "upcall.during.name"
COST = "upcall.cost.usd"
PRICES = "upcall.cost.prices"
COST_METRIC = "upcall.sampling.cost"
UNPRICED_METRIC = "upcall.sampling.unpriced"
