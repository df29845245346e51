"""FastMCP 4's proxy: ``python -m benchmarks.relays.fastmcp_proxy stdio COMMAND…`` or ``… http URL PORT``."""

from __future__ import annotations

import logging
import os
import sys

from fastmcp.client.transports import StdioTransport
from fastmcp.server import create_proxy

__all__: list[str] = []


def main(transport: str, *arguments: str) -> None:
    """Serve as FastMCP does by default, without its banner and its logging."""
    logging.disable(logging.CRITICAL)
    if transport == "stdio":
        program, *rest = arguments
        create_proxy(StdioTransport(program, rest, env=dict(os.environ))).run(transport="stdio", show_banner=False)
        return
    url, port = arguments
    create_proxy(url).run(
        transport="http", host="127.0.0.1", port=int(port), path="/mcp", show_banner=False, log_level="critical"
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
