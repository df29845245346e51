"""FastMCP 4's proxy in front of another server: ``python fastmcp4_proxy.py stdio|http URL``, or with a command instead.

On HTTP it prints its address.
"""

from __future__ import annotations

import os
import sys

from fastmcp.client.transports import StdioTransport
from fastmcp.server import create_proxy
from tests.conformance.serving import serve


def main(transport: str, place: str, *args: str) -> None:
    """Serve until stopped."""
    behind = place if place.startswith("http") else StdioTransport(place, list(args), env=dict(os.environ))
    proxy = create_proxy(behind, name="proxy")
    if transport == "http":
        serve(proxy.http_app(path="/mcp"))
    else:
        proxy.run("stdio", show_banner=False)


if __name__ == "__main__":
    main(*sys.argv[1:])
