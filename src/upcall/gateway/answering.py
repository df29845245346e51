"""`Answering`: has the sampling requests of a gateway answered by one `Host`, whatever number of servers it serves.

The host is *closed* until the first request (or `prepare`) *opens* it, in a thread: until then a gateway is light. An
open one is shared by all, until `aclose`. One that could not be opened is tried again with the next request.

Invariants: a host is opened at most once at a time; `answer` raises nothing but cancellation; what a peer is told
names no file, no key and no word of a provider, and the log has the whole story.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from upcall.errors import SamplingError, SamplingRefused, StoreError, UpcallError
from upcall.gateway._decoding import decoded
from upcall.gateway.session.actions import Answered, Outcome, Refused, Sample
from upcall.gateway.session.terms import Terms
from upcall.wire import visible

if TYPE_CHECKING:
    from upcall.gateway.asking import Desk
    from upcall.gateway.claiming import Claiming
    from upcall.gateway.performing import Elicit
    from upcall.gateway.sealing import Sealer
    from upcall.gateway.settings import Settings
    from upcall.host import ClientRequest, Host
    from upcall.store import Store

__all__ = ["Answering"]

_log = logging.getLogger("upcall.gateway")

_LONGEST = 2000
"""Characters of a line in the log."""
_REMEMBERED = 10_000
"""Questions that clients were handed and have not come back for."""


class Answering:
    """Answers for one server, and for one connection where several people are connected: see `of`.

    Args:
        settings: What the gateway goes by.
        server: Our name for the server.
    """

    def __init__(self, settings: Settings, server: str = "server") -> None:
        self._settings = settings
        self._server = server
        self._shared = _Shared(settings)

    def of(self, server: str) -> Answering:
        """The same for another server or another connection. They share the host, and only the first one's `aclose`
        closes it; each asks its own person, one question at a time."""
        other = Answering.__new__(Answering)
        other._settings, other._server, other._shared = self._settings, server, self._shared
        return other

    @property
    def server(self) -> str:
        """Our name for the server."""
        return self._server

    def terms(self, server: str | None = None) -> Terms:
        """What the policy says now. Costs a look at the file's metadata."""
        name = self._server if server is None else server
        rules = self._settings.current.rules_for(name)
        return Terms(
            server=name,
            answers=self._settings.answers or rules.sampling,
            allowed=rules.decision != "deny",
            protocol=self._settings.protocol or rules.protocol,
            tools=rules.tools,
        )

    def sealer(self, server: str | None = None) -> Sealer:
        """Seals what a client of that server carries between rounds."""
        from upcall.gateway.sealing import Sealer

        return Sealer(self._settings.keys, self._server if server is None else server)

    async def prepare(self) -> None:
        """Open the host now, so that the first request need not wait for it. A failure is met again then."""
        try:
            await self._shared.host()
        except UpcallError:
            _log.debug("The host cannot be opened yet.", exc_info=True)

    async def answer(self, sample: Sample, elicit: Elicit | None = None) -> Outcome:
        """Have a sampling request answered.

        Args:
            sample: The request.
            elicit: Asks the client, where ``sample.asks`` is ``inline``.
        """
        if sample.once is None:
            return await self._asked(sample, elicit)
        try:
            claiming = await self._claiming()
        except Exception:  # whoever asks meets the same, and says so
            return await self._asked(sample, elicit)
        return await claiming.outcome(sample.once, lambda: self._asked(sample, elicit))

    def over(self, task: str) -> None:
        """A task that other processes may know has ended (`upcall.gateway.session.actions.Over`)."""
        if self._shared.is_open:
            self._shared.leave(self._over(task))

    async def aclose(self) -> None:
        """Write what is still to be written, and close host and store."""
        await self._shared.aclose()

    async def _over(self, task: str) -> None:
        await (await self._claiming()).over(task)

    async def _claiming(self) -> Claiming:
        from upcall.gateway.claiming import OUTCOME_BYTES, Claiming
        from upcall.gateway.sealing import Sealer

        store = await self._shared.store()
        return Claiming(store, Sealer(self._settings.keys, self._server, cap=OUTCOME_BYTES))

    async def _asked(self, sample: Sample, elicit: Elicit | None) -> Outcome:
        try:
            return await self._answer(sample, elicit)
        except SamplingError as error:
            self._tell(error)
            return Refused(error)
        except UpcallError as error:
            self._tell(error)
            hint = "Whoever runs the gateway finds the reason in its log."
            return Refused(SamplingError("The gateway is not set up to answer.", hint=hint, detail=str(error)))
        except Exception as bug:
            _log.exception("A sampling request of %s failed.", self._server)
            return Refused(SamplingError("The gateway could not process the request.", detail=repr(bug)))

    async def _answer(self, sample: Sample, elicit: Elicit | None) -> Outcome:
        host = await self._shared.host()
        from upcall.gateway.asking import Desk, at_desk

        desk = Desk(sample, elicit)
        try:
            with at_desk(desk, self), _traced(sample.trace):
                completion = await host.answer(
                    decoded(sample.params),
                    server=self._server,
                    version=sample.version,
                    request_id=sample.request_id,
                    during=_during(sample),
                    call=sample.call or None,
                    batch=sample.batch,
                    round=sample.round,
                    so_far=sample.so_far,
                    counted=self._shared.came_back(sample),
                )
        except SamplingRefused as error:
            if desk.deferred is not None:
                self._shared.handed_over(sample, desk.deferred.key)
                return desk.deferred
            self._show_way_out(error, desk)
            raise
        return Answered(msgspec.json.encode(completion.result))

    def _show_way_out(self, error: SamplingRefused, desk: Desk) -> None:
        """A refusal that somebody can do something about says what."""
        if type(error) is not SamplingRefused or error.hint:
            return
        rules = self._settings.current.rules_for(self._server)
        if rules.decision != "deny" and not rules.models and self._settings.model is None:
            error.hint = "Whoever runs the gateway names one in the policy (`upcall init`), or with --model."
        elif desk.in_store:
            error.hint = "Whoever runs the gateway decides with `upcall pending`."

    def _tell(self, error: UpcallError) -> None:
        told = " ".join(visible(f"{error} {error.detail}").split())
        _log.warning("%s got no answer: %s", self._server, told if len(told) <= _LONGEST else f"{told[:_LONGEST]}…")


