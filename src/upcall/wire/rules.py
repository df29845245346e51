"""The rules of sampling that reach beyond one field, as checks.

Each check names its source. `check_request` is for the one who answers (and for a server before it asks);
`check_result` is for the answer, on either side. They take values, raise, and return nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from upcall.errors import InvalidAnswer, InvalidRequest
from upcall.wire.content import TextContent, ToolResult, ToolUse, WireValue
from upcall.wire.eras import allows_tools
from upcall.wire.sampling import SamplingMessage, SamplingRequest, SamplingResult

__all__ = [
    "SamplingCapability",
    "check_encodable",
    "check_request",
    "check_result",
    "check_turns",
    "missing_capability",
]


class SamplingCapability(WireValue, frozen=True, kw_only=True):
    """What a client declares under ``capabilities.sampling``; presence of an object is the declaration."""

    tools: dict[str, object] | None = None
    context: dict[str, object] | None = None


def missing_capability(
    request: SamplingRequest, declared: SamplingCapability | None
) -> dict[str, dict[str, object]] | None:
    """What of ``ClientCapabilities`` ``request`` needs and ``declared`` lacks, or ``None`` when nothing is missing.

    Source: 2026-07-28 ``ClientCapabilities.sampling``; SEP-1577 for ``tools``; SEP-2596 for ``context``.
    """
    needed: dict[str, object] = {}
    if request.wants_tools and (declared is None or declared.tools is None):
        needed["tools"] = {}
    wants_context = request.include_context in ("thisServer", "allServers")
    if wants_context and (declared is None or declared.context is None):
        needed["context"] = {}
    if declared is None or needed:
        return {"sampling": needed}
    return None


def check_request(request: SamplingRequest, *, declared: SamplingCapability, version: str | None = None) -> None:
    """What the one who answers MUST check before a model sees anything.

    Args:
        request: The request as it came.
        declared: What this side declared under ``sampling``.
        version: The connection's protocol version; ``None`` skips the checks that depend on it.

    Raises:
        InvalidRequest: Which rule is broken, and by what.
    """
    if request.max_tokens < 1:
        raise InvalidRequest(f"maxTokens must be at least 1, not {request.max_tokens}.")
    if not request.messages:
        raise InvalidRequest("messages must not be empty.")
    # 2025-11-25, client/sampling: an error MUST be returned when tools come undeclared.
    if request.wants_tools and declared.tools is None:
        raise InvalidRequest("The request carries tools, and sampling.tools was not declared.")
    if version is not None and not allows_tools(version):
        if request.wants_tools:
            raise InvalidRequest(f"Protocol {version} has no tools in sampling.")
        if any(isinstance(message.content, list) for message in request.messages):
            raise InvalidRequest(f"Protocol {version} has one content block per message, not a list.")
    _check_tools(request)
    check_turns(request.messages)


def _check_tools(request: SamplingRequest) -> None:
    names = [tool.name for tool in request.tools or ()]
    if len(set(names)) != len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise InvalidRequest(f"Tool {twice!r} is offered twice.")
    if request.tool_choice is not None and request.tool_choice.mode == "required" and not names:
        raise InvalidRequest('toolChoice "required" needs at least one tool.')


def check_turns(messages: Sequence[SamplingMessage]) -> None:
    """Tool uses and tool results are balanced (2025-11-25, "Tool Use in Sampling": MUST, ``-32602``).

    A user message with a tool result contains only tool results; every assistant message with tool uses is
    followed by one user message that answers each id once.

    Raises:
        InvalidRequest: Which message breaks the rule. Messages are counted from 1.
    """
    waiting: list[str] = []
    for number, message in enumerate(messages, start=1):
        if not waiting and isinstance(message.content, TextContent):
            continue  # nothing to balance; most turns are these
        blocks = message.blocks
        results = [block.tool_use_id for block in blocks if isinstance(block, ToolResult)]
        uses = [block.id for block in blocks if isinstance(block, ToolUse)]
        if results and (message.role != "user" or len(results) != len(blocks)):
            raise InvalidRequest(f"Message {number}: tool results stand alone, in a user message.")
        if uses and message.role != "assistant":
            raise InvalidRequest(f"Message {number}: only the assistant uses tools.")
        if len(set(uses)) != len(uses):
            raise InvalidRequest(f"Message {number}: two tool uses share an id.")
        if sorted(results) != sorted(waiting):
            odd = sorted(set(results) ^ set(waiting)) or sorted(results)
            raise InvalidRequest(f"Message {number}: tool uses and tool results do not match ({', '.join(odd)}).")
        waiting = uses
    if waiting:
        raise InvalidRequest(f"The last message leaves tool uses unanswered ({', '.join(waiting)}).")


def check_encodable(params: Any) -> None:
    """``params`` can be written as JSON text, which is UTF-8 (RFC 8259, 8.1).

    Text that was read with ``errors="surrogateescape"`` cannot. A transport finds that out in the middle of writing,
    where it ends the connection and not the one call.

    Raises:
        InvalidRequest: It contains lone surrogates.
    """
    try:
        msgspec.json.encode(params)
    except UnicodeEncodeError:
        raise InvalidRequest(
            "The sampling request contains text that is not valid Unicode.",
            hint='Read it with errors="replace", not "surrogateescape".',
        ) from None


def check_result(result: SamplingResult, request: SamplingRequest) -> None:
    """What an answer owes its request. Either side may be wrong or hostile, so either side checks.

    Raises:
        InvalidAnswer: A role other than the assistant's, a tool that was not offered, a tool result, a tool use
            that ``toolChoice: none`` forbids, or none where ``required`` asks for one.
    """
    if result.role != "assistant":
        raise InvalidAnswer(f"The answer has the role {result.role!r}, not 'assistant'.")
    if isinstance(result.content, TextContent) and request.tool_choice is None:
        return  # text alone breaks none of the rules below
    if any(isinstance(block, ToolResult) for block in result.blocks):
        raise InvalidAnswer("The answer contains a tool result.")
    offered = {tool.name for tool in request.tools or ()}
    uses = result.tool_uses
    strange = sorted({use.name for use in uses} - offered)
    if strange:
        raise InvalidAnswer(f"The answer uses a tool that was not offered: {', '.join(strange)}.")
    mode = request.tool_choice.mode if request.tool_choice is not None else "auto"
    if mode == "none" and uses:
        raise InvalidAnswer('The answer uses a tool although toolChoice is "none".')
    # A cut answer, a stop sequence or a refusal may well end before any tool use.
    if mode == "required" and not uses and result.stop_reason in (None, "endTurn", "toolUse"):
        raise InvalidAnswer('The answer uses no tool although toolChoice is "required".')
    if len({use.id for use in uses}) != len(uses):
        raise InvalidAnswer("Two tool uses of the answer share an id.")
