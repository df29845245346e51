"""Errors at the server's door: how they enter a tool body, and how they leave it.

A body catches `upcall.errors` *or* the SDK's ``MCPError``, whichever it was written for, so what is raised in it
is both. What it does not catch reaches the client: as an error result of the tool, which a model can read, or as
the JSON-RPC error itself where the protocol wants that (``-32021``) or has no error result (prompts, resources).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, TypeVar

import anyio
from mcp.shared.exceptions import MCPError
from mcp_types import CONNECTION_CLOSED, REQUEST_TIMEOUT, ErrorData
from pydantic import ValidationError

from upcall.errors import (
    INVALID_REQUEST,
    METHOD_NOT_FOUND,
    REFUSED,
    InvalidAnswer,
    ModelError,
    SampleAbandoned,
    SampleTimedOut,
    SamplingError,
    SamplingRefused,
    SamplingUnsupported,
)

__all__ = ["from_client", "limited", "malformed", "raisable", "tool_error_result"]

ErrorT = TypeVar("ErrorT", bound=SamplingError)


def raisable(error: ErrorT) -> ErrorT:
    """``error`` itself, which is from now on an ``MCPError`` too."""
    if not isinstance(error, MCPError):
        error.__class__ = _both(type(error))
        vars(error)["error"] = ErrorData(code=error.code, message=str(error), data=error.data)
    return error


_kinds: dict[type[SamplingError], Any] = {}


def _both(kind: type[SamplingError]) -> Any:
    if kind not in _kinds:
        # `MCPError` has properties of these names; ours are set per instance and must not run into them.
        names = {"__module__": kind.__module__, "message": "", "data": None}
        _kinds[kind] = type(kind.__name__, (kind, MCPError), names)
    return _kinds[kind]


def from_client(error: MCPError) -> SamplingError:
    """What a client's JSON-RPC error to a sampling request means."""
    code = error.error.code
    said = error.error.message
    translated: SamplingError
    if code == REFUSED:
        translated = SamplingRefused("The client's user declined this sampling request.", detail=said)
    elif code == REQUEST_TIMEOUT:
        translated = SampleTimedOut("The client did not answer the sampling request in time.", detail=said)
    elif code == CONNECTION_CLOSED:
        translated = SampleAbandoned("The client closed the connection before it answered.", detail=said)
    elif code in (METHOD_NOT_FOUND, INVALID_REQUEST):
        translated = SamplingUnsupported(
            f"The client declared sampling but does not answer it: {said}.", required={"sampling": {}}
        )
    else:
        translated = ModelError(f"The client could not answer the sampling request: {said}")
    translated.code = code
    return translated


def limited(limit: float | None, who: str) -> AbstractContextManager[None]:
    """Give the block ``limit`` seconds; ``None`` is no limit, and costs nothing while a call is parked.

    Raises:
        SampleTimedOut: They are over; says that ``who`` did not answer.
    """
    return nullcontext() if limit is None else _limited(limit, who)


@contextmanager
def _limited(limit: float, who: str) -> Iterator[None]:
    with anyio.move_on_after(limit) as scope:
        yield
    if scope.cancelled_caught:
        raise SampleTimedOut(f"{who} did not answer within {limit:g} s.")


def malformed(method: str, error: ValidationError) -> InvalidAnswer:
    """The error for an answer that does not fit its type; names the places, not what stood there."""
    problems = error.errors(include_url=False, include_input=False)
    where = "; ".join(f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}" for problem in problems[:3])
    return InvalidAnswer(f"The client's answer to {method} is malformed ({where}).")


def tool_error_result(error: SamplingError) -> dict[str, Any]:
    """The ``CallToolResult`` that tells the client's model what happened."""
    return {"content": [{"type": "text", "text": str(error)}], "isError": True}
