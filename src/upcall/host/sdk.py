"""The door to the official SDK: its objects in and out of wire values. Loads ``mcp_types`` only with work to do."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import msgspec

from upcall.errors import UpcallError
from upcall.wire import SamplingCapability, SamplingResult, decode_result, encode

if TYPE_CHECKING:
    import mcp_types

__all__ = ["capability_of_sdk", "capability_to_sdk", "dump", "error_to_sdk", "result_of_sdk", "result_to_sdk"]


def dump(value: Any) -> Any:
    """An SDK object as the JSON object it stands for."""
    return value.model_dump(by_alias=True, exclude_none=True, mode="json")


def result_of_sdk(value: object) -> SamplingResult | None:
    """The wire value of a ``CreateMessageResult`` or ``CreateMessageResultWithTools``; ``None`` for anything else.

    Raises:
        InvalidAnswer: It does not hold what its schema says.
    """
    types = sys.modules.get("mcp_types")  # whoever holds such a value has loaded its module
    if types is None or not isinstance(value, (types.CreateMessageResult, types.CreateMessageResultWithTools)):
        return None
    return decode_result(dump(value))


def result_to_sdk(
    result: SamplingResult, *, with_tools: bool
) -> mcp_types.CreateMessageResult | mcp_types.CreateMessageResultWithTools:
    """The SDK's result object, of the type that goes with a request with or without tools."""
    from mcp_types import CreateMessageResult, CreateMessageResultWithTools

    if with_tools:
        return CreateMessageResultWithTools.model_validate(encode(result), by_name=False)
    return CreateMessageResult.model_validate(encode(result), by_name=False)


def error_to_sdk(error: UpcallError) -> mcp_types.ErrorData:
    """The SDK's error object; carries what a peer may read and nothing else."""
    from mcp_types import ErrorData

    return ErrorData(**error.to_wire())


def capability_of_sdk(declared: mcp_types.SamplingCapability | None) -> SamplingCapability:
    """The wire value of what a client declares; ``None`` stands for the bare ``sampling: {}``."""
    if declared is None:
        return SamplingCapability()
    return msgspec.convert(dump(declared), SamplingCapability)


def capability_to_sdk(declared: SamplingCapability) -> mcp_types.SamplingCapability:
    """The SDK's object for what is declared under ``sampling``."""
    from mcp_types import SamplingCapability as SdkCapability

    return SdkCapability.model_validate(encode(declared), by_name=False)
