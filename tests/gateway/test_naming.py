"""What a server is called when nobody said."""

from __future__ import annotations

import pytest

from upcall.gateway.naming import name_of_command, name_of_url

COMMANDS = {
    "npx -y @modelcontextprotocol/server-everything@1.2": "server-everything",
    "npx --package @org/kit@2 kit-server": "kit-server",
    "cmd /c npx -y foo@latest": "foo",
    "pnpm dlx @org/thing": "thing",
    "bun run ./weather.ts": "weather",
    "bunx thing@1": "thing",
    "deno run -A ./x.ts": "x",
    "node /srv/files/dist/index.js": "files",
    "uvx mcp-server-git --repository x": "mcp-server-git",
    "uvx --from foo[bar] foo-cli": "foo-cli",
    "uvx mcp-server-time==1.0": "mcp-server-time",
    "env A=1 B=2 uvx git+https://github.com/o/r.git": "r",
    "uv --directory /a/weather run weather.py": "weather",
    "uv run python -m mcp_server_time": "mcp_server_time",
    "uv tool run thing@2": "thing",
    "python -m mcp_server_time": "mcp_server_time",
    "python3.11 /home/me/weather/server.py": "weather",
    "python -u x.py --y": "x",
    "python server.py": "server",
    "python -c print()": "python",
    "docker run -i --rm -e TOKEN ghcr.io/github/github-mcp-server:latest stdio": "github-mcp-server",
    "./bin/thing.sh": "thing",
    "C:\\tools\\thing.exe a": "thing",
    "odd&name": "odd-name",
    "...": "server",
}


@pytest.mark.parametrize(("command", "name"), COMMANDS.items())
def test_a_command_is_called_by_what_it_runs(command: str, name: str) -> None:
    assert name_of_command(command.split()) == name


def test_a_runner_without_anything_to_run_is_called_by_itself() -> None:
    for runner in ("npx", "uvx", "uv", "docker", "env", "node", "python"):
        assert name_of_command([runner]) == runner


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://mcp.example.com:8443/a/mcp?key=1", "mcp.example.com"),
        ("http://user:secret@localhost:3000/mcp", "localhost"),
        ("http://[::1", "server"),
        ("", "server"),
    ],
)
def test_an_address_is_called_by_its_host(url: str, name: str) -> None:
    assert name_of_url(url) == name
