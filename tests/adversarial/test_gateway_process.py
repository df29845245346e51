"""What a hostile server's own process can get of the gateway that started it, and what it can put on a terminal."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import aiohttp
import anyio
import pytest

from tests.cli.commands import UPCALL, environment
from tests.gateway.session.talk import call, initialize, written
from tests.waiting import until
from upcall.cli._log_lines import LogLines
from upcall.gateway.frames import members
from upcall.gateway.sealing import Sealer
from upcall.gateway.session._sealed import Kept, digest_of, kept_to

pytestmark = pytest.mark.anyio

KEY = "5a" * 32
POLICY = '[default]\ndecision = "allow"\n[gateway]\nstate_key_env = "STATE_KEY"\n'


async def begin(http: aiohttp.ClientSession, url: str) -> None:
    async with http.post(url, data=written(initialize())):
        pass


async def test_a_server_that_is_served_over_http_gets_no_secret_of_the_gateway(tmp_path: Path) -> None:
    policy, seen = tmp_path / "upcall.toml", tmp_path / "seen"
    policy.write_text(POLICY)
    secrets = {"STATE_KEY": KEY, "CLIENT_TOKEN": "a-token-of-some-length"}
    server = ["sh", "-c", f"env > {seen}.part; mv {seen}.part {seen}; exec cat > /dev/null"]
    options = ["--policy", str(policy), "--listen", "127.0.0.1:0", "--token-env", "CLIENT_TOKEN"]
    command = [*UPCALL, "gateway", *options, "--", *server]
    async with await anyio.open_process(command, env=environment(**secrets, OTHER="x"), stdout=None) as gateway:
        assert gateway.stderr is not None
        said = ""
        with anyio.fail_after(20):
            while "/mcp" not in said:
                said += (await gateway.stderr.receive()).decode()
        url = said.rpartition("serving ")[2].split()[0]
        headers = {"Authorization": f"Bearer {secrets['CLIENT_TOKEN']}", "Content-Type": "application/json"}
        async with aiohttp.ClientSession(headers=headers) as http:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(begin, http, url)
                await until(seen.exists, 20)
                tasks.cancel_scope.cancel()
        gateway.terminate()
        await gateway.wait()
    got = dict(line.partition("=")[::2] for line in seen.read_text().splitlines())
    assert got["OTHER"] == "x"
    assert not secrets.keys() & got.keys()


async def test_a_key_in_the_environment_that_a_child_has_too_opens_nothing(tmp_path: Path) -> None:
    policy = tmp_path / "upcall.toml"
    policy.write_text(POLICY)
    request = call(1)
    binding: dict[str, Any] = {
        "principal": "",
        "method": "tools/call",
        "digest": digest_of(members(written(request["params"])) or {}),
    }
    forged = Sealer([bytes.fromhex(KEY)], "it").seal(kept_to(Kept(call="c", round=1)), now=4e9, **binding)
    request["params"]["requestState"] = forged
    command = [*UPCALL, "gateway", "--name", "it", "--policy", str(policy), "--", "cat"]
    ended = await anyio.run_process(command, input=written(request) + b"\n", env=environment(STATE_KEY=KEY))
    assert (
        json.loads(ended.stdout.splitlines()[0])["params"]["requestState"] == forged
    )  # somebody else's state, passed on as it is


def test_a_log_line_is_one_line_and_shows_what_would_move_the_cursor() -> None:
    lines = LogLines("upcall gateway: %(message)s")
    said = ("\x1b]0;owned\x07\nupcall gateway: all is well\r\u202e",)
    record = logging.LogRecord("upcall.gateway", logging.WARNING, "", 0, "The server said: %s", said, None)
    text = lines.format(record)
    assert "\n" not in text
    assert not any(character in text for character in "\x1b\x07\r\u202e")
    assert "owned" in text