class _Shared:
    """The host of a whole gateway."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._opening: asyncio.Task[Host] | None = None
        self._store: Store | None = None
        self._own = False
        """Whether the store was opened here."""
        self._left: set[asyncio.Task[None]] = set()
        self._questions: dict[tuple[str, str | int, str], None] = {}

    async def host(self) -> Host:
        """The open host.

        Raises:
            UpcallError: It cannot be opened.
        """
        if self._opening is None or (self._opening.done() and self._failed(self._opening)):
            self._opening = asyncio.create_task(self._open(), name="upcall host")
        return await asyncio.shield(self._opening)

    async def store(self) -> Store:
        """The open host's.

        Raises:
            UpcallError: It cannot be opened.
        """
        await self.host()
        assert self._store is not None  # noqa: S101 - a host that is open has one
        return self._store

    @property
    def is_open(self) -> bool:
        """Whether there is an open host."""
        return self._opening is not None and self._opening.done() and not self._failed(self._opening)

    def leave(self, work: Coroutine[Any, Any, None]) -> None:
        """Have this done at its leisure, and before the end."""
        task = asyncio.create_task(work)
        self._left.add(task)
        task.add_done_callback(self._left.discard)

    def handed_over(self, sample: Sample, key: str) -> None:
        """An attempt ended with a question for the client."""
        self._questions[sample.call, sample.request_id, key] = None
        while len(self._questions) > _REMEMBERED:
            del self._questions[next(iter(self._questions))]

    def came_back(self, sample: Sample) -> bool:
        """Whether this attempt goes on with one that ended so; true once for each, so that nobody can go on twice."""
        mine = [(sample.call, sample.request_id, key) for key in sample.given]
        found = [key for key in mine if key in self._questions]
        for key in found:
            del self._questions[key]
        return bool(found)

    async def aclose(self) -> None:
        opening, self._opening = self._opening, None
        if opening is None:
            return
        try:
            host = await opening
        except Exception:
            return
        while self._left:
            await asyncio.wait(self._left)
        await host.aclose()
        if self._own and self._store is not None:
            await self._store.aclose()

    @staticmethod
    def _failed(opening: asyncio.Task[Host]) -> bool:
        return opening.cancelled() or opening.exception() is not None

    async def _open(self) -> Host:
        host, store, self._own = await asyncio.to_thread(_made, self._settings)
        self._store = store
        connecting = (_connected(store),) if self._own else ()
        await asyncio.gather(host.__aenter__(), *connecting)
        return host


def _made(settings: Settings) -> tuple[Host, Store, bool]:
    """The host, its store, and whether that was opened here."""
    from upcall.gateway.asking import Gatekeeper
    from upcall.host import Host
    from upcall.host.telemetry import OpenTelemetryObserver
    from upcall.store import open_store

    store, own = settings.store, False
    if store is None:
        named = settings.current.store.url
        store = None if named is msgspec.UNSET else named
    if store is None or isinstance(store, str | Path):
        store, own = open_store(store), True
    host = Host(
        settings.model,
        policy=settings.policy,
        store=store,
        approve=Gatekeeper(lambda: settings.current, store),
        timeout=settings.timeout,
        on_record=OpenTelemetryObserver(),
    )
    return host, store, own


async def _connected(store: Store) -> None:
    with suppress(StoreError):  # whoever needs it meets the same, and says so in a record of their own
        await store.open()


@contextmanager
def _traced(carrier: Mapping[str, str]) -> Iterator[None]:
    """In the trace of the client's request, so that what is reported from here is part of it. A trace that the sampling
    itself brings along goes before it. Baggage is left out."""
    if not carrier:
        yield
        return
    from opentelemetry import context
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    token = context.attach(TraceContextTextMapPropagator().extract(carrier, context.get_current()))
    try:
        yield
    finally:
        context.detach(token)


def _during(sample: Sample) -> ClientRequest | None:
    from upcall.host import ClientRequest

    if not sample.method:
        return None
    arguments = decoded(sample.arguments)
    return ClientRequest(
        name=sample.name, arguments=arguments if isinstance(arguments, dict) else None, method=sample.method
    )
