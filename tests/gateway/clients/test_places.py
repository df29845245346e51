"""Where the clients keep their files, on each system."""

from __future__ import annotations

from pathlib import Path

import pytest

from upcall.gateway.clients import known_places


@pytest.mark.parametrize(
    ("system", "env", "desktop", "codex"),
    [
        ("linux", {}, "/h/.config/Claude", "/h/.codex"),
        ("linux", {"XDG_CONFIG_HOME": "/c", "CODEX_HOME": "/x", "GEMINI_CLI_HOME": "/g"}, "/c/Claude", "/x"),
        ("darwin", {}, "/h/Library/Application Support/Claude", "/h/.codex"),
        ("win32", {"APPDATA": "/roaming"}, "/roaming/Claude", "/h/.codex"),
    ],
)
def test_each_system_has_its_own_folder_for_settings(
    system: str, env: dict[str, str], desktop: str, codex: str
) -> None:
    places = known_places(home=Path("/h"), project=Path("/p"), env=env, system=system)
    assert ("Claude Desktop", Path(desktop) / "claude_desktop_config.json") in places
    assert ("Codex", Path(codex) / "config.toml") in places
    assert ("Gemini CLI", Path(env.get("GEMINI_CLI_HOME", "/h")) / ".gemini" / "settings.json") in places
    assert ("VS Code", Path("/p/.vscode/mcp.json")) in places
    assert ("Claude Code", Path("/h/.claude.json")) in places
