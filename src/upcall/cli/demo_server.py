"""The server of `upcall demo`: a log archiver that lets the client's model explain what went wrong.

python -m upcall.cli.demo_server --stdio
python -m upcall.cli.demo_server --http 8000
"""

from argparse import ArgumentParser
from pathlib import Path

from mcp.server import MCPServer

from upcall.server import Sampling, sample

mcp = MCPServer(
    "log-archiver",
    log_level="WARNING",
    middleware=[Sampling()],
)
report = Path("incident_report.txt")


@mcp.tool()
async def process_log_entry(log_line: str) -> str:
    """Explain a line of a log, and append line and explanation to the incident report."""
    answer = await sample(
        f"You are a Site Reliability Engineer. Explain this log error in one concise sentence: {log_line}",
        max_tokens=100,
    )
    kinds = ", ".join(type(block).__name__ for block in answer.content) or "nothing"
    analysis = answer.text.strip() or f"(no analysis: the model answered with {kinds})"
    with report.open("a", encoding="utf-8") as file:
        file.write(f"RAW LOG: {log_line}\nAI ANALYSIS: {analysis}\n{'-' * 40}\n")
    return f"Success: the entry was archived in {report.name}."


if __name__ == "__main__":
    options = ArgumentParser(prog="upcall.cli.demo_server")
    transport = options.add_mutually_exclusive_group(required=True)
    transport.add_argument("--stdio", action="store_true")
    transport.add_argument("--http", type=int, metavar="PORT")
    options.add_argument("--report", type=Path, default=report)
    given = options.parse_args()
    report = given.report
    if given.stdio:
        mcp.run("stdio")
    else:
        mcp.run("streamable-http", port=given.http)
