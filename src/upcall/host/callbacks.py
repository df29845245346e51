"""The callbacks that clients of the official SDK and of FastMCP are given.

They answer by value: an error becomes an ``ErrorData``, because the SDK turns a raising callback into an
``ExceptionGroup`` on modern connections, and FastMCP sends the text of any exception to the server.
Only a cancellation passes through.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, TypedDict

from upcall.errors import SamplingError, UpcallError
from upcall.host.context import SamplingContext
from upcall.host.sdk import capability_of_sdk, dump, error_to_sdk, result_to_sdk
from upcall.models import Completion
from upcall.wire import SamplingCapability

if TYPE_CHECKING:
    import mcp_types
    from mcp import ClientSession
    from mcp.client.session import ClientRequestContext, SamplingFnT

__all__ = ["Answer", "ClientOptions", "FastMCPHandler", "FastMCPOptions", "fastmcp_handler", "sampling_callback"]

_log = logging.getLogger("upcall.host")

FastMCPHandler: TypeAlias = Callable[
    ["list[mcp_types.SamplingMessage]", "mcp_types.CreateMessageRequestParams", Any], Awaitable[Any]
]
"""What ``fastmcp.Client(sampling_handler=…)`` calls. It hands an ``ErrorData`` on as it is, code included."""


class Answer(Protocol):
    """What a callback needs of a host: an answer to the request's JSON, or a `SamplingError`."""

    def __call__(
        self, params: object, context: SamplingContext, declared: SamplingCapability
    ) -> Awaitable[Completion]: ...


class ClientOptions(TypedDict):
    """Keyword arguments for ``mcp.Client``."""

    sampling_callback: SamplingFnT
    sampling_capabilities: mcp_types.SamplingCapability


class FastMCPOptions(TypedDict):
    """Keyword arguments for ``fastmcp.Client``."""

    sampling_handler: FastMCPHandler
    sampling_capabilities: mcp_types.SamplingCapability


def sampling_callback(answer: Answer, *, server: str, offered: SamplingCapability) -> SamplingFnT:
    """A callback for ``mcp.Client``, of either era.

    Args:
        answer: Answers the request.
        server: Our name for the server at the other end.
        offered: What the host can do, whatever the client declares.
    """

    async def callback(
        context: ClientRequestContext, params: mcp_types.CreateMessageRequestParams
    ) -> mcp_types.CreateMessageResult | mcp_types.CreateMessageResultWithTools | mcp_types.ErrorData:
        try:
            asked = SamplingContext(
                server=server, version=context.session.protocol_version, request_id=context.request_id
            )
            completion = await answer(dump(params), asked, _declared(context.session, offered))
            with_tools = params.tools is not None or params.tool_choice is not None
            return result_to_sdk(completion.result, with_tools=with_tools)
        except UpcallError as error:
            return error_to_sdk(error)
        except Exception:
            _log.exception("Answering the sampling request of %s failed", server)
            return error_to_sdk(SamplingError("The host could not process the request."))

    return callback


def fastmcp_handler(callback: SamplingFnT) -> FastMCPHandler:
    """The same for ``fastmcp.Client``, which passes the messages once more in front."""

    async def handle(
        messages: list[mcp_types.SamplingMessage], params: mcp_types.CreateMessageRequestParams, context: Any
    ) -> Any:
        return await callback(context, params)

    return handle


def _declared(session: ClientSession, offered: SamplingCapability) -> SamplingCapability:
    """What of ``offered`` this connection's client really declared: tools that were not MUST be refused.

    The session keeps what it was given and does not tell, hence the look inside; where there is nothing to see
    the client is taken to have declared everything.
    """
    missing = object()
    given: Any = getattr(session, "_sampling_capabilities", missing)
    if given is missing:
        return offered
    declared = capability_of_sdk(given)
    return SamplingCapability(tools=offered.tools if declared.tools is not None else None)
