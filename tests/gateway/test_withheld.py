"""What `upcall doctor` says about variables that a client keeps from the gateway."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from upcall.gateway.examining import Finding, targets_in
from upcall.gateway.examining._withheld import withheld

KEY, MODEL = "ANTHROPIC_API_KEY", "anthropic/claude-sonnet-5"
WRAPPED = {"command": "upcall", "args": ["gateway", "--name", "a", "--", "server"]}


def found(tmp_path: Path, file: str, model: str, *, set_here: tuple[str, ...], **more: Any) -> list[Finding]:
    path = tmp_path / file
    path.parent.mkdir(exist_ok=True)
    if path.suffix == ".toml":
        lines = "".join(f"{key} = {json.dumps(value)}\n" for key, value in (WRAPPED | more).items())
        path.write_text(f"[mcp_servers.a]\n{lines}")
    else:
        path.write_text(json.dumps({"mcpServers": {"a": WRAPPED | more}}))
    env = dict.fromkeys(set_here, "/set/here")
    (target,) = targets_in(path, env)
    return list(withheld(target, model, env))


def test_codex_hands_nothing_on_that_its_entry_does_not_name(tmp_path: Path) -> None:
    (finding,) = found(
        tmp_path, ".codex/config.toml", MODEL, set_here=(KEY, "XDG_CONFIG_HOME", "PATH", "OPENAI_API_KEY")
    )
    assert finding.level == "missing"
    assert finding.text == f"Codex does not hand {KEY}, XDG_CONFIG_HOME on to the gateway, as set here."
    assert finding.remedy == f'In its entry: env_vars = ["{KEY}", "XDG_CONFIG_HOME"]'
    (finding,) = found(tmp_path, ".codex/config.toml", MODEL, set_here=(KEY, "UPCALL_STORE"), env_vars=[KEY])
    assert (finding.level, finding.remedy) == ("note", 'In its entry: env_vars = ["UPCALL_STORE"]')


def test_gemini_cli_withholds_what_looks_like_a_secret(tmp_path: Path) -> None:
    (finding,) = found(tmp_path, ".gemini/settings.json", MODEL, set_here=(KEY, "XDG_CONFIG_HOME", "UPCALL_POLICY"))
    assert finding.remedy == f'In its entry: "env": {{ "{KEY}": "${KEY}" }}'
    assert not found(tmp_path, ".gemini/settings.json", MODEL, set_here=(KEY,), env={KEY: f"${KEY}"})


@pytest.mark.parametrize(
    ("file", "model"),
    [
        (".codex/config.toml", "local/smollm2"),
        (".codex/config.toml", "openai/any@http://127.0.0.1:1/v1"),
        (".codex/config.toml", "command/echo"),
        (".codex/config.toml", "no such model"),
        (".codex/config.toml", ""),
        (".mcp.json", MODEL),
    ],
)
def test_nothing_is_said_where_nothing_is_missed(tmp_path: Path, file: str, model: str) -> None:
    assert not found(tmp_path, file, model, set_here=(KEY, "OPENAI_API_KEY", "PATH"))
