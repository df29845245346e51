"""`serve`: servers behind one listener, each at its path, until a signal says stop."""

from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import Callable, Sequence
from contextlib import nullcontext

from upcall.gateway.answering import Answering
from upcall.gateway.http.client.upstream import Upstream as Server
from upcall.gateway.http.front.app import App, Endpoint
from upcall.gateway.http.front.guards import Guard
from upcall.gateway.http.front.legacy_only import LegacyOnly
from upcall.gateway.http.front.listening import Listener, Tls, bound
from upcall.gateway.http.proxy.connections import Connect
from upcall.gateway.http.proxy.owning import OwnedIds
from upcall.gateway.http.proxy.proxying import Proxy
from upcall.gateway.performing import Answers
from upcall.gateway.session.session import Session
from upcall.gateway.session.tasks import Tasks
from upcall.gateway.settings import Serving, Settings, Upstream
from upcall.gateway.signals import told_to_stop
from upcall.gateway.stdio.serving import FollowedTerms

__all__ = ["Tls", "connect_for", "endpoint_for", "serve", "serve_async"]

_log = logging.getLogger("upcall.gateway")


def serve(
    settings: Settings,
    serving: Serving,
    *,
    only: Upstream | None = None,
    tls: Tls | None = None,
    allow_anonymous: bool = False,
    on_ready: Callable[[list[str]], None] = lambda urls: None,
) -> int:
    """Serve until SIGINT or SIGTERM; gives the exit code.

    Args:
        settings: What the gateway goes by.
        serving: Where, for whom, and the servers of the policy file, each at ``/NAME/mcp``.
        only: Serve this one alone, at ``/mcp``.
        tls: Plain HTTP when ``None``.
        allow_anonymous: Whether others than this machine may come without a token.
        on_ready: Told the addresses once they are served.

    Raises:
        ConfigurationError: It cannot listen there, or should not.
    """
    # What is loaded by now is never garbage; the collector need not go through it again and again.
    gc.freeze()
    asyncio.run(
        serve_async(
            settings, serving, only=only, tls=tls, allow_anonymous=allow_anonymous, on_ready=on_ready, signals=True
        )
    )
    return 0


async def serve_async(
    settings: Settings,
    serving: Serving,
    *,
    only: Upstream | None = None,
    tls: Tls | None = None,
    allow_anonymous: bool = False,
    on_ready: Callable[[list[str]], None] = lambda urls: None,
    signals: bool = False,
    stop: asyncio.Event | None = None,
) -> None:
    """As `serve`, on a running event loop, until ``stop`` is set or it is cancelled."""
    host, port = serving.listen or ("127.0.0.1", 0)
    guard = Guard(
        host,
        tokens=serving.tokens,
        allow_hosts=serving.allow_hosts,
        allow_origins=serving.allow_origins,
        allow_anonymous=allow_anonymous,
    )
    paths = {"/mcp": only} if only is not None else {f"/{one.name}/mcp": one for one in serving.upstreams}
    answering = Answering(settings)
    principals = len(serving.tokens) or 1
    endpoints = {
        path: endpoint_for(one, answering, keys=settings.keys, principals=principals, replicas=settings.replicas)
        for path, one in paths.items()
    }
    app = App(guard, endpoints, body_bytes=serving.body_bytes)
    listening = bound(host, port)
    try:
        listener = Listener(app, listening, tls=tls)
        stopping = asyncio.create_task(_stop_with(stop, listener)) if stop is not None else None
        try:
            with told_to_stop(listener.stop) if signals else nullcontext():
                await listener.run(lambda: on_ready([listener.address + path for path in paths]))
        finally:
            if stopping is not None:
                stopping.cancel()
    finally:
        listening.close()
        await answering.aclose()


def connect_for(
    answering: Answering, name: str, *, replicas: bool = False, terms: FollowedTerms | None = None
) -> Connect:
    """Makes the session of each connection to the server of this name, and what answers its samples.

    Args:
        answering: Answers them.
        name: Of the server.
        replicas: Whether other gateways serve the same server to the same clients.
        terms: Those of the server, where somebody follows them already.
    """
    mine = answering.of(name)
    followed = FollowedTerms(mine) if terms is None else terms
    sealer, tasks = mine.sealer(), Tasks(name, shared=replicas)

    def connect(principal: str) -> tuple[Session, Answers]:
        return Session(followed, sealer, principal=principal, tasks=tasks), answering.of(name)

    return connect


def endpoint_for(
    upstream: Upstream,
    answering: Answering,
    *,
    keys: Sequence[bytes] = (),
    principals: int = 1,
    replicas: bool = False,
) -> Endpoint:
    """What serves this server.

    Args:
        upstream: The server.
        answering: Answers its samples.
        keys: The state keys; needed where several principals come, or replicas are.
        principals: How many may come.
        replicas: Whether other gateways with the same keys serve the same clients. A program is each one's own.
    """
    terms = FollowedTerms(answering.of(upstream.name))
    connect = connect_for(answering, upstream.name, replicas=replicas and upstream.url is not None, terms=terms)
    endpoint = _endpoint(upstream, connect, keys, principals, replicas)
    return LegacyOnly(endpoint, lambda: terms().protocol == "legacy")


def _endpoint(upstream: Upstream, connect: Connect, keys: Sequence[bytes], principals: int, replicas: bool) -> Endpoint:
    if upstream.url is not None:
        several = principals > 1
        ids = OwnedIds(keys, upstream.name, events=several) if several or replicas else None
        return Proxy(Server(upstream.url, headers=upstream.headers), connect, ids=ids)
    from upcall.gateway.http.children.hosting import Hosting

    return Hosting(upstream.argv or (), env=upstream.env, connect=connect, principals=principals)


async def _stop_with(stop: asyncio.Event, listener: Listener) -> None:
    await stop.wait()
    listener.stop()
