"""What the diff does not show."""

from __future__ import annotations

from pathlib import Path

import pytest

from upcall.gateway.clients import Gateway, wrapped

SECRETS = ("s3cr3t-1", "s3cr3t-2", "s3cr3t-3", "s3cr3t-4", "s3cr3t-5", "s3cr3t-6", "s3cr3t-7", "sk-abcdefgh12345678")
JSON = """{
  "oauthToken": "s3cr3t-1",
  "mcpServers": {
    "a": {
      "command": "x", // "API_KEY": "s3cr3t-2"
      "args": ["--token", "s3cr3t-3", "--api-key=s3cr3t-4", "KEEP=1", "sk-abcdefgh12345678"],
      "env": {"ANY": "s3cr3t-5", "REF": "${env:REF}"}
    },
    "b": {"url": "https://b.example", "headers": {"X-A": "s3cr3t-6", "X-B": "Bearer ${B}"}},
    "c": {"url": "https://me:s3cr3t-7@c.example"}
  }
}"""
TOML = """
oauth_token = "s3cr3t-1"
# api_key = "s3cr3t-2"
[mcp_servers.a]
command = "x"
args = ["--token", "s3cr3t-3", "--api-key=s3cr3t-4", "KEEP=1", "sk-abcdefgh12345678"]
[mcp_servers.a.env]
ANY = "s3cr3t-5"
REF = "${env:REF}"
[mcp_servers.b]
url = "https://b.example"
http_headers = { X-A = "s3cr3t-6", X-B = "Bearer ${B}" }
[mcp_servers.c]
url = "https://me:s3cr3t-7@c.example"
"""


@pytest.mark.parametrize(("text", "file"), [(JSON, "mcp.json"), (TOML, "config.toml")])
def test_secrets_are_masked_before_and_after_and_names_of_variables_are_not(text: str, file: str) -> None:
    change = wrapped(text, Path(file), Gateway(("/bin/upcall",)))
    assert len(change.changed) == 2
    for shown in change.texts(secrets=False):
        assert [secret for secret in SECRETS if secret in shown] == []
        assert "${env:REF}" in shown
        assert "Bearer ${B}" in shown
        assert "KEEP=1" in shown
        assert "https://b.example" in shown
    before, after = change.texts(secrets=True)
    assert (before, after) == (text, change.after.text)
    assert all(secret in after for secret in SECRETS)
