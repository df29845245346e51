"""Gemini CLI: how it is configured and run here."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

from tests.conformance.npm import Programs
from tests.interop.clients.apps import App
from tests.interop.clients.endpoint import Endpoint
from tests.interop.clients.generate_content import GenerateContent
from tests.interop.clients.places import Scene

__all__ = ["APP", "Gemini", "Seen"]

APP = App(
    "gemini-cli",
    "0.61.0",
    dict.fromkeys(
        [("linux", "x86_64"), ("linux", "aarch64"), ("darwin", "x86_64"), ("darwin", "arm64")],
        ("@google/gemini-cli", "bundle/gemini.js"),
    ),
)

_SETTINGS = """\
{
  // nothing leaves this machine
  "security": { "auth": { "selectedType": "gemini-api-key" } },
  "telemetry": { "enabled": false },
  "privacy": { "usageStatisticsEnabled": false }, /* none */
  "general": { "enableAutoUpdate": false },
  "mcpServers": {
    "everything": {
      // ours
      %s,
      "trust": true // calls are not asked about
    }
  }
}
"""
_ENV = {"GEMINI_API_KEY": "none", "GEMINI_CLI_TRUST_WORKSPACE": "true", "NO_BROWSER": "true"}


class Seen(NamedTuple):
    """What one run of the client printed."""

    said: str
    """Its last words."""
    calls: dict[str, int]
    """How many calls of tools were successful, and how many failed."""


class Gemini:
    """The client in a scene, with one server, called ``everything``."""

    def __init__(self, scene: Scene, programs: Programs, program: Path) -> None:
        self._scene, self._programs = scene, programs
        self._program = (programs.node, program)
        self.config = scene.home / ".gemini" / "settings.json"
        self.config.parent.mkdir()

    def starts(self, make: str, **more: Any) -> None:
        """Write settings that start a server of this make, with more keys in its entry."""
        self._write(self._scene.entry(self._programs, make) | more)

    def reaches(self, url: str, **more: Any) -> None:
        """Write settings with a server at this address, with more keys in its entry."""
        self._write({"url": url} | more)

    def _write(self, entry: dict[str, Any]) -> None:
        lines = [f"{json.dumps(key)}: {json.dumps(value)}" for key, value in entry.items()]
        self.config.write_text(_SETTINGS % ",\n      ".join(lines))

    def command(self) -> tuple[str | Path, ...]:
        """The command line of a turn."""
        return (*self._program, "--model", "gemini-2.5-flash", "--output-format", "json", "--prompt", "Do it.")

    def env(self, endpoint: Endpoint) -> dict[str, str]:
        """The environment that makes this its model."""
        return {**_ENV, "GOOGLE_GEMINI_BASE_URL": endpoint.url}

    def calling(self, tool: str, arguments: dict[str, Any]) -> Endpoint:
        """A model that calls a tool of the server."""
        return Endpoint(GenerateContent(), f"mcp_everything_{tool}", arguments)

    async def mcp(self, *arguments: str) -> str:
        """What ``gemini mcp`` prints."""
        ran = await self._scene.run(*self._program, "mcp", *arguments, **_ENV)
        assert ran.code == 0, ran.err
        return ran.out + ran.err

    async def asks(self, tool: str, arguments: dict[str, Any], **env: str) -> Seen:
        """Let its model call a tool of the server."""
        async with self.calling(tool, arguments) as endpoint:
            ran = await self._scene.run(*self.command(), **self.env(endpoint), **env)
        assert ran.code == 0, ran.err + ran.out
        # Behind the object there may be complaints about connections that were in use when it ended.
        printed, _ = json.JSONDecoder().raw_decode(ran.out)
        counts = printed["stats"]["tools"]
        return Seen(printed["response"], {"successful": counts["totalSuccess"], "failed": counts["totalFail"]})
