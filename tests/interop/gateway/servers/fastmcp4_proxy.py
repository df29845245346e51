"""FastMCP 4's proxy in front of another server: ``python fastmcp4_proxy.py URL|COMMAND [ARGS]... stdio|http``.

On HTTP the environment's ``PORT`` says where.
"""

from __future__ import annotations

import os
import sys

from fastmcp.client.transports import StdioTransport
from fastmcp.server import create_proxy


def main(place: str, *args: str) -> None:
    """Serve until standard input closes, or until stopped."""
    *behind, transport = args
    server = place if place.startswith("http") else StdioTransport(place, behind, env=dict(os.environ))
    proxy = create_proxy(server, name="proxy")
    if transport == "stdio":
        proxy.run("stdio", show_banner=False)
    else:
        proxy.run("http", host="127.0.0.1", port=int(os.environ["PORT"]), show_banner=False)


if __name__ == "__main__":
    main(*sys.argv[1:])
