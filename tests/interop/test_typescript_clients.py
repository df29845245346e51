"""Clients of the TypeScript SDKs, versions 1 and 2, call a server whose tools sample mid-way."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.conformance.npm import ROOT, Programs
from tests.conformance.scenarios import LEGACY, MODERN

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

_HERE = Path(__file__).parent
_CALL_SECONDS = 60

Call = Callable[..., dict[str, Any]]


@pytest.fixture(params=["v1-legacy", "v2-legacy", f"v2-{MODERN}"])
def client(request: pytest.FixtureRequest) -> tuple[str, str]:
    """The SDK's major version, and the era that it speaks."""
    sdk, _, era = request.param.partition("-")
    return sdk, era


@pytest.fixture(params=["stdio", "http"])
def target(request: pytest.FixtureRequest) -> dict[str, Any]:
    """How a client reaches the server."""
    if request.param == "http":
        return {"url": request.getfixturevalue("http_server")}
    return {"command": sys.executable, "args": ["-m", "tests.interop.server"], "cwd": str(ROOT)}


@pytest.fixture
def call(programs: Programs, client: tuple[str, str], target: dict[str, Any]) -> Call:
    """Calls a tool with one of the clients, and gives what `call.mjs` prints."""
    sdk, era = client

    def run(name: str, sampling: dict[str, Any] | None, **arguments: Any) -> dict[str, Any]:
        request = {
            "name": name,
            "arguments": {"call": uuid4().hex, **arguments},
            "capabilities": {} if sampling is None else {"sampling": sampling},
            "era": era,
        }
        # Read from standard input, a module finds packages from the working directory on.
        ended = subprocess.run(
            [programs.node, "--input-type=module", "-", json.dumps(target), json.dumps(request)],
            input=(_HERE / "call.mjs").read_text() + (_HERE / f"{sdk}_client.mjs").read_text(),
            cwd=programs.modules.parent,
            check=False,
            capture_output=True,
            text=True,
            timeout=_CALL_SECONDS,
        )
        assert ended.returncode == 0, ended.stderr
        printed: dict[str, Any] = json.loads(ended.stdout)
        assert printed["version"] == (MODERN if era == MODERN else LEGACY)
        return printed

    return run


def said(printed: dict[str, Any]) -> str:
    result = printed["result"]
    assert result["isError"] is False, result
    return str(result["content"][0]["text"])


def test_samples_at_once_and_in_a_row_reach_the_client_and_the_body_runs_once(call: Call) -> None:
    printed = call("archive", {}, lines=["INFO up", "ERROR disk", "ERROR net"])
    assert said(printed) == "run 1: <Sum up: <Explain ERROR disk>; <Explain ERROR net>>"
    questions = [asked["messages"][0]["content"]["text"] for asked in printed["asked"]]
    assert sorted(questions[:2]) == ["Explain ERROR disk", "Explain ERROR net"]
    assert questions[2:] == ["Sum up: <Explain ERROR disk>; <Explain ERROR net>"]


def test_the_clients_model_uses_a_tool_of_the_server(call: Call) -> None:
    printed = call("weigh", {"tools": {}}, amounts=[3, 4, 5])
    assert said(printed) == "run 1: It is 12."
    first, second = printed["asked"]
    assert [tool["name"] for tool in first["tools"]] == ["add"]
    assert [message["role"] for message in second["messages"]] == ["user", "assistant", "user"]


def test_a_client_that_declares_no_sampling_is_told_what_to_do(call: Call, client: tuple[str, str]) -> None:
    printed = call("archive", None, lines=["ERROR disk"])
    if client[1] == MODERN:
        assert printed["error"]["code"] == -32021
        assert printed["error"]["data"] == {"requiredCapabilities": {"sampling": {}}}
        text = printed["error"]["message"]
    else:
        assert printed["result"]["isError"] is True
        text = printed["result"]["content"][0]["text"]
    assert "Use a client that samples" in text
    assert printed["asked"] == []
