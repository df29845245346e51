"""FastMCP 4's proxy on stdio, in front of another server: ``python fastmcp4_proxy.py stdio COMMAND [ARGS]...``."""

from __future__ import annotations

import os
import sys

from fastmcp.client.transports import StdioTransport
from fastmcp.server import create_proxy


def main(command: str, *args: str) -> None:
    """Serve until standard input closes."""
    behind = StdioTransport(command, list(args), env=dict(os.environ))
    create_proxy(behind, name="proxy").run("stdio", show_banner=False)


if __name__ == "__main__":
    main(*sys.argv[2:])
