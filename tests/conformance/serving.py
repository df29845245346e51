"""Servers in processes of their own: both the end that serves and the end that starts them."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uvicorn

from tests.conformance.npm import ROOT

__all__ = ["serve", "serving"]

_STOP_SECONDS = 10


def serve(app: Any, port: int = 0) -> None:
    """Serve ``app`` until stopped, after printing the address of its MCP endpoint. Port 0 takes a free one."""
    with socket.create_server(("127.0.0.1", port)) as listener:
        # Clients may connect from here on; they wait in the backlog until the application is up.
        print(f"http://127.0.0.1:{listener.getsockname()[1]}/mcp", flush=True)
        # Uvicorn takes httptools where it is installed, and leaves the whitespace that httptools leaves after a header.
        config = uvicorn.Config(app, http="h11", log_level="warning", timeout_graceful_shutdown=1)
        uvicorn.Server(config).run(sockets=[listener])


@contextmanager
def serving(module: str, log: Path, *flags: str) -> Iterator[str]:
    """Start ``module``, which calls `serve`, and give its address. What it has to say otherwise goes to ``log``."""
    command = [sys.executable, "-m", module, *flags]
    with log.open("w") as errors, subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=errors) as process:
        try:
            assert process.stdout is not None
            url = process.stdout.readline().decode().strip()
            assert url, log.read_text()
            yield url
        finally:
            process.terminate()
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
