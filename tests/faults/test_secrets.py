"""Keys of the environment, of addresses, and in what providers say: nobody but the provider gets to see them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import anyio
import pytest

from tests.models.facade import Facade, Reply

pytestmark = pytest.mark.anyio

KEY = "sk-proj-4fT9kQz2LmW8vXbN7cRd"
PASSWORD = "Vq8-hunter-2xT7"
OTHER = "ghp_Zk9qLw3vTn8yRb2mXc7dAbCdEf1234567890"
ODD = "plainwordsthatarenokeyofanyknownform"
ROOT = Path(__file__).parents[2]

GOOD = {
    "id": "1",
    "object": "chat.completion",
    "created": 1,
    "model": "m",
    "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Rayleigh."}}],
    "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
}
SAID = {"error": {"message": f"The key {KEY} of user {OTHER} is not valid.", "type": "invalid"}}
STEPS: dict[str, dict[str, Any] | Reply] = {
    "answers": GOOD,
    "refuses the key": Reply(401, SAID),
    "rejects it": Reply(400, SAID),
    "errs": Reply(500, SAID),
    "quotes an odd key": Reply(401, {"error": {"message": f"{ODD} is no key. Authorization: Bearer {ODD}"}}),
}


@pytest.mark.parametrize("step", STEPS)
async def test_planted_secrets_are_in_no_log_no_record_and_nothing_that_a_server_gets(
    tmp_path: Path, step: str
) -> None:
    folder = tmp_path / "record"
    folder.mkdir()
    async with Facade(*[STEPS[step]] * 5) as facade:
        host = facade.url.removeprefix("http://")
        environment = {
            **os.environ,
            "OPENAI_API_KEY": ODD if "odd" in step else KEY,
            "OPENAI_BASE_URL": f"{facade.url}/v1",
            "GITHUB_TOKEN": OTHER,
            "PROVIDER": "openai/m" if step != "errs" else f"openai/m@http://user:{PASSWORD}@{host}/v1",
        }
        command = [sys.executable, "-m", "tests.faults.host_process", str(folder / "upcall.db"), "nowhere"]
        with anyio.fail_after(30):
            done = await anyio.run_process(
                command, env=environment, cwd=ROOT, check=False, stdout=subprocess.PIPE, stderr=subprocess.PIPE
            )
        sent = repr(facade.seen)
    assert done.returncode == 0, done.stderr.decode()
    assert (b"Rayleigh." in done.stdout) == (step == "answers")
    if step != "errs":
        assert environment["OPENAI_API_KEY"] in sent, "the provider itself gets its key"
    kept = b"".join(path.read_bytes() for path in folder.iterdir())
    assert b"Why?" in kept, "there is a record"
    for secret in (KEY, PASSWORD, OTHER, ODD):
        assert secret.encode() not in kept
        assert secret.encode() not in done.stdout
        assert secret.encode() not in done.stderr
