"""`upcall models`: which model answers, why, and at what price."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from upcall.cli import main
from upcall.host.governance import Governance
from upcall.host.policy import parse_policy, trust

SONNET = "anthropic/claude-3-5-sonnet-20241022"
HAIKU = "anthropic/claude-3-5-haiku-latest"
GPT = "openai/gpt-4o"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in, and no policy from outside."""
    for name in ("UPCALL_POLICY", "ANTHROPIC_API_KEY", "OPENAI_API_KEY", "OPENAI_BASE_URL", "ANTHROPIC_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _run(*arguments: str, text: str | None = None) -> Result:
    return CliRunner().invoke(main, ["models", *arguments], input=text)


def _request(*hints: str, **priorities: float) -> dict[str, Any]:
    return {
        "messages": [{"role": "user", "content": {"type": "text", "text": "Hello"}}],
        "maxTokens": 1000,
        "modelPreferences": {"hints": [{"name": hint} for hint in hints], **priorities},
    }


def _file(request: dict[str, Any]) -> str:
    Path("request.json").write_text(json.dumps(request), encoding="utf-8")
    return "request.json"


def _policy(text: str) -> None:
    path = Path("upcall.toml")
    path.write_text(text, encoding="utf-8")
    trust(path, text)


def _allowed(*models: str) -> list[str]:
    return [word for model in models for word in ("--allowed", model)]


def test_the_model_the_steps_and_a_ranked_table_are_printed() -> None:
    ended = _run("--for", _file(_request("claude", costPriority=1.0)), *_allowed(SONNET, GPT, HAIKU))
    assert ended.exit_code == 0, ended.output
    first, *steps, empty, header, best, second, third = ended.stdout.splitlines()
    assert first == f"{HAIKU} (hint)"
    assert steps[0] == f"  1. The hint “claude” is in the name of {SONNET}, {HAIKU}."
    assert steps[-1] == f"  3. So {HAIKU} answers."
    assert empty == ""
    rows = [dict(zip(header.split("\t"), row.split("\t"), strict=True)) for row in (best, second, third)]
    assert [(row["MODEL"], row["MEETS HINT"]) for row in rows] == [(HAIKU, "yes"), (SONNET, "yes"), (GPT, "no")]
    assert rows[0]["USD PER MTOK"] == "1.60"
    assert rows[0]["AT MOST"].startswith("$0.00")
    assert "cannot be used here now. ANTHROPIC_API_KEY is not set." in ended.stderr
    assert "genai-prices" in ended.stderr


def test_a_hint_that_nothing_meets_is_met_by_nothing() -> None:
    ended = _run("--for", _file(_request("no-such-model")), *_allowed(HAIKU, GPT))
    header, *rows = (line.split("\t") for line in ended.stdout.split("\n\n")[1].splitlines())
    assert [row[header.index("MEETS HINT")] for row in rows] == ["no", "no"]


def test_json_has_everything_for_programs() -> None:
    ended = _run("--for", _file(_request("gpt")), "--json", *_allowed(SONNET, GPT, "openai/strange"))
    told = json.loads(ended.stdout)
    assert ended.stderr == ""
    assert (told["model"], told["reason"]) == (GPT, "hint")
    assert told["steps"][-1] == f"So {GPT} answers."
    assert told["prices"].startswith("genai-prices ")
    gpt, sonnet, strange = told["considered"]
    assert (gpt["model"], gpt["wished"], gpt["usdPerMtok"]) == (GPT, True, 4.375)
    assert gpt["atMost"]["outputTokens"] == 1000
    assert gpt["atMost"]["microUsd"] > 1000 * 10
    assert sonnet["wished"] is False
    assert strange["usdPerMtok"] is None
    assert strange["atMost"]["microUsd"] is None
    assert strange["atMost"]["priceFrom"] == "unknown"
    assert strange["unknown"] == ["cost", "speed", "intelligence"]


def test_a_whole_request_on_standard_input_does_too() -> None:
    whole = {"jsonrpc": "2.0", "id": 1, "method": "sampling/createMessage", "params": _request("gpt")}
    assert _run("--for", "-", *_allowed(SONNET, GPT), text=json.dumps(whole)).stdout.startswith(f"{GPT} (hint)\n")


def test_without_a_request_the_default_is_shown() -> None:
    ended = _run(*_allowed(SONNET, GPT), "--default", GPT)
    assert ended.stdout.startswith(f"{GPT} (default)\n")


def test_the_policy_says_which_models_are_allowed_what_they_cost_and_what_stands_for_what() -> None:
    _policy(
        f"""
        [default]
        models = ["{SONNET}"]
        [server.logs]
        models = ["{HAIKU}", "openai/mine", "openai/gpt-*"]
        [families]
        mixtral = ["openai/*"]
        [prices."openai/mine"]
        input = 1
        output = 1
        """
    )
    assert _run().stdout.startswith(f"{SONNET} (default)\n")
    ended = _run("--for", _file(_request("mixtral-8x7b")), "--server", "logs")
    assert ended.stdout.startswith("openai/mine (own family)\n")
    assert "\t1.00\t$0.00" in ended.stdout
    assert "openai/gpt-*: to see a model that fits, name it with --allowed." in ended.stderr


def test_credentials_in_an_address_are_not_shown() -> None:
    ended = _run(*_allowed("openai/llama@http://me:topsecret@models.example/v1"), "--json")
    assert json.loads(ended.stdout)["model"] == "openai/llama@http://models.example/v1"
    assert "topsecret" not in ended.output


@pytest.mark.parametrize(
    ("arguments", "text", "said"),
    [
        (["--for", "-"], "{", "REQUEST is no JSON"),
        (["--for", "-"], "{}", "REQUEST would be refused by any policy."),
        (["--for", "missing.json"], "", "missing.json"),
        (["--allowed", "gpt-4o"], "", "Did you mean 'openai/gpt-4o'?"),
        (["--default", "gpt-4o"], "", "Invalid value for --default"),
    ],
)
def test_wrong_use_is_told(arguments: list[str], text: str, said: str) -> None:
    ended = _run(*arguments, text=text)
    assert ended.exit_code == 2
    assert said in ended.stderr


def test_hostile_hints_are_harmless_on_the_terminal() -> None:
    ended = _run("--for", _file(_request("\x1b[2J\u202e")), *_allowed(GPT))
    assert ended.exit_code == 0
    assert not {"\x1b", "\u202e"} & set(ended.output)
    assert "␛[2J⟨U+202E⟩" in ended.stdout


def _considered(*arguments: str) -> list[str]:
    ended = _run(*arguments, "--json")
    assert ended.exit_code == 0, ended.stderr
    return [row["model"] for row in json.loads(ended.stdout)["considered"]]


def test_the_models_are_those_that_a_host_chooses_from() -> None:
    text = f"""
        [default]
        models = ["anthropic/*", "command/*"]
        model = "{SONNET}"
        [families]
        small = ["{HAIKU}", "openai/mine"]
        [command.true]
        argv = ["true"]
        """
    _policy(text)
    governance = Governance(parse_policy(text), None, timeout=None, has_store=False)
    assert sorted(_considered()) == sorted(governance.candidates("")) == sorted([SONNET, HAIKU, "command/true"])
    assert sorted(_considered("--model", "anthropic/mine")) == sorted([SONNET, HAIKU, "command/true", "anthropic/mine"])
    assert sorted(_considered("--model", "openai/mine")) == sorted([SONNET, HAIKU, "command/true"])


@pytest.mark.parametrize(("program", "trouble"), [("true", False), ("no-such-program", True)])
def test_a_program_of_the_policy_is_looked_for(program: str, trouble: bool) -> None:
    _policy(f'[default]\nmodel = "command/mine"\n[command.mine]\nargv = ["{program}"]\n')
    ended = _run()
    assert ended.stdout.startswith("command/mine (default)\n")
    assert ("command/mine cannot be used here now." in ended.stderr) is trouble
    listed = CliRunner().invoke(main, ["model", "list", "--json"])
    states = {row["model"]: row["ready"] for row in json.loads(listed.stdout)}
    assert states["command/mine"] is not trouble
