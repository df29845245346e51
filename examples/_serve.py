"""How every example is served: over stdio, which is what clients that start servers expect, or over HTTP."""

from argparse import ArgumentParser, RawDescriptionHelpFormatter
from typing import Any


def serve(mcp: Any, about: str | None) -> None:
    """Run an ``MCPServer`` or a ``FastMCP`` server as the command line says.

    Args:
        mcp: The server.
        about: The example's docstring, for ``--help``.
    """
    options = ArgumentParser(description=about, formatter_class=RawDescriptionHelpFormatter)
    options.add_argument(
        "--http",
        nargs="?",
        type=int,
        const=8000,
        metavar="PORT",
        help="serve streamable HTTP at http://localhost:PORT/mcp (8000) instead of stdio",
    )
    port = options.parse_args().http
    if port is None:
        mcp.run("stdio")
    else:
        mcp.run("streamable-http", port=port)
