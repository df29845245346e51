"""Claude Code: how it is configured and run here."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.interop.clients.apps import App
from tests.interop.clients.endpoint import Endpoint
from tests.interop.clients.messages import Messages
from tests.interop.clients.places import Scene

__all__ = ["APP", "Claude"]

APP = App(
    "claude-code",
    "2.1.330",
    {
        ("linux", "x86_64"): ("@anthropic-ai/claude-code-linux-x64", "claude"),
        ("linux", "aarch64"): ("@anthropic-ai/claude-code-linux-arm64", "claude"),
        ("darwin", "x86_64"): ("@anthropic-ai/claude-code-darwin-x64", "claude"),
        ("darwin", "arm64"): ("@anthropic-ai/claude-code-darwin-arm64", "claude"),
    },
)
_ENV = {
    "ANTHROPIC_API_KEY": "none",
    "DISABLE_AUTOUPDATER": "1",
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    "ENABLE_TOOL_SEARCH": "false",  # else it offers the tools of servers only when its model searches for them
    # Else a turn without a person begins before the servers are connected.
    "MCP_CONNECTION_NONBLOCKING": "0",
    "MCP_CONNECT_TIMEOUT_MS": "60000",
}


class Claude:
    """The client in a scene whose project it trusts, with servers in ``.mcp.json`` that were approved by name."""

    def __init__(self, scene: Scene, program: Path) -> None:
        self._scene, self._program = scene, program
        self.config = scene.project / ".mcp.json"
        self.own = scene.home / ".claude.json"
        self.own.write_text(json.dumps({"projects": {str(scene.project): {"hasTrustDialogAccepted": True}}}))

    def has(self, **servers: dict[str, Any]) -> None:
        """Write the project's config, and approve what it names. ``_`` in a name is ``-`` there."""
        entries = {name.replace("_", "-"): entry for name, entry in servers.items()}
        self.config.write_text(json.dumps({"mcpServers": entries}, indent=2) + "\n")
        settings = self._scene.project / ".claude" / "settings.local.json"
        settings.parent.mkdir(exist_ok=True)
        settings.write_text(json.dumps({"enabledMcpjsonServers": list(entries)}))

    def command(self, server: str, tool: str) -> list[str | Path]:
        """The command line of a turn in which it may call this tool."""
        allowed = f"mcp__{server}__{tool}"
        return [self._program, "-p", "Do it.", "--allowedTools", allowed, "--output-format", "stream-json", "--verbose"]

    def env(self, endpoint: Endpoint) -> dict[str, str]:
        """The variables of a turn with this model."""
        return {**_ENV, "ANTHROPIC_BASE_URL": endpoint.url}

    def calling(self, server: str, tool: str, arguments: dict[str, Any]) -> Endpoint:
        """A model that calls a tool."""
        return Endpoint(Messages(), f"mcp__{server}__{tool}", arguments)

    async def asks(self, server: str, tool: str, arguments: dict[str, Any], **env: str) -> str:
        """Let its model call a tool; gives its last words."""
        async with self.calling(server, tool, arguments) as endpoint:
            ended = await self._scene.run(*self.command(server, tool), **self.env(endpoint), **env)
        assert ended.code == 0, ended.err + ended.out
        lines = [json.loads(line) for line in ended.out.splitlines()]
        (start,) = [line for line in lines if line["type"] == "system" and line["subtype"] == "init"]
        assert {each["status"] for each in start["mcp_servers"]} == {"connected"}, start["mcp_servers"]
        return str(lines[-1]["result"])

    async def mcp(self, *arguments: str, **env: str) -> str:
        """What ``claude mcp …`` prints."""
        ended = await self._scene.run(self._program, "mcp", *arguments, **_ENV, **env)
        assert ended.code == 0, ended.err + ended.out
        return ended.out
