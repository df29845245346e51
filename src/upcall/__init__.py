"""upcall: MCP sampling that works with every client."""

__version__ = "0.1.0"
