"""A log archiver: the client's model explains each line, and the explanation is appended to a report.

It shows the tutorial form, `ctx.session.create_message`, in a tool that changes something: the report grows by one
entry per call, on every protocol, because the tool's body runs once. `clients/log_client.py` is the other end.

    python examples/log_archiver.py         # stdio
    python examples/log_archiver.py --http  # http://localhost:8000/mcp

Entries go to incident_report.txt in the current directory, or where INCIDENT_REPORT says.
"""

import os
from pathlib import Path

from mcp.server import MCPServer
from mcp.server.mcpserver import Context
from mcp_types import SamplingMessage, TextContent

from _serve import serve
from upcall.server import Sampling

REPORT = Path(os.environ.get("INCIDENT_REPORT") or "incident_report.txt")

mcp = MCPServer("log-archiver", middleware=[Sampling()])


@mcp.tool()
async def process_log_entry(log_line: str, ctx: Context) -> str:
    """Explain a log line and archive it with the explanation."""
    prompt = f"You are a Site Reliability Engineer. Explain this log error in one concise sentence: {log_line}"
    result = await ctx.session.create_message(
        messages=[SamplingMessage(role="user", content=TextContent(type="text", text=prompt))],
        max_tokens=100,
    )
    if isinstance(result.content, TextContent):
        analysis = result.content.text.strip()
    else:
        analysis = f"(no analysis: the model answered with {result.content.type})"
    archive(log_line, analysis)
    return f"Success: the log entry was archived. Analysis: {analysis}"


def archive(log_line: str, analysis: str) -> None:
    """Append one incident to the report."""
    with REPORT.open("a", encoding="utf-8") as report:
        report.write(f"RAW LOG: {log_line}\nAI ANALYSIS: {analysis}\n{'-' * 40}\n")


if __name__ == "__main__":
    serve(mcp, __doc__)
