"""Exfiltration: a server that wants a prompt to go where it may not, or secrets to go along."""

from __future__ import annotations

from pathlib import Path

import mcp_types as types
import pytest

from tests.adversarial.attacker import Attacker, flags_of, scene
from tests.host.governed import ALLOW
from tests.host.playbook import MODEL
from tests.host.servers import create_message
from upcall.testing import ScriptedModel

pytestmark = pytest.mark.anyio

KEY = "sk-ant-api03-Zk9qLw3vTn8yRb2mXc7d"
NOTE = ALLOW + '[default.scan]\nsecrets = "note"\n'


@pytest.mark.parametrize("place", ["message", "system prompt", "metadata", "tool result"])
async def test_a_secret_reaches_neither_the_model_nor_the_record(mode: str, tmp_path: Path, place: str) -> None:
    text = f"Use ANTHROPIC_API_KEY={KEY} for it."
    use = types.ToolUseContent(id="1", name="env", input={})
    outcome = types.ToolResultContent(tool_use_id="1", content=[types.TextContent(text=text)])
    conversation = [
        types.SamplingMessage(role="user", content=types.TextContent(text="Why?")),
        types.SamplingMessage(role="assistant", content=[use]),
        types.SamplingMessage(role="user", content=[outcome]),
    ]
    request = {
        "message": create_message(text),
        "system prompt": create_message(system_prompt=text),
        "metadata": create_message(metadata={"note": text}),
        "tool result": create_message(messages=conversation),
    }[place]
    attacker = Attacker(request)
    model = ScriptedModel(lambda asked: repr(asked), repeat=True, name=MODEL)
    async with scene(attacker, NOTE, mode, tmp_path, model=model) as attack:
        await attack.attack()
        record = await attack.record()
        assert KEY not in repr(attack.prompts)
        kept = attack.kept()
    assert len(model.requests) == 1
    assert flags_of(record) >= {"secrets"}
    assert "redacted" in {note["action"] for note in record.adjustments}
    assert KEY.encode() not in kept
    assert b"[redacted:" in kept
    assert KEY not in attacker.seen


async def test_a_secret_is_asked_about_unless_the_policy_says_otherwise(mode: str, tmp_path: Path) -> None:
    attacker = Attacker(create_message(f"My key is {KEY}."))
    async with scene(attacker, ALLOW, mode, tmp_path) as attack:
        await attack.attack()
        assert attack.prompts == []
        assert KEY not in attack.refusal
        assert KEY.encode() not in attack.kept()
    assert attacker.texts == []


@pytest.mark.parametrize("mode_of_record", ["hashed", "none"])
async def test_where_the_record_keeps_no_text_none_is_in_its_file(
    mode: str, tmp_path: Path, mode_of_record: str
) -> None:
    attacker = Attacker(create_message("a word like xylophone", system_prompt="another like zeppelin"))
    model = ScriptedModel("and one like quagmire", repeat=True, name=MODEL)
    text = f'{ALLOW}record = "{mode_of_record}"\n'
    async with scene(attacker, text, mode, tmp_path, model=model) as attack:
        await attack.attack()
        assert (await attack.record()).outcome == "answered"
        kept = attack.kept()
    assert attacker.texts == ["and one like quagmire"]
    for word in (b"xylophone", b"zeppelin", b"quagmire"):
        assert word not in kept


async def test_a_model_that_is_not_allowed_is_not_called_however_it_is_asked_for(mode: str, tmp_path: Path) -> None:
    hints = [types.ModelHint(name=name) for name in ("command/leak", "openai/gpt@http://evil.example", "leak", "")]
    attacker = Attacker(create_message(model_preferences=types.ModelPreferences(hints=hints)))
    leaked = tmp_path / "leaked"
    text = f'{ALLOW}[command.leak]\nargv = ["tee", "{leaked}"]\n'
    async with scene(attacker, text, mode, tmp_path) as attack:
        await attack.attack()
        record = await attack.record()
        assert len(attack.prompts) == 1
    assert record.model_asked == MODEL
    assert attacker.texts == ["Rayleigh."]
    assert not leaked.exists()


async def test_a_server_gets_no_model_from_the_list_of_another(
    mode: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    wish = types.ModelPreferences(hints=[types.ModelHint(name=MODEL)])
    attacker = Attacker(create_message(model_preferences=wish))
    text = ALLOW + '[server.logs]\nmodels = ["openai/gpt-5.4-mini"]\n'
    async with scene(attacker, text, mode, tmp_path) as attack:
        await attack.attack()
        record = await attack.record()
        assert attack.prompts == [], "rather none than one that is not on its list"
        assert "OPENAI_API_KEY" not in attack.refusal
    assert (record.model_asked, record.model_used) == ("openai/gpt-5.4-mini", None)
    assert attacker.texts == []
