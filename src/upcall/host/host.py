"""`Host`: answers sampling requests with models, for clients and for servers without one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from upcall.errors import ConfigurationError
from upcall.host.callbacks import (
    ClientOptions,
    During,
    FastMCPHandler,
    FastMCPOptions,
    fastmcp_handler,
    sampling_callback,
)
from upcall.host.context import ClientRequest, SamplingContext
from upcall.host.driver import Driver, Observer
from upcall.host.handling import HandlerFunction, handler
from upcall.host.office import Office
from upcall.host.sdk import capability_to_sdk
from upcall.models import Completion, Model
from upcall.wire import SamplingCapability, SamplingRequest

if TYPE_CHECKING:
    import mcp_types
    from mcp.client.session import SamplingFnT

    from upcall.host.approval import ApprovalFunction, Approver
    from upcall.host.policy import Policy, PolicyFile
    from upcall.store import Store

__all__ = ["Host"]

_DEFAULT_SERVER = "server"


class Host:
    """Answers sampling requests.

    ::

        async with Host("anthropic/claude-sonnet-5") as host, Client(server, **host.for_client("logs")) as client:
            ...

    Like this it allows everything, and one model answers. With a policy it keeps to that: who may sample, with which
    models, within which limits and budgets, and when a person is asked. Then a record is kept in a store.

    Args:
        model: A model string (see `upcall.models`), a model, or a handler function (see `handler`). Nothing is opened
            and no SDK loaded before the first request. With a policy it answers where the policy names it, or names no
            model at all, and may be left out.
        policy: A policy; or the path of its file, or a `PolicyFile`, and then changes of the file hold from the next
            request on. ``None`` allows everything, unless there is an ``approve``: then it is the built-in policy.
        store: The record, or where it is (see `upcall.store.open_store`). ``None`` is the store that the policy names,
            or the user's own where it names none; without a policy, nothing is kept. One that is opened here is
            closed with the host.
        approve: Who is asked where the policy says so: an `Approver`, or a function that takes a `Question` and gives
            ``True``, ``False`` or an `Answer`. ``None`` is the way that the policy names.
        timeout: Seconds from a request's arrival to its answer, ``None`` for no limit.
        max_concurrent: Model calls at one time. The rest waits, and servers take turns.
        tools: Whether requests may carry tools (``sampling.tools``, 2025-11-25).
        on_record: Is handed an `Entry` for every request, whichever way it ends; sync or async.

    Raises:
        ConfigurationError: A setting cannot work, there is no such model string, or the policy has a problem.
    """

    def __init__(
        self,
        model: str | Model | HandlerFunction | None = None,
        *,
        policy: Policy | PolicyFile | Path | str | None = None,
        store: Store | Path | str | None = None,
        approve: Approver | ApprovalFunction | None = None,
        timeout: float | None = None,
        max_concurrent: int = 8,
        tools: bool = True,
        on_record: Observer | None = None,
    ) -> None:
        if timeout is not None and timeout <= 0:
            raise ConfigurationError(f"timeout must be more than 0 seconds, not {timeout:g}.")
        if max_concurrent < 1:
            raise ConfigurationError(f"max_concurrent must be at least 1, not {max_concurrent}.")
        own = None if model is None else _model_of(model)
        self._offered = SamplingCapability(tools={} if tools else None)
        self._office = Office(own, policy, store, approve, timeout)
        self._driver = Driver(
            self._office.shelf.find,
            observers=(on_record,) if on_record is not None else (),
            timeout=timeout,
            max_concurrent=max_concurrent,
            ledger=self._office.ledger,
            decider=self._office.decider,
        )

    async def answer(
        self,
        request: SamplingRequest | Mapping[str, Any],
        *,
        server: str,
        version: str | None = None,
        request_id: str | int | None = None,
        during: ClientRequest | None = None,
        call: str | int | None = None,
        batch: int | None = None,
        round: int | None = None,
        so_far: int | None = None,
        counted: bool = False,
    ) -> Completion:
        """Answer one request.

        Args:
            request: The request, or its parsed JSON.
            server: Our name for the server that asks.
            version: The connection's protocol version; ``None`` skips the rules that depend on it.
            request_id: For the handler and the record.
            during: The client's request that the server is serving.
            call: What tells that request from others of the same server, for limits per call.
            batch: How many sampling requests came in the same ``input_required`` result (2026-07-28).
            round: Which such result of its call that was, from 1.
            so_far: How many sampling requests of its call there were up to and with that result, in all processes.
            counted: Whether it came before, and was counted by limits on how many then.

        Raises:
            InvalidRequest: The request breaks a rule of the protocol.
            InvalidAnswer: The model's answer breaks one.
            SamplingRefused: The policy, a person or a handler said no.
            LimitExceeded: The request is beyond a limit or a budget of the policy.
            SampleTimedOut: The host's ``timeout`` has passed.
            ModelError: The model failed. What it said is in ``detail``.
        """
        context = SamplingContext(
            server=server,
            version=version,
            request_id=request_id,
            during=during,
            call=call,
            batch=batch,
            round=round,
            so_far=so_far,
            counted=counted,
        )
        return await self._answer(request, context, self._offered)

    async def _answer(self, params: object, context: SamplingContext, declared: SamplingCapability) -> Completion:
        line = self._office.line(context.server)
        return await self._driver.answer(params, context, declared=declared, stages=line.stages, keep=line.keep)

    def callback_for(self, server: str, *, during: During | None = None) -> SamplingFnT:
        """A ``sampling_callback`` for the ``mcp.Client`` that talks to the server we call ``server``.

        Args:
            server: Our name for it.
            during: Tells what the client is asking of the server now, for the record and for limits per call; the
                SDK's clients do not say.
        """
        return sampling_callback(self._answer, server=server, offered=self._offered, during=during)

    @property
    def callback(self) -> SamplingFnT:
        """`callback_for` a client's only server. Tools need `sampling_capabilities` beside it; see `for_client`."""
        return self.callback_for(_DEFAULT_SERVER)

    @property
    def sampling_capabilities(self) -> mcp_types.SamplingCapability:
        """What a client with this host declares."""
        return capability_to_sdk(self._offered)

    def for_client(self, server: str = _DEFAULT_SERVER, *, during: During | None = None) -> ClientOptions:
        """Callback and capabilities at once: ``mcp.Client(target, **host.for_client("logs"))``. See `callback_for`."""
        return {
            "sampling_callback": self.callback_for(server, during=during),
            "sampling_capabilities": self._declared_to(server),
        }

    @property
    def fastmcp_handler(self) -> FastMCPHandler:
        """A ``sampling_handler`` for ``fastmcp.Client``. Tools need `sampling_capabilities` beside it."""
        return fastmcp_handler(self.callback)

    def for_fastmcp(self, server: str = _DEFAULT_SERVER) -> FastMCPOptions:
        """Handler and capabilities at once: ``fastmcp.Client(target, **host.for_fastmcp("logs"))``."""
        return {
            "sampling_handler": fastmcp_handler(self.callback_for(server)),
            "sampling_capabilities": self._declared_to(server),
        }

    def _declared_to(self, server: str) -> mcp_types.SamplingCapability:
        """Tools are not declared to a server that the policy allows none."""
        rules = self._office.rules_for(server)
        return capability_to_sdk(self._offered if rules is None or rules.tools else SamplingCapability())

    async def aclose(self) -> None:
        """Write what is still to be written, and close the models.

        The host may be used again, and the models then reopen what they need; not so a host that opened its own store.
        """
        await self._driver.aclose()
        await self._office.aclose()

    async def __aenter__(self) -> Self:
        await self._office.prepare()
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
