"""Codex: how it is configured and run here."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import tomlkit

from tests.conformance.npm import Programs
from tests.interop.clients.apps import App
from tests.interop.clients.endpoint import Endpoint
from tests.interop.clients.places import Scene
from tests.interop.clients.responses import Responses

__all__ = ["APP", "Codex", "Seen"]

APP = App(
    "codex",
    "0.169.0",
    dict.fromkeys(
        [("linux", "x86_64"), ("linux", "aarch64"), ("darwin", "x86_64"), ("darwin", "arm64")],
        ("@openai/codex", "bin/codex.js"),
    ),
)

_TOP = """\
# a scripted model, here
model = "scripted"
model_provider = "here"

[model_providers.here]
name = "Here"
wire_api = "responses"
"""
_SERVER = """
[mcp_servers.everything]  # ours
{place}
required = true  # else a turn begins without the tools of what has not started after a second
default_tools_approval_mode = "approve"
"""


class Seen(NamedTuple):
    """What one run of the client printed."""

    said: str
    """Its last words."""
    status: str
    """Of the call of the server's tool; empty where there was none."""
    error: str
    """What it says about the call when it failed on its own side."""


class Codex:
    """The client in a scene, with one server, called ``everything``."""

    def __init__(self, scene: Scene, programs: Programs, program: Path) -> None:
        self._scene, self._programs = scene, programs
        self.program = (programs.node, program)
        self.config = scene.home / ".codex" / "config.toml"
        self.config.parent.mkdir()

    def starts(self, make: str, *more: str) -> None:
        """Write a config that starts a server of this make, with more lines in its table."""
        entry = self._scene.entry(self._programs, make)
        self._write(entry, *more)

    def reaches(self, url: str, *more: str) -> None:
        """Write a config with a server at this address, with more lines in its table."""
        self._write({"url": url}, *more)

    def _write(self, place: dict[str, Any], *more: str) -> None:
        lines = []
        for key, value in place.items():
            written = tomlkit.inline_table().add(key, value).as_string()
            lines.append(written.removeprefix("{").removesuffix("}"))
        self.config.write_text(_TOP + _SERVER.format(place="\n".join(lines)) + "".join(f"{line}\n" for line in more))

    def command(self, endpoint: Endpoint) -> tuple[str | Path, ...]:
        """The command line of a turn with this model."""
        provider = f"model_providers.here.base_url={json.dumps(endpoint.url + '/v1')}"
        return (*self.program, "exec", "--json", "--strict-config", "--skip-git-repo-check", "-c", provider, "Do it.")

    def calling(self, tool: str, arguments: dict[str, Any]) -> Endpoint:
        """A model that calls a tool of the server."""
        return Endpoint(Responses(), f"mcp__everything.{tool.replace('-', '_')}", arguments)

    async def asks(self, tool: str, arguments: dict[str, Any], **env: str) -> Seen:
        """Let its model call a tool of the server."""
        async with self.calling(tool, arguments) as endpoint:
            ran = await self._scene.run(*self.command(endpoint), **env)
        assert ran.code == 0, ran.err + ran.out
        items = [line["item"] for line in map(json.loads, ran.out.splitlines()) if line["type"] == "item.completed"]
        (said,) = [item["text"] for item in items if item["type"] == "agent_message"]
        calls = [item for item in items if item["type"] == "mcp_tool_call"]
        call = calls[-1] if calls else {}
        return Seen(said, call.get("status", ""), (call.get("error") or {}).get("message", ""))
