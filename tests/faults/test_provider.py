"""A provider that hangs, drops the connection, errs, talks garbage, or stops in the middle."""

from __future__ import annotations

import logging
from pathlib import Path

import anyio
import pytest

from tests.adversarial.attacker import ERAS, Attacker, scene
from tests.host.governed import ALLOW
from tests.host.servers import create_message
from tests.models.facade import Facade, Misbehave, Reply
from tests.models.providers import PROVIDERS, Provider
from upcall.host.policy import parse_policy

pytestmark = pytest.mark.anyio

for sdk in ("openai", "anthropic", "google.genai"):
    pytest.importorskip(sdk)  # loaded now, so that it takes no request's time

PLANTED = "sk-proj-4fT9kQz2LmW8vXbN7cRd"
PATH = "/home/provider/secret.key"
BUDGET = '[[budget]]\nfor = "server:*"\nper = "day"\ntokens = 100000\ncalls = 100\n'
SAID = {"error": {"message": f"Key {PLANTED} of {PATH} is of no use.", "type": "some_error"}}

OPENAI = PROVIDERS[1]
FAULTS: dict[str, tuple[Reply | Misbehave, str]] = {
    "hang": (Misbehave.HANG, "timed_out"),
    "drop": (Misbehave.DROP, "model_unavailable"),
    "half": (Misbehave.HALF, "model_unavailable"),
    "half a chunk": (Misbehave.CHUNK, "model_unavailable"),
    "half a stream": (Misbehave.STREAM, "model_unavailable"),
    "stall": (Misbehave.STALL, "timed_out"),
    "401": (Reply(401, SAID), "authentication_failed"),
    "429": (Reply(429, SAID, {"Retry-After": "3600"}), "rate_limited"),
    "500": (Reply(500, SAID), "model_unavailable"),
    "garbage": (Reply(200, f"<html>{PLANTED} {PATH}"), ""),
    "other json": (Reply(200, {"secret": PLANTED, "path": PATH}), ""),
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize(
    ("provider", "mode"),
    [(OPENAI, mode) for mode in ERAS] + [(one, ERAS[-1]) for one in PROVIDERS if one is not OPENAI],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
async def test_every_fault_ends_the_call_settles_the_budget_and_gives_nothing_away(
    provider: Provider, mode: str, fault: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "upcall")
    step, outcome = FAULTS[fault]
    attacker = Attacker(create_message())
    async with Facade(*[step] * 5) as facade:
        model = provider.model(facade.url, api_key=PLANTED)
        policy = parse_policy(f'{ALLOW}models = ["{model.name}"]\n{BUDGET}[approval]\nby = "none"\n')
        hangs = outcome == "timed_out"
        timeout = 1.5 if hangs else 15
        async with scene(attacker, "", mode, tmp_path, model=model, policy=policy, timeout=timeout) as attack:
            await attack.attack()
            told = attack.refusal + attacker.seen
            record = await attack.record()
            (spent,) = [one for one in await attack.office.store.spent(["server:logs"]) if one.window == "day"]
            kept = attack.kept()
        if hangs:
            with anyio.fail_after(5):
                await facade.left.wait()
        assert len(facade.seen) >= 1
    assert attacker.texts == []
    assert (record.state, record.model_asked, record.outcome) == ("finished", model.name, outcome or record.outcome)
    assert record.outcome != "answered"
    assert record.error is not None
    assert (spent.reserved.calls, spent.reserved.tokens) == (0, 0)
    assert spent.settled.calls == 1
    assert (spent.settled.tokens == 0) == (fault in ("401", "429", "500")), "only a status says that nothing was paid"
    assert PLANTED not in told + caplog.text
    assert PATH not in told
    assert PLANTED.encode() not in kept


async def test_a_provider_that_is_back_is_used_again(tmp_path: Path) -> None:
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Back."}}
    usage = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
    good = {"id": "1", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice], "usage": usage}
    attacker = Attacker(create_message())
    async with Facade(Misbehave.DROP, Misbehave.HALF, good, good) as facade:
        text = f'{ALLOW}models = ["openai/m@{facade.url}/v1"]\n{BUDGET}[approval]\nby = "none"\n'
        async with scene(attacker, "", "auto", tmp_path, policy=parse_policy(text), timeout=15) as attack:
            await attack.attack()
            record = await attack.record()
    assert attacker.texts == ["Back."]
    assert len(record.attempts) == 2
    assert len(facade.seen) == 3
