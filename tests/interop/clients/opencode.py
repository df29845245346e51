"""opencode: how it is configured and run here."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

from tests.interop.clients.apps import App
from tests.interop.clients.chat_completions import ChatCompletions
from tests.interop.clients.endpoint import Endpoint
from tests.interop.clients.places import Scene

__all__ = ["APP", "Opencode", "Seen"]

APP = App(
    "opencode",
    "1.18.33",
    {
        ("linux", "x86_64"): ("opencode-linux-x64", "bin/opencode"),
        ("linux", "aarch64"): ("opencode-linux-arm64", "bin/opencode"),
        ("darwin", "x86_64"): ("opencode-darwin-x64-baseline", "bin/opencode"),
        ("darwin", "arm64"): ("opencode-darwin-arm64", "bin/opencode"),
    },
)
_ENV = {
    "OPENCODE_DISABLE_AUTOUPDATE": "1",
    "OPENCODE_DISABLE_MODELS_FETCH": "1",
    "OPENCODE_DISABLE_LSP_DOWNLOAD": "1",
    "OPENCODE_DISABLE_DEFAULT_PLUGINS": "1",
}


class Seen(NamedTuple):
    """What one run of the client printed."""

    said: str
    """Its last words."""
    status: str
    """Of the call of the server's tool; empty where there was none."""
    error: str
    """What it says about a call that failed."""


class Opencode:
    """The client in a scene, with one server, called ``logs``."""

    def __init__(self, scene: Scene, program: Path) -> None:
        self._scene, self._program = scene, program
        self.config = scene.project / "opencode.json"
        self._server: dict[str, Any] = {}

    def starts(self, *command: str, **env: str) -> None:
        """Have it start a server."""
        self._server = {"type": "local", "command": list(command), "environment": env, "timeout": 60_000}

    def reaches(self, url: str, **headers: str) -> None:
        """Have it connect to a server."""
        self._server = {"type": "remote", "url": url, "headers": headers, "oauth": False, "timeout": 60_000}

    async def asks(self, tool: str, arguments: dict[str, Any], **env: str) -> Seen:
        """Let its model call a tool of the server."""
        async with Endpoint(ChatCompletions(), f"logs_{tool}", arguments) as endpoint:
            self._write(endpoint)
            ended = await self._scene.run(self._program, "run", "--format", "json", "--auto", "Do it.", **_ENV, **env)
        assert ended.code == 0, ended.err + ended.out
        lines = [json.loads(line) for line in ended.out.splitlines()]
        states = [line["part"]["state"] for line in lines if line["type"] == "tool_use"]
        state = states[-1] if states else {}
        said = [line["part"]["text"] for line in lines if line["type"] == "text"]
        return Seen(said[-1], state.get("status", ""), state.get("error", ""))

    def _write(self, endpoint: Endpoint) -> None:
        provider = {
            "npm": "@ai-sdk/openai-compatible",
            "options": {"baseURL": f"{endpoint.url}/v1", "apiKey": "none"},
            "models": {"scripted": {"tool_call": True}},
        }
        config = {
            "autoupdate": False,
            "share": "disabled",
            "model": "here/scripted",
            "small_model": "here/scripted",
            "provider": {"here": provider},
            "mcp": {"logs": self._server},
        }
        self.config.write_text(json.dumps(config))
