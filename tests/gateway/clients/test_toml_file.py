"""Codex's config: comments and formatting stay, and what comes back is what was there."""

from __future__ import annotations

from pathlib import Path

import pytest
import tomlkit

from upcall.errors import ConfigurationError
from upcall.gateway.clients import Gateway, Layer, unwrapped, wrapped

FILE = Path("config.toml")
GATEWAY = Gateway(("/bin/upcall",))
CONFIG = """\
# mine
model = "o4"   # best

[mcp_servers.logs]  # the logs
command = "npx"   # node
args = [
  # quiet
  "-y",
  "logs-server", # ours
]

[mcp_servers.logs.env]
API_KEY = "abc" # key

[mcp_servers."a b"]
command = 'uv'

[mcp_servers.remote]
url = "https://a.example/mcp"  # there
type = "streamable-http"
enabled = false

[mcp_servers.remote.http_headers]
X-Key = "abc"

[mcp_servers.token]
url = "https://b.example/mcp"
bearer_token_env_var = "TOKEN"

[other]
a = 1
"""


def layer(text: str) -> tuple[Layer, str]:
    change = wrapped(text, FILE, GATEWAY)
    return Layer(text, change.after.text, list(change.changed)), change.after.text


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_it_becomes_what_the_gateway_needs_with_every_comment(newline: str) -> None:
    text = CONFIG.replace("\n", newline)
    change = wrapped(text, FILE, GATEWAY)
    now = change.after.text
    assert change.remarks == (
        ("token", "its token comes from a variable that only the client reads (`bearer_token_env_var`)"),
    )
    servers = tomlkit.parse(now).unwrap()["mcp_servers"]
    assert servers["logs"] == {
        "command": "/bin/upcall",
        "args": ["gateway", "--name", "logs", "--", "npx", "-y", "logs-server"],
        "env": {"API_KEY": "abc"},
    }
    assert servers["a b"] == {"command": "/bin/upcall", "args": ["gateway", "--name", "a b", "--", "uv"]}
    assert servers["remote"] == {
        "command": "/bin/upcall",
        "type": "stdio",
        "enabled": False,
        "args": [
            *("gateway", "--name", "remote", "--upstream", "https://a.example/mcp"),
            *("--header-env", "UPCALL_HEADER_1"),
        ],
        "env": {"UPCALL_HEADER_1": "X-Key: abc"},
    }
    for comment in ("# mine", "# best", "# the logs", "# node", "# quiet", "# ours", "# key", "# there"):
        assert comment in now
    assert wrapped(now, FILE, GATEWAY).changed == ()
    assert now.count("\r\n") == (now.count("\n") if newline == "\r\n" else 0)


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_it_comes_back_byte_for_byte_also_when_something_else_changed(newline: str) -> None:
    text = CONFIG.replace("\n", newline)
    kept, now = layer(text)
    assert unwrapped(now, FILE, [kept]).after.text == text
    edited = now.replace('model = "o4"', 'model = "o5"').replace("a = 1", "a = 2 # two")
    expected = text.replace('model = "o4"', 'model = "o5"').replace("a = 1", "a = 2 # two")
    assert unwrapped(edited, FILE, [kept]).after.text == expected


def test_what_was_forgotten_is_rebuilt() -> None:
    _, now = layer(CONFIG)
    change = unwrapped(now, FILE, [])
    expected = tomlkit.parse(CONFIG).unwrap()
    expected["mcp_servers"]["remote"]["type"] = "http"
    assert tomlkit.parse(change.after.text).unwrap() == expected
    assert [name for name, _ in change.remarks] == ["logs", "a b", "remote"]


@pytest.mark.parametrize(
    "text",
    [
        'mcp_servers = { a = { command = "x", args = ["1"] }, b = { url = "https://b.example" } }\n',
        '[mcp_servers]\na = { command = "x" }\n\n[z]\n',
        '[mcp_servers.a]\ncommand = "x"\n\n[z]\nk = 1\n\n[mcp_servers.b] # b\ncommand = "y"\nargs = ["1" , "2"]\n',
        '[mcp_servers.a]\ncommand = "x"\n  [mcp_servers.b]\nenv.K = "v"\nurl = "https://b.example"\n[z]\n',
    ],
)
def test_other_ways_to_write_the_same_come_back_too(text: str) -> None:
    kept, now = layer(text)
    assert all(entry["command"] == "/bin/upcall" for entry in tomlkit.parse(now).unwrap()["mcp_servers"].values())
    assert unwrapped(now, FILE, [kept]).after.text == text
    assert unwrapped(f"# mine\n{now}", FILE, [kept]).after.text == f"# mine\n{text}"


def test_a_server_written_in_two_places_comes_back_or_is_refused() -> None:
    text = '[mcp_servers.a]\ncommand = "x"\n[z]\nk = 1\n[mcp_servers.a.env]\nK = "v"\n'
    try:
        kept, now = layer(text)
    except ConfigurationError as error:
        assert "was not changed" in error.message  # noqa: PT017 - either is right
        return
    assert tomlkit.parse(now).unwrap()["mcp_servers"]["a"]["env"] == {"K": "v"}
    assert unwrapped(now, FILE, [kept]).after.text == text
