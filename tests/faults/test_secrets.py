"""Keys of the environment, of addresses, and in what providers say: nobody but the provider gets to see them."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import anyio
import pytest

from tests.models.facade import Facade, Misbehave, Reply
from tests.models.providers import PROVIDERS, Provider, ask
from upcall.errors import ModelError

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
PREFIXES = ("anthropic", "openai", "openai-responses", "google")
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
            "OPENAI_API_KEY": ODD if "odd" in step else KEY,
            "OPENAI_BASE_URL": f"{facade.url}/v1",
            "GITHUB_TOKEN": OTHER,
            "PROVIDER": "openai/m" if step != "errs" else f"openai/m@http://user:{PASSWORD}@{host}/v1",
        }
        seen = await _everything_to_see(folder, environment)
        sent = repr(facade.seen)
    assert (b"Rayleigh." in seen) == (step == "answers")
    if step != "errs":
        assert environment["OPENAI_API_KEY"] in sent, "the provider itself gets its key"
    for secret in (KEY, PASSWORD, OTHER, ODD):
        assert secret.encode() not in seen


async def _everything_to_see(folder: Path, environment: dict[str, str]) -> bytes:
    """What a host that is asked once leaves behind: its output, its log, its record."""
    command = [sys.executable, "-m", "tests.faults.host_process", str(folder / "upcall.db"), "nowhere"]
    environment = {**os.environ, **environment}
    with anyio.fail_after(30):
        done = await anyio.run_process(
            command, env=environment, cwd=ROOT, check=False, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
    assert done.returncode == 0, done.stderr.decode()
    kept = _contents(folder)
    assert b"Why?" in kept, "there is a record"
    return kept + done.stdout + done.stderr


def _contents(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.iterdir())


@pytest.mark.parametrize(
    ("provider", "prefix"),
    [
        pytest.param(one, each, marks=[] if each == "anthropic" else [pytest.mark.slow])
        for one, each in zip(PROVIDERS, PREFIXES, strict=True)
        if each != "openai"
    ],
)
async def test_keys_of_every_provider_stay_where_they_are(tmp_path: Path, provider: Provider, prefix: str) -> None:
    words = f"The key {KEY} with {PASSWORD} is not valid: {OTHER}."
    async with Facade(*[Reply(500, provider.error(words))] * 5) as facade:
        path = "/v1" if "openai" in prefix else ""
        address = f"{facade.url}{path}?code={PASSWORD}"
        environment = {"GITHUB_TOKEN": OTHER, "PROVIDER": f"{prefix}/m"}
        for name, url in (("ANTHROPIC", "ANTHROPIC"), ("OPENAI", "OPENAI"), ("GEMINI", "GOOGLE_GEMINI")):
            environment |= {f"{name}_API_KEY": KEY, f"{url}_BASE_URL": address}
        seen = await _everything_to_see(tmp_path, environment)
        assert KEY in repr(facade.seen), "the provider itself gets its key"
        assert PASSWORD in facade.seen[0].target
    for secret in (KEY, PASSWORD, OTHER):
        assert secret.encode() not in seen


@pytest.mark.parametrize("code", [0, 1])
async def test_a_program_gets_no_key_that_it_could_tell(tmp_path: Path, code: int) -> None:
    stream = "stderr" if code else "stdout"
    script = f"import os, sys; print('SAID', dict(os.environ), file=sys.{stream}); sys.exit({code})"
    policy = f"\n[command.teller]\nargv = {json.dumps([sys.executable, '-c', script])}\n"
    names = ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GEMINI_API_KEY", "GOOGLE_API_KEY", "OPENAI_BASE_URL", "MY_OWN")
    planted = dict.fromkeys(names, f"https://user:{PASSWORD}@models.example/{KEY}")
    environment = {**planted, "GITHUB_TOKEN": OTHER, "PROVIDER": "command/teller", "POLICY": policy}
    seen = await _everything_to_see(tmp_path, environment)
    assert b"SAID {" in seen, "it has told what it knows"
    for secret in (KEY, PASSWORD, OTHER):
        assert secret.encode() not in seen


@pytest.mark.parametrize("provider", PROVIDERS, ids=lambda provider: type(provider).__name__)
async def test_no_library_logs_what_the_address_of_a_provider_holds(
    provider: Provider, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    said = provider.error(f"{KEY} {PASSWORD} {ODD} is no good.")
    steps = (
        provider.answer(),
        Reply(500, said),
        Reply(429, said),
        Misbehave.DROP,
        Reply(200, f"<{KEY}{PASSWORD}{ODD}>"),
    )
    told = ""
    async with Facade(*steps) as facade:
        address = facade.url.replace("http://", f"http://me:{PASSWORD}@")
        model = type(provider.model("http://localhost"))("m", base_url=f"{address}?code={ODD}", api_key=KEY)
        for _ in steps:
            try:
                await model.complete(ask())
            except ModelError as error:
                told += f"{error!r} {error} {error.hint} {error.detail} {error.__cause__!r}"
        await model.aclose()
        assert len(facade.seen) == len(steps)
        assert all(ODD in seen.target for seen in facade.seen)
    assert "127.0.0.1" in caplog.text, "the libraries do write logs"
    for secret in (KEY, PASSWORD, ODD):
        assert secret not in told + repr(model) + model.name
        assert secret not in caplog.text


@pytest.mark.parametrize("provider", PROVIDERS, ids=lambda provider: type(provider).__name__)
async def test_a_redirect_takes_the_query_to_no_other_place(provider: Provider) -> None:
    async with Facade(provider.answer()) as elsewhere:
        moved = Reply(307, "", {"Location": f"{elsewhere.url}/there"})
        async with Facade(moved) as facade:
            model = type(provider.model("http://localhost"))("m", base_url=f"{facade.url}?code={ODD}", api_key=KEY)
            with suppress(ModelError):
                await model.complete(ask())
            await model.aclose()
            assert ODD in facade.seen[0].target
        assert ODD not in repr(elsewhere.seen)
        assert all(KEY not in repr(seen) for seen in elsewhere.seen)
