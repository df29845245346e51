"""A client's config, whoever's it is: told apart by what stands in it."""

from __future__ import annotations

from pathlib import Path
from typing import TypeAlias

from upcall.errors import ConfigurationError
from upcall.gateway.clients._json_file import JsonFile
from upcall.gateway.clients._jsonc import NotJson
from upcall.gateway.clients._toml_file import NotToml, TomlFile

__all__ = ["Config", "opened"]

Config: TypeAlias = JsonFile | TomlFile

_LOOKED_FOR = (
    "Looked for `mcpServers` (Claude Code, Claude Desktop, Cursor, Gemini CLI), `servers` (VS Code), both in JSON, "
    "and `[mcp_servers.NAME]` in TOML (Codex)."
)


def opened(text: str, path: Path) -> Config:
    """The config in ``text``; ``path`` is for messages, and decides where the text alone does not.

    Raises:
        ConfigurationError: It cannot be read, or has no servers in any form that is known.
    """
    toml = path.suffix == ".toml" or not text.lstrip("\ufeff \t\r\n").startswith(("{", "/"))
    config: Config
    try:
        config = TomlFile(text) if toml else JsonFile(text, gemini=path.parent.name == ".gemini")
    except (NotToml, NotJson) as error:
        kind = "TOML" if toml else "JSON"
        raise ConfigurationError(f"{path} cannot be read as {kind}: {error}", hint="It was not changed.") from None
    if config.client is None:
        raise ConfigurationError(f"{path} names no MCP servers.", hint=_LOOKED_FOR)
    return config
