"""The callbacks that clients of the official SDK and of FastMCP are given.

They answer by value: an error becomes an ``ErrorData``, because the SDK turns a raising callback into an
``ExceptionGroup`` on modern connections, and FastMCP sends the text of any exception to the server.
Only a cancellation passes through.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeAlias, TypedDict

import anyio

from upcall.errors import SamplingError, UpcallError
from upcall.host.context import ClientRequest, SamplingContext
from upcall.host.sdk import capability_of_sdk, dump, error_to_sdk, result_to_sdk
from upcall.models import Completion
from upcall.wire import Era, SamplingCapability, era_of

if TYPE_CHECKING:
    import mcp_types
    from mcp import ClientSession
    from mcp.client.session import ClientRequestContext, SamplingFnT

__all__ = [
    "Answer",
    "ClientOptions",
    "Doing",
    "During",
    "FastMCPHandler",
    "FastMCPOptions",
    "fastmcp_handler",
    "sampling_callback",
]

_log = logging.getLogger("upcall.host")

FastMCPHandler: TypeAlias = Callable[
    ["list[mcp_types.SamplingMessage]", "mcp_types.CreateMessageRequestParams", Any], Awaitable[Any]
]
"""What ``fastmcp.Client(sampling_handler=…)`` calls. It hands an ``ErrorData`` on as it is, code included."""


class Doing(NamedTuple):
    """What a client is asking of a server."""

    request: ClientRequest
    call: str | int
    """Tells it from the client's other requests to that server."""


During: TypeAlias = Callable[[], Doing | None]


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


def sampling_callback(
    answer: Answer, *, server: str, offered: SamplingCapability, during: During | None = None
) -> SamplingFnT:
    """A callback for ``mcp.Client``, of either era.

    Args:
        answer: Answers the request.
        server: Our name for the server at the other end.
        offered: What the host can do, whatever the client declares.
        during: Tells what the client is asking of the server now; the SDK does not.
    """

    batches = _Batches()

    async def callback(
        context: ClientRequestContext, params: mcp_types.CreateMessageRequestParams
    ) -> mcp_types.CreateMessageResult | mcp_types.CreateMessageResultWithTools | mcp_types.ErrorData:
        try:
            version = context.session.protocol_version
            with batches.one_more(version) as batch:
                doing = None if during is None else during()
                asked = SamplingContext(
                    server=server,
                    version=version,
                    request_id=context.request_id,
                    batch=batch,
                    during=None if doing is None else doing.request,
                    call=None if doing is None else doing.call,
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


class _Batches:
    """Counts the requests of one ``input_required`` result, which the SDK's client hands over one by one.

    It starts all of them from the task that made the call, which waits for them: what a task has under way at one time
    came in one result. So the first is told of one, the twenty-first of twenty-one.
    """

    def __init__(self) -> None:
        self._under_way: Counter[int] = Counter()

    @contextmanager
    def one_more(self, version: str | None) -> Iterator[int | None]:
        """How many there are with this one; ``None`` on legacy connections, where requests come by themselves."""
        parent = anyio.get_current_task().parent_id
        if version is None or era_of(version) is not Era.MODERN or parent is None:
            yield None
            return
        self._under_way[parent] += 1
        try:
            yield self._under_way[parent]
        finally:
            self._under_way[parent] -= 1
            if not self._under_way[parent]:
                del self._under_way[parent]


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
