"""Which file is which, what in it stays as it is, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from upcall.errors import ConfigurationError
from upcall.gateway.clients import Gateway, opened, unwrapped, wrapped

GATEWAY = Gateway(("/bin/upcall",))


def reasons(entry: Any) -> str:
    change = wrapped(json.dumps({"mcpServers": {"a": entry}}), Path("mcp.json"), GATEWAY)
    assert change.changed == ()
    return change.remarks[0][1]


@pytest.mark.parametrize(
    ("text", "file", "client"),
    [
        ('{"mcpServers": {}}', "x", "mcpServers"),
        ('\ufeff// hello\n{"servers": {}}', "x.txt", "VS Code"),
        ('{"mcp": {"servers": {}}}', "settings.json", "VS Code"),
        ('{"mcpServers": {"a": {"httpUrl": "https://a.example"}}}', "x.json", "Gemini CLI"),
        ("[mcp_servers.a]\n", "x", "Codex"),
    ],
)
def test_a_file_is_known_by_what_stands_in_it(text: str, file: str, client: str) -> None:
    assert opened(text, Path(file)).client == client


def test_projects_in_claude_codes_own_file_have_servers_too() -> None:
    text = '{"projects": {"/p": {"mcpServers": {"a": {"command": "x"}}}}, "mcpServers": {"a": {"command": "y"}}}'
    change = wrapped(text, Path(".claude.json"), GATEWAY)
    assert set(change.changed) == {("projects", "/p", "mcpServers", "a"), ("mcpServers", "a")}
    assert unwrapped(change.after.text, Path(".claude.json"), []).after.text == text


@pytest.mark.parametrize(
    ("text", "file", "message"),
    [
        ("{}", "a.json", "a.json names no MCP servers."),
        ('{"servers": [1]}', "a.json", "a.json names no MCP servers."),
        ("x = 1", "a.toml", "a.toml names no MCP servers."),
        ("{,}", "a.json", "a.json cannot be read as JSON: A key in double quotes is missing in line 1, column 2."),
        ("x = ", "a.toml", "a.toml cannot be read as TOML: "),
        ("", "a.json", "a.json names no MCP servers."),
        ("hello", "a.json", "a.json cannot be read as TOML: "),
    ],
)
def test_anything_else_is_refused_with_what_was_looked_for(text: str, file: str, message: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        wrapped(text, Path(file), GATEWAY)
    assert caught.value.message.startswith(message)
    assert "mcp_servers" in caught.value.hint or caught.value.hint == "It was not changed."


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ({"type": "sse", "url": "https://a.example"}, "SSE"),
        ({"url": "https://a.example/sse"}, "SSE"),
        ({"url": "https://me:pw@a.example"}, "holds a secret"),
        ({"url": "https://a.example/?api_key=1"}, "holds a secret"),
        ({"url": "https://a.example", "oauth": {"clientId": "x"}}, "signs in"),
        ({"url": "https://a.example", "headersHelper": "x"}, "only the client runs"),
        ({"url": "https://a.example", "headers": {"A": 1}}, "headers"),
        ({"url": "https://a.example", "headers": {"A": "x\ny"}}, "headers"),
        ({"url": "https://[a"}, "cannot be read"),
        ({"url": "unix:///s"}, "not one of HTTP"),
        ({"url": "https://a.example", "type": "ws"}, "'ws'"),
        ({"url": "https://a.example", "command": "x"}, "either"),
        ({"command": "x", "args": "y"}, "arguments"),
        ({"command": ["x"]}, "command"),
        ({"command": "x", "type": "http"}, "'http'"),
        ({}, "either"),
        (3, "no table"),
    ],
)
def test_an_entry_that_cannot_be_wrapped_stays_and_says_why(entry: Any, reason: str) -> None:
    assert reason in reasons(entry)


@pytest.mark.parametrize("file", ["mcp.json", ".gemini/settings.json"])
def test_an_address_without_a_type_is_streamable_http(file: str) -> None:
    assert wrapped('{"mcpServers": {"a": {"url": "https://a.example"}}}', Path(file), GATEWAY).changed


def test_no_header_lands_in_the_arguments() -> None:
    entry = {"url": "https://a.example", "headers": {"Authorization": "Bearer s3cr3t"}, "env": {"UPCALL_HEADER_1": "x"}}
    change = wrapped(json.dumps({"mcpServers": {"a": entry}}), Path("mcp.json"), GATEWAY)
    now = json.loads(change.after.text)["mcpServers"]["a"]
    assert "s3cr3t" not in " ".join(now["args"])
    assert now["args"][-1] == "UPCALL_HEADER_2"
    assert now["env"] == {"UPCALL_HEADER_1": "x", "UPCALL_HEADER_2": "Authorization: Bearer s3cr3t"}
    assert "headers" not in now
