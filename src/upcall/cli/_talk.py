"""`Talk`: one connection to a server, with a model behind it, and a watcher that is told everything.

The SDK's client works in task groups, so its failures come out as groups of exceptions; here they become one
`ServerUnavailable`, or the caller's own error that was on its way through.
"""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Literal

import anyio
import click

from upcall.cli._target import Target, transport_to
from upcall.cli._watcher import Peer, Sample, Watcher
from upcall.errors import SamplingError, ServerUnavailable, UpcallError
from upcall.host import Entry, Host
from upcall.host.callbacks import Doing
from upcall.host.context import ClientRequest
from upcall.host.sdk import dump
from upcall.models import Model
from upcall.wire import LATEST_MODERN, Era, era_of, visible

if TYPE_CHECKING:
    import mcp_types
    from mcp import Client
    from mcp.client.session import ClientRequestContext

    from upcall.host.approval import Approver
    from upcall.host.policy import Policy, PolicyFile

__all__ = ["EraChoice", "Talk", "talk_to"]

EraChoice = Literal["legacy", "modern", "auto"]
_PATIENCE = 60.0
"""Seconds for a connection to be made: ``npx`` and ``uvx`` fetch what they start."""
_current: ContextVar[Sample] = ContextVar("upcall_cli_sample")


class Talk:
    """A server that answers. Get one with `talk_to`."""

    def __init__(self, watcher: Watcher, target: Target, name: str = "") -> None:
        self.samples: list[Sample] = []
        self._watcher = watcher
        self._target = target
        self._name = name or target.shown
        self._client: Client | None = None
        self._doing: Doing | None = None
        self._calls = 0
        self.peer = Peer(name="", version="", transport=target.transport, protocol="", era="")

    @property
    def failed(self) -> list[Sample]:
        """The sampling requests that ended without an answer."""
        return [sample for sample in self.samples if sample.entry is not None and sample.entry.fault is not None]

    async def tools(self) -> list[dict[str, Any]]:
        """The server's tools as JSON, every page of them."""
        listed: list[dict[str, Any]] = []
        cursor: str | None = None
        while True:
            page = await self._open.list_tools(cursor=cursor)
            listed += map(dump, page.tools)
            if (cursor := page.next_cursor) is None:
                return listed

    async def call(self, tool: str, arguments: dict[str, Any]) -> bool:
        """Call a tool; the watcher is told the rest. Gives back whether it went well.

        Raises:
            SamplingError: A sampling request failed, and that ended the call.
            ServerUnavailable: The connection broke.
        """
        from mcp import MCPError

        self._watcher.calling(tool, arguments)
        self._calls += 1
        self._doing = Doing(ClientRequest(name=tool, arguments=arguments), f"{self._name} {self._calls}")

        async def progressed(progress: float, total: float | None, message: str | None) -> None:
            self._watcher.progressed(progress, total, message)

        try:
            result = dump(await self._open.call_tool(tool, arguments, progress_callback=progressed))
        except MCPError as error:
            if _is_closed(error):
                raise
            if self.failed:
                raise self._lost(tool) from error
            self._watcher.refused(error.code, error.message)
            return False
        self._watcher.returned(result)
        return not result.get("isError")

    def _lost(self, tool: str) -> SamplingError:
        sample = self.failed[-1]
        fault = sample.ended.fault
        return SamplingError(
            f"{visible(tool)} has no result: sampling request {sample.number} failed.",
            detail=fault.detail if fault is not None else "",
        )

    @property
    def _open(self) -> Client:
        if self._client is None:
            raise RuntimeError("This talk has not begun.")
        return self._client

    def _opened(self, client: Client) -> None:
        self._client = client
        info = client.server_info
        self.peer = Peer(
            name=info.name if info is not None else self._target.shown,
            version=info.version if info is not None else "",
            transport=self._target.transport,
            protocol=client.protocol_version,
            era=era_of(client.protocol_version),
        )
        self._watcher.connected(self.peer)

    def _client_options(self, host: Host | None) -> dict[str, Any]:
        async def logged(params: mcp_types.LoggingMessageNotificationParams) -> None:
            self._watcher.logged(params.level, params.logger, params.data)

        async def strayed(message: object) -> None:
            if isinstance(message, Exception):
                self._watcher.overheard("The server wrote something on its standard output that is no message of MCP.")

        options: dict[str, Any] = {"logging_callback": logged, "log_level": "info", "message_handler": strayed}
        if host is None:
            return options
        options |= host.for_client(self._name, during=lambda: self._doing)
        answer = options["sampling_callback"]

        async def asked(context: ClientRequestContext, params: mcp_types.CreateMessageRequestParams) -> Any:
            sample = Sample(number=len(self.samples) + 1, params=dump(params))
            self.samples.append(sample)
            self._watcher.asked(sample)
            _current.set(sample)
            return await answer(context, params)

        return {**options, "sampling_callback": asked}

    def _recorded(self, entry: Entry) -> None:
        # The host writes its record in the task that asked, so the request is the current one.
        sample = _current.get()
        sample.entry = entry
        self._watcher.answered(sample)


