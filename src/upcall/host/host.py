"""`Host`: answers sampling requests with a model, for clients and for servers without one."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from upcall.errors import ConfigurationError
from upcall.host.callbacks import ClientOptions, FastMCPHandler, FastMCPOptions, fastmcp_handler, sampling_callback
from upcall.host.context import ClientRequest, SamplingContext
from upcall.host.driver import Driver, Observer
from upcall.host.engine import calling, reply, validity
from upcall.host.handler import HandlerFunction, handler
from upcall.host.sdk import capability_to_sdk
from upcall.models import Completion, Model
from upcall.wire import SamplingCapability, SamplingRequest

if TYPE_CHECKING:
    import mcp_types
    from mcp.client.session import SamplingFnT

__all__ = ["Host"]

_DEFAULT_SERVER = "server"


class Host:
    """Answers sampling requests.

    ::

        async with Host("anthropic/claude-sonnet-5") as host, Client(server, **host.for_client("logs")) as client:
            ...

    Args:
        model: A model string (see `upcall.models`), a model, or a handler function (see `handler`). Nothing is opened
            and no SDK loaded before the first request.
        timeout: Seconds from a request's arrival to its answer, ``None`` for no limit.
        max_concurrent: Model calls at one time. The rest waits, and servers take turns.
        tools: Whether requests may carry tools (``sampling.tools``, 2025-11-25).
        on_record: Is handed an `Entry` for every request, whichever way it ends; sync or async.

    Raises:
        ConfigurationError: A setting cannot work, or there is no such model string.
    """

    def __init__(
        self,
        model: str | Model | HandlerFunction,
        *,
        timeout: float | None = None,
        max_concurrent: int = 8,
        tools: bool = True,
        on_record: Observer | None = None,
    ) -> None:
        if timeout is not None and timeout <= 0:
            raise ConfigurationError(f"timeout must be more than 0 seconds, not {timeout:g}.")
        if max_concurrent < 1:
            raise ConfigurationError(f"max_concurrent must be at least 1, not {max_concurrent}.")
        self._model = _model_of(model)
        self._offered = SamplingCapability(tools={} if tools else None)
        self._stages = (validity, reply, calling(self._model.name))
        self._driver = Driver(
            {self._model.name: self._model}.__getitem__,
            observers=(on_record,) if on_record is not None else (),
            timeout=timeout,
            max_concurrent=max_concurrent,
        )

    async def answer(
        self,
        request: SamplingRequest | Mapping[str, Any],
        *,
        server: str,
        version: str | None = None,
        request_id: str | int | None = None,
        during: ClientRequest | None = None,
    ) -> Completion:
        """Answer one request.

        Args:
            request: The request, or its parsed JSON.
            server: Our name for the server that asks.
            version: The connection's protocol version; ``None`` skips the rules that depend on it.
            request_id: For the handler and the record.
            during: The client's request that the server is serving.

        Raises:
            InvalidRequest: The request breaks a rule of the protocol.
            InvalidAnswer: The model's answer breaks one.
            SamplingRefused: A handler said no.
            SampleTimedOut: The host's ``timeout`` has passed.
            ModelError: The model failed. What it said is in ``detail``.
        """
        context = SamplingContext(server=server, version=version, request_id=request_id, during=during)
        return await self._answer(request, context, self._offered)

    async def _answer(self, params: object, context: SamplingContext, declared: SamplingCapability) -> Completion:
        return await self._driver.answer(params, context, declared=declared, stages=self._stages)

    def callback_for(self, server: str) -> SamplingFnT:
        """A ``sampling_callback`` for the ``mcp.Client`` that talks to the server we call ``server``."""
        return sampling_callback(self._answer, server=server, offered=self._offered)

    @property
    def callback(self) -> SamplingFnT:
        """`callback_for` a client's only server. Tools need `sampling_capabilities` beside it; see `for_client`."""
        return self.callback_for(_DEFAULT_SERVER)

    @property
    def sampling_capabilities(self) -> mcp_types.SamplingCapability:
        """What a client with this host declares."""
        return capability_to_sdk(self._offered)

    def for_client(self, server: str = _DEFAULT_SERVER) -> ClientOptions:
        """Callback and capabilities at once: ``mcp.Client(target, **host.for_client("logs"))``."""
        return {
            "sampling_callback": self.callback_for(server),
            "sampling_capabilities": self.sampling_capabilities,
        }

    @property
    def fastmcp_handler(self) -> FastMCPHandler:
        """A ``sampling_handler`` for ``fastmcp.Client``. Tools need `sampling_capabilities` beside it."""
        return fastmcp_handler(self.callback)

    def for_fastmcp(self, server: str = _DEFAULT_SERVER) -> FastMCPOptions:
        """Handler and capabilities at once: ``fastmcp.Client(target, **host.for_fastmcp("logs"))``."""
        return {
            "sampling_handler": fastmcp_handler(self.callback_for(server)),
            "sampling_capabilities": self.sampling_capabilities,
        }

    async def aclose(self) -> None:
        """Close the model. The host may be used again; the model then reopens what it needs."""
        await self._model.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()


def _model_of(model: str | Model | HandlerFunction) -> Model:
    if isinstance(model, Model):
        return model
    if isinstance(model, str):
        from upcall.models.catalog import load_model

        return load_model(model)
    if callable(model):
        return handler(model)
    raise ConfigurationError(
        f"A host needs a model, not {type(model).__name__}.",
        hint="Give it a model string such as 'openai/gpt-5.4-mini', a Model, or a function.",
    )
