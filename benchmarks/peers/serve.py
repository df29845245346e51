"""A server process: ``python -m benchmarks.peers.serve PEER stdio|http [PORT]``. On HTTP its first line is its port."""

from __future__ import annotations

import logging
import socket
import sys
from importlib import import_module

import anyio

from benchmarks.peers import Peer


def main(name: str, transport: str, port: str = "0") -> None:
    """Serve until standard input closes (stdio), or until the process is ended (HTTP)."""
    peer: Peer = import_module(f"benchmarks.peers.{name}")
    server = peer.make()
    # Whatever a peer logs on its way is not what is measured.
    logging.disable(logging.CRITICAL)
    if transport == "stdio":
        anyio.run(peer.serve_stdio, server)
        return
    import uvicorn

    # With its protocol named, because asyncio switches Nagle's algorithm off for such sockets only.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", int(port)))
    # Before the port is told, so that a client that is early waits in the queue.
    listener.listen(128)
    print(listener.getsockname()[1], flush=True)
    config = uvicorn.Config(peer.asgi(server), log_level="critical", access_log=False, ws="none")
    uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main(*sys.argv[1:])
