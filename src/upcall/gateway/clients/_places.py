"""Where the clients keep their config files, on each system and in a project."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

__all__ = ["known_places"]


def known_places(
    *, home: Path | None = None, project: Path | None = None, env: Mapping[str, str] | None = None, system: str = ""
) -> list[tuple[str, Path]]:
    """Each client's name with a place of its config, whether there is a file or not; the project's first.

    Args:
        home: The user's home; the real one by default.
        project: The project's folder; the current directory by default.
        env: Environment variables; the process's own by default.
        system: ``linux``, ``darwin`` or ``win32``; this machine's by default.
    """
    home, project = home or Path.home(), project or Path.cwd()
    env = os.environ if env is None else env
    system = system or sys.platform
    if system == "win32":
        data = Path(env.get("APPDATA") or home / "AppData" / "Roaming")
    elif system == "darwin":
        data = home / "Library" / "Application Support"
    else:
        data = Path(env.get("XDG_CONFIG_HOME") or home / ".config")
    codex = Path(env.get("CODEX_HOME") or home / ".codex")
    gemini = Path(env.get("GEMINI_CLI_HOME") or home)
    return [
        ("Claude Code", project / ".mcp.json"),
        ("VS Code", project / ".vscode" / "mcp.json"),
        ("Cursor", project / ".cursor" / "mcp.json"),
        ("Codex", project / ".codex" / "config.toml"),
        ("Gemini CLI", project / ".gemini" / "settings.json"),
        ("Claude Code", home / ".claude.json"),
        ("Claude Desktop", data / "Claude" / "claude_desktop_config.json"),
        ("VS Code", data / "Code" / "User" / "mcp.json"),
        ("Cursor", home / ".cursor" / "mcp.json"),
        ("Codex", codex / "config.toml"),
        ("Gemini CLI", gemini / ".gemini" / "settings.json"),
    ]
