"""`probe`: starts a server as its client would, and lists its tools twice: for a client that cannot sample, and for one
that can. It calls none of them.

A server is asked ``server/discover`` (2026-07-28) first. One that answers it with an error, or not for a while, gets
``initialize``; one that ends over it is started again and gets ``initialize`` at once. On 2026-07-28 what a client can
stands in each request, so one process shows both lists; before, it takes a process, or a session, for each.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any

import msgspec

from upcall import __version__
from upcall.errors import MISSING_CLIENT_CAPABILITY
from upcall.gateway.examining._links import HttpLink, Link, linked
from upcall.gateway.examining._peer import Failed, Gone, Peer
from upcall.gateway.examining._targets import Target
from upcall.wire import LATEST_LEGACY, LATEST_MODERN, Era

__all__ = ["CLIENT", "SAMPLING", "Probed", "meta_for", "probe"]

CLIENT = {"name": "upcall doctor", "version": __version__}
SAMPLING: dict[str, Any] = {"sampling": {"tools": {}}}
_META = "io.modelcontextprotocol/"
_DISCOVERY = 6.0
"""Seconds until a server that says nothing to ``server/discover`` gets ``initialize``."""
_GRACE = 0.4
"""Seconds for a server that adds tools once it knows what its client can."""
_LISTINGS = 3
_PAGES = 50
_SHOWN_LINES = 5


class Probed(msgspec.Struct, kw_only=True):
    """What was seen. Filled as it goes, so that it says how far a server came that hangs."""

    step: str = "anything"
    era: Era | None = None
    version: str = ""
    server: str = ""
    """What it calls itself."""
    tools: list[dict[str, Any]] = []
    """For a client that cannot sample."""
    tools_sampling: list[dict[str, Any]] = []
    """For one that can."""
    demands: bool = False
    """Whether it serves no client that cannot sample."""
    trouble: str = ""
    """Why there is no more; empty when all went well."""
    remedy: str = ""
    login: bool = False
    last_words: list[str] = []
    garbage: list[str] = []


async def probe(target: Target, env: Mapping[str, str], seconds: float) -> Probed:
    """Look at the server, for so many seconds at each start. Nothing is raised but cancellation."""
    found = Probed()
    try:
        async with asyncio.timeout(seconds):
            await _look(target, env, found, min(_DISCOVERY, seconds / 2))
        if found.era is Era.LEGACY:
            async with asyncio.timeout(seconds), _connected(target, env, found) as peer:
                await _initialize(peer, found, SAMPLING)
                found.tools_sampling = await _tools(peer, found, SAMPLING)
    except TimeoutError:
        found.trouble = f"It gave no answer to {found.step} within {seconds:g} seconds."
        found.remedy = "Run its command by hand; `--timeout` gives it longer."
    except FileNotFoundError as error:
        found.trouble = f"There is no program {target.argv[0]!r}."
        found.remedy = "Install it, or write its whole path." if error.filename == target.argv[0] else ""
    except OSError as error:
        found.trouble = f"It cannot be started: {error.strerror or error}"
    except ValueError as error:
        found.trouble = "Its address is none of an HTTP server." if target.url else f"It cannot be started: {error}."
    except Failed as failed:
        found.trouble = found.trouble or f"It answered {found.step} with an error: {failed.message} ({failed.code})"
    except Gone:
        if not found.trouble:
            found.trouble = f"It ended at {found.step}."
    return found


async def _look(target: Target, env: Mapping[str, str], found: Probed, patience: float) -> None:
    try:
        await _first(target, env, found, patience)
    except Gone:
        if target.url or found.era is not None:
            raise
        found.trouble = ""
        await _first(target, env, found, None)


async def _first(target: Target, env: Mapping[str, str], found: Probed, patience: float | None) -> None:
    """The first connection; without ``patience`` it begins with ``initialize``."""
    async with _connected(target, env, found) as peer:
        if patience is not None:
            await _discover(peer, found, patience)
        try:
            if found.era is None:
                await _initialize(peer, found, {})
            found.tools = await _tools(peer, found, {})
        except Failed as failed:
            if not _lacks_sampling(failed):
                raise
            found.demands, found.era = True, found.era or Era.LEGACY
        if found.era is Era.MODERN:
            found.tools_sampling = await _tools(peer, found, SAMPLING)


@asynccontextmanager
async def _connected(target: Target, env: Mapping[str, str], found: Probed) -> AsyncIterator[Peer]:
    link: Link | None = None

    def send(frame: bytes) -> None:
        if link is not None:
            link.send(frame)

    peer = Peer(send)
    try:
        async with linked(target, env, peer.received, peer.ended) as link:
            yield peer
    except (Failed, Gone) as error:
        _blame(found, link, error)
        raise
    finally:
        found.garbage = found.garbage or peer.garbage
        if link is not None:
            found.last_words = link.last_words[-_SHOWN_LINES:] or found.last_words


def _blame(found: Probed, link: Link | None, error: Failed | Gone) -> None:
    """Why a connection came to nothing, as far as the transport knows."""
    if link is None:
        return
    if {401, 403} & set(link.statuses):
        found.login = True
    elif isinstance(link, HttpLink) and not link.statuses:
        found.trouble, found.remedy = "It cannot be reached.", "Is it running, and is this its address?"
    elif isinstance(error, Gone) and link.exit_code is not None:
        found.trouble = f"It ended with exit code {link.exit_code} at {found.step}."


async def _discover(peer: Peer, found: Probed, patience: float) -> None:
    """Leaves ``found.era`` at ``None`` for a server of an earlier revision; that gets ``initialize`` next."""
    found.step = "server/discover"
    asking = asyncio.ensure_future(peer.ask("server/discover", {"_meta": meta_for({})}))
    try:
        await asyncio.wait({asking}, timeout=patience)
        if asking.done():
            _discovered(asking.result(), found)
            return
        await _initialize(peer, found, {}, meanwhile=asking)
    except Failed as failed:
        if _lacks_sampling(failed):
            found.demands, found.era, found.version = True, Era.MODERN, LATEST_MODERN
        elif found.step == "initialize":
            raise
    finally:
        asking.cancel()
        with suppress(asyncio.CancelledError, Failed, Gone):
            await asking


def _discovered(result: Any, found: Probed) -> None:
    versions = result.get("supportedVersions") if isinstance(result, dict) else None
    if isinstance(versions, list) and LATEST_MODERN in versions:
        found.era, found.version = Era.MODERN, LATEST_MODERN
        found.server = _name(result)


async def _initialize(
    peer: Peer, found: Probed, capabilities: Mapping[str, Any], meanwhile: asyncio.Future[Any] | None = None
) -> None:
    found.step = "initialize"
    params = {"protocolVersion": LATEST_LEGACY, "capabilities": capabilities, "clientInfo": CLIENT}
    try:
        result = await peer.ask("initialize", params)
    except Failed:
        if meanwhile is None or not meanwhile.done() or meanwhile.exception() is not None:
            raise
        _discovered(meanwhile.result(), found)  # it was only slow
        if found.era is None:
            raise
        return
    if not isinstance(result, dict):
        raise Failed(0, "its answer is no object")
    found.era, found.version = Era.LEGACY, str(result.get("protocolVersion", ""))
    found.server = _name(result)
    peer.tell("notifications/initialized")


async def _tools(peer: Peer, found: Probed, capabilities: Mapping[str, Any]) -> list[dict[str, Any]]:
    found.step = "tools/list"
    for _ in range(_LISTINGS):
        peer.tools_changed.clear()
        tools = await _listed(peer, found, capabilities)
        if found.era is Era.MODERN:
            break
        with suppress(TimeoutError):
            await asyncio.wait_for(peer.tools_changed.wait(), _GRACE)
        if not peer.tools_changed.is_set():
            break
    return tools


async def _listed(peer: Peer, found: Probed, capabilities: Mapping[str, Any]) -> list[dict[str, Any]]:
    tools: list[dict[str, Any]] = []
    params: dict[str, Any] = {"_meta": meta_for(capabilities)} if found.era is Era.MODERN else {}
    for _ in range(_PAGES):
        try:
            result = await peer.ask("tools/list", params)
        except Failed as failed:
            if failed.code == -32601:  # it has no tools
                return tools
            raise
        listed = result.get("tools") if isinstance(result, dict) else None
        if not isinstance(listed, list):
            raise Failed(0, "its answer lists no tools")
        tools += [one for one in listed if isinstance(one, dict) and isinstance(one.get("name"), str)]
        cursor = result.get("nextCursor")
        if not isinstance(cursor, str):
            break
        params = {**params, "cursor": cursor}
    return tools


def meta_for(capabilities: Mapping[str, Any]) -> dict[str, Any]:
    """``_meta`` of a request of 2026-07-28 (SEP-2575)."""
    return {
        f"{_META}protocolVersion": LATEST_MODERN,
        f"{_META}clientInfo": CLIENT,
        f"{_META}clientCapabilities": capabilities,
    }


def _name(result: Mapping[str, Any]) -> str:
    info = result.get("serverInfo")
    if not isinstance(info, dict):  # 2026-07-28 has it among the metadata of the result
        meta = result.get("_meta")
        info = meta.get(f"{_META}serverInfo") if isinstance(meta, dict) else None
    if not isinstance(info, dict):
        return ""
    return " ".join(str(info[key]) for key in ("name", "version") if isinstance(info.get(key), str))


def _lacks_sampling(failed: Failed) -> bool:
    needed = failed.data.get("requiredCapabilities") if isinstance(failed.data, dict) else None
    return failed.code == MISSING_CLIENT_CAPABILITY and isinstance(needed, dict) and "sampling" in needed
