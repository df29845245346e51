"""Asking: what the author of a server uses.

::

    from mcp.server import MCPServer
    from upcall.server import Sampling, sample

    mcp = MCPServer("logs", middleware=[Sampling()])

    @mcp.tool()
    async def explain(line: str) -> str:
        return str(await sample(f"Explain this log line: {line}", max_tokens=100))
"""

from mcp.server.mcpserver.exceptions import ToolError

from upcall.server._prompt import Audio, Image
from upcall.server._reply import Reply
from upcall.server._sample import rounds_left, sample
from upcall.server._sampling import Sampling
from upcall.server._tools import SamplingTool

__all__ = ["Audio", "Image", "Reply", "Sampling", "SamplingTool", "ToolError", "rounds_left", "sample"]
