"""The server that the conformance suite is run against: ``python -m tests.conformance.server [--bare] [--port N]``.

It prints its address and serves streamable HTTP until it is stopped; with ``--stdio`` it serves on its pipes instead.
``--bare`` leaves upcall out; what the suite says of the two must be the same, wherever nothing is asked on 2026-07-28.
"""

from __future__ import annotations

import argparse

import mcp_types as types
from mcp.server.mcpserver import Context, MCPServer
from mcp.server.streamable_http import EventCallback, EventMessage, EventStore
from mcp.shared.exceptions import MCPError

from tests.conformance.asking import add_legacy_questions, add_questions, name_form
from tests.conformance.everything import add_everything
from tests.conformance.serving import serve
from upcall.server import Sampling


def build(*, bare: bool = False) -> MCPServer:
    """The server, with ``Sampling`` or, ``bare``, without."""
    server = MCPServer("conformance", version="1.0.0", middleware=[] if bare else [Sampling()])
    add_everything(server)
    add_legacy_questions(server)
    if bare:
        _add_by_hand(server)
    else:
        add_questions(server)
    return server


class Events(EventStore):
    """Keeps every event, so that a client that reconnects gets what it missed."""

    def __init__(self) -> None:
        self._events: list[tuple[str, types.JSONRPCMessage | None]] = []

    async def store_event(self, stream_id: str, message: types.JSONRPCMessage | None) -> str:
        """Keep one event; its id is its number."""
        self._events.append((stream_id, message))
        return str(len(self._events))

    async def replay_events_after(self, last_event_id: str, send_callback: EventCallback) -> str | None:
        """Send what came after ``last_event_id`` on the same stream."""
        last = int(last_event_id)
        stream = self._events[last - 1][0]
        for number, (stream_id, message) in enumerate(self._events[last:], last + 1):
            if stream_id == stream and message is not None:
                await send_callback(EventMessage(message, str(number)))
        return stream


def _add_by_hand(server: MCPServer) -> None:
    """What the suite needs of any modern server, in the way in which the SDK alone can do it."""

    @server.tool()
    async def test_missing_capability(ctx: Context) -> str:
        """Cannot do without a model."""
        declared = ctx.client_capabilities
        if declared is None or declared.sampling is None:
            raise MCPError(
                code=types.MISSING_REQUIRED_CLIENT_CAPABILITY,
                message="The client did not declare the sampling capability.",
                data={"requiredCapabilities": {"sampling": {}}},
            )
        return "declared"

    @server.tool()
    async def test_streaming_elicitation() -> types.InputRequiredResult:
        """Asks the person, on the stream of its own call."""
        form = types.ElicitRequestFormParams(message="What is your name?", requested_schema=name_form())
        return types.InputRequiredResult(input_requests={"user_name": types.ElicitRequest(params=form)})


def main() -> None:
    """Serve until stopped."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bare", action="store_true", help="without upcall")
    parser.add_argument("--stdio", action="store_true", help="on standard input and output")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    options = parser.parse_args()
    if options.stdio:
        build(bare=options.bare).run("stdio")
        return
    app = build(bare=options.bare).streamable_http_app(event_store=Events(), retry_interval=100)
    serve(app, options.port)


if __name__ == "__main__":
    main()
