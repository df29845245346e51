"""Where the examples run: in memory, in processes of their own, and behind HTTP servers in a thread."""

from __future__ import annotations

import asyncio
import itertools
import os
import socket
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import uvicorn
from mcp import StdioServerParameters

from upcall.server import Sampling

__all__ = ["EXAMPLES_FOLDER", "environment", "http_app", "load", "sampling_of", "served", "stdio"]

EXAMPLES_FOLDER = Path(__file__).parents[2] / "examples"

_loaded = itertools.count()


def environment(folder: Path, fallback_url: str, key: str = "a-key") -> dict[str, str]:
    """Variables that make the examples keep their things in ``folder``, and their fallback ask ``fallback_url``."""
    return {
        "BLOG_DB": str(folder / "blog.sqlite3"),
        "PRODUCTS_FILE": str(folder / "products.jsonl"),
        "INCIDENT_REPORT": str(folder / "incident_report.txt"),
        "FALLBACK_BASE_URL": fallback_url,
        "FALLBACK_API_KEY": key,
        "FASTMCP_SHOW_SERVER_BANNER": "false",
    }


def load(example: str, variables: Mapping[str, str]) -> ModuleType:
    """A fresh copy of an example's module, with a server of its own."""
    spec = spec_from_file_location(f"example_{example}_{next(_loaded)}", EXAMPLES_FOLDER / f"{example}.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    before = dict(os.environ)
    os.environ.update(variables)
    sys.path.insert(0, str(EXAMPLES_FOLDER))
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(EXAMPLES_FOLDER))
        os.environ.clear()
        os.environ.update(before)
    return module


def sampling_of(module: ModuleType) -> Sampling:
    """The `Sampling` of an example's server."""
    lowlevel = getattr(module.mcp, "_lowlevel_server", None) or module.mcp._mcp_server
    (sampling,) = (entry for entry in lowlevel.middleware if isinstance(entry, Sampling))
    return sampling


def stdio(example: str, variables: Mapping[str, str], folder: Path) -> StdioServerParameters:
    """How to start an example as its users do."""
    script = str(EXAMPLES_FOLDER / f"{example}.py")
    return StdioServerParameters(command=sys.executable, args=[script], env=dict(variables), cwd=folder)


def http_app(module: ModuleType, *, stateless: bool) -> Any:
    """An example's server as an ASGI app, of the SDK or of FastMCP."""
    make = getattr(module.mcp, "streamable_http_app", None) or module.mcp.http_app
    return make(stateless_http=stateless)


@contextmanager
def served(apps: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    """Serve ASGI apps, each at a port of its own, from one thread; gives their addresses."""
    listeners = {name: _listener() for name in apps}
    servers = {
        name: uvicorn.Server(uvicorn.Config(app, log_level="error", ws="none", timeout_graceful_shutdown=1))
        for name, app in apps.items()
    }

    async def serve() -> None:
        await asyncio.gather(*(server.serve(sockets=[listeners[name]]) for name, server in servers.items()))

    thread = threading.Thread(target=asyncio.run, args=(serve(),), name="servers")
    thread.start()
    try:
        # The sockets listen already, so a client that is early waits in the queue.
        yield {name: f"http://127.0.0.1:{listener.getsockname()[1]}" for name, listener in listeners.items()}
    finally:
        for server in servers.values():
            server.should_exit = True
        thread.join(timeout=20)
        assert not thread.is_alive()


def _listener() -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)  # so asyncio turns Nagle off
    listener.bind(("127.0.0.1", 0))
    listener.listen(128)
    return listener