@asynccontextmanager
async def talk_to(
    target: Target,
    *,
    model: Model | None,
    era: EraChoice,
    watcher: Watcher,
    timeout: float | None = None,
    policy: Policy | PolicyFile | None = None,
    approve: Approver | None = None,
    name: str = "",
) -> AsyncIterator[Talk]:
    """Start or reach a server, shake hands, and end it all when the block is left.

    Args:
        target: The server.
        model: Answers its sampling requests; without one, and without a policy, the client does not declare sampling.
        era: Which revisions of the protocol to speak.
        watcher: Is told what happens.
        timeout: Seconds for all of it.
        policy: What the answers keep to; ``None`` allows everything, and keeps no record.
        approve: Who is asked, instead of the way that the policy names.
        name: What we call the server; ``target.shown`` unless given.

    Raises:
        ConfigurationError: The policy, or what it names, cannot work.
        ServerUnavailable: It cannot be reached, speaks another protocol, went away, or took too long.
    """
    talk = Talk(watcher, target, name)
    watcher.connecting(target.shown)
    begun = anyio.current_time()
    ends = math.inf if timeout is None else begun + timeout
    with anyio.CancelScope(deadline=min(ends, begun + _PATIENCE)) as scope:
        try:
            async with AsyncExitStack() as stack:
                host = None
                if model is not None or policy is not None:
                    host = Host(model, policy=policy, approve=approve, on_record=talk._recorded)
                    await stack.enter_async_context(host)
                transport = await stack.enter_async_context(transport_to(target, watcher.overheard))
                await _open(stack, transport, talk, host, era)
                scope.deadline = ends
                yield talk
                scope.deadline = math.inf
        except Exception as error:
            if not scope.cancel_called:
                raise _explained(error, target, talk) from error
    if scope.cancelled_caught or scope.cancel_called:
        what = "no result" if talk.peer.protocol else "no connection"
        raise ServerUnavailable(f"There was {what} within {scope.deadline - begun:g} seconds.")


async def _open(stack: AsyncExitStack, transport: Any, talk: Talk, host: Host | None, era: EraChoice) -> None:
    from mcp import Client

    # "auto" asks a server for its name and revisions, which a pinned modern version would not.
    mode = "legacy" if era == "legacy" else "auto"
    client = Client(transport, mode=mode, **talk._client_options(host))
    await stack.enter_async_context(client)
    if era == "modern" and era_of(client.protocol_version) is not Era.MODERN:
        raise ServerUnavailable(
            f"The server speaks {client.protocol_version}, not {LATEST_MODERN}.", hint="Use --era legacy, or auto."
        )
    talk._opened(client)


def _explained(error: Exception, target: Target, talk: Talk) -> Exception:
    """The one error that says what went wrong; a fault of this program's own is given back as it is."""
    import httpx2
    from mcp import MCPError
    from mcp.client import InputRequiredRoundsExceededError
    from pydantic import ValidationError

    leaves = list(_leaves(error))
    own = [leaf for leaf in leaves if isinstance(leaf, UpcallError | click.ClickException)]
    if own:
        return own[0]
    leaf, where = leaves[0], visible(target.shown)
    detail = f"{type(leaf).__name__}: {visible(str(leaf))}"
    began = bool(talk.peer.protocol)
    if isinstance(leaf, OSError) and not began and not target.url:
        hint = "Start a Python file as `python server.py`." if target.command[0].endswith(".py") else ""
        return ServerUnavailable(f"{where} cannot be started: {leaf.strerror}.", hint=hint, detail=detail)
    if isinstance(leaf, httpx2.HTTPError) and not began:
        return ServerUnavailable(f"Nothing answers at {where}.", hint="Is the server running there?", detail=detail)
    if isinstance(leaf, httpx2.HTTPError | OSError) or (isinstance(leaf, MCPError) and _is_closed(leaf)):
        when = "before it had answered" if began else "before it had introduced itself"
        return ServerUnavailable(f"The server went away {when}.", detail=detail)
    if isinstance(leaf, MCPError):
        hint = "Is the path right? It is usually /mcp." if target.url and not began else ""
        said = f"{where} answered with an error: {visible(leaf.message)} ({leaf.code})."
        return ServerUnavailable(said, hint=hint, detail=detail)
    if isinstance(leaf, InputRequiredRoundsExceededError):
        return ServerUnavailable(f"{where} asked again and again, {leaf.max_rounds} rounds long.", detail=detail)
    if isinstance(leaf, ValidationError):
        return ServerUnavailable(f"{where} does not keep to the protocol.", detail=detail)
    return leaf if isinstance(leaf, Exception) else error


def _leaves(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from _leaves(inner)
    else:
        yield error


def _is_closed(error: Any) -> bool:
    from mcp_types import CONNECTION_CLOSED

    return bool(error.code == CONNECTION_CLOSED)
