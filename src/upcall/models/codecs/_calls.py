"""Calls of functions in an answer → tool uses under the request's names, with ids and with input that is an object."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

from upcall.errors import InvalidAnswer
from upcall.models.codecs._encoded import Encoded, Notes
from upcall.wire import SamplingRequest, ToolUse

__all__ = ["Call", "uses_of"]


class Call(NamedTuple):
    """A call as the provider wrote it."""

    id: str | None
    name: str
    arguments: str | dict[str, Any] | None
    """JSON text, or an object."""


def uses_of(
    calls: Sequence[Call], request: SamplingRequest, encoded: Encoded, notes: Notes, *, cut: bool
) -> list[ToolUse]:
    """The tool uses, in order.

    Args:
        calls: All calls of the answer, in order.
        request: What was asked.
        encoded: As it was sent.
        notes: Takes it when the last call is left out.
        cut: Whether the answer ended at ``maxTokens``: the last call may then be incomplete, and is left out if it is.

    Raises:
        InvalidAnswer: Arguments that are no JSON object.
    """
    taken = {block.id for turn in request.messages for block in turn.blocks if isinstance(block, ToolUse)}
    taken.update(call.id for call in calls if call.id)
    uses: list[ToolUse] = []
    for number, call in enumerate(calls, start=1):
        name = encoded.names.get(call.name, call.name)
        may_be_cut = cut and number == len(calls)
        try:
            arguments = _arguments(call.arguments, none_is_fine=not may_be_cut and not _requires(name, request))
        except msgspec.DecodeError as error:
            if may_be_cut:
                notes.add("content", "cut", "The last tool use was cut at maxTokens and is left out.")
                break
            raise InvalidAnswer(
                f"The model called {name!r} with arguments that are no JSON object.", detail=str(error)
            ) from None
        uses.append(ToolUse(id=call.id or _new_id(taken), name=name, input=arguments))
    return uses


def _requires(name: str, request: SamplingRequest) -> bool:
    """Whether the tool has arguments that it requires."""
    return any(tool.input_schema.get("required") for tool in request.tools or () if tool.name == name)


def _arguments(given: str | dict[str, Any] | None, *, none_is_fine: bool) -> dict[str, Any]:
    """The arguments as an object. Several servers send no text at all for a tool that requires no arguments."""
    if isinstance(given, dict):
        return given
    if none_is_fine and not (given or "").strip():
        return {}
    return msgspec.json.decode(given or "", type=dict[str, Any])


def _new_id(taken: set[str]) -> str:
    """An id for a call that came without; some servers send none."""
    number = 1
    while f"call_{number}" in taken:
        number += 1
    taken.add(f"call_{number}")
    return f"call_{number}"
