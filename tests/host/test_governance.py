"""From a policy to what each server's requests go through; and that it is what `explain` says."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.host.governed import ALLOW
from tests.host.playbook import MODEL, Playbook, answer, asked
from upcall.errors import ConfigurationError
from upcall.host.engine import Ask, Call, Recall, Record
from upcall.host.explaining import explain
from upcall.host.governance import Governance, without_credentials
from upcall.host.policy import PolicyFile, parse_policy
from upcall.host.scanning import scan_request
from upcall.models import Model
from upcall.models.alternates import Alternates
from upcall.models.catalog import load_model
from upcall.models.command import CommandModel
from upcall.models.retrying import Retrying
from upcall.testing import ScriptedModel
from upcall.wire import ModelHint, ModelPreferences, SamplingRequest

SECRET = "openai/qwen@http://user:hunter2@localhost:8080/v1?key=k"
SHOWN = "openai/qwen@http://localhost:8080/v1"


def _governance(text: str, own: Model | None = None) -> Governance:
    return Governance(parse_policy(text), own, timeout=None, has_store=False)


def _chosen(governance: Governance, *hints: str, server: str = "logs") -> Call:
    wish = ModelPreferences(hints=[ModelHint(name=hint) for hint in hints])
    play = Playbook(asked(model_preferences=wish), stages=governance.line(server).stages)
    return play.recalls().wants(Call)


@pytest.mark.parametrize(
    "model",
    [
        SECRET,
        "openai/qwen@https://user@host/v1",
        "openai/qwen@http://localhost/v1",
        "openai-responses/m@http://a:b@c/v1",
        "openai/gpt-5.4-mini",
        "anthropic/claude-sonnet-5",
    ],
)
def test_models_go_by_the_name_that_they_give_themselves(model: str) -> None:
    assert without_credentials(model) == load_model(model).name


def test_credentials_of_an_address_are_used_for_loading_and_seen_nowhere_else() -> None:
    text = f'{ALLOW}models = ["{SECRET}", "{MODEL}"]\n[alternates]\n"{SECRET}" = ["{MODEL}"]\n'
    for model in (SECRET, MODEL):
        text += f'[prices."{model}"]\ninput = 1.0\noutput = 5.0\n'
    text += f'[[budget]]\nfor = "model:{SECRET}"\nper = "day"\nusd = 1\n'
    governance = _governance(text)
    play = Playbook(asked(), stages=governance.line("logs").stages)
    assert "hunter2" not in str(play.command)
    play.recalls()
    assert "hunter2" not in str(play.command)
    assert f"model:{SHOWN}" in str(play.command), "the budget is kept"
    play.reserves()
    call = play.wants(Call)
    assert (call.model, call.alternates) == (SHOWN, (MODEL,))
    assert governance.shelf.find(SHOWN).name == SHOWN


def test_a_hint_chooses_among_all_models_that_the_policy_names_and_allows() -> None:
    text = (
        f'{ALLOW}models = ["anthropic/*", "command/*", "{MODEL}"]\nmodel = "anthropic/claude-sonnet-5"\n'
        '[families]\nfast = ["anthropic/claude-haiku-5", "openai/gpt-9"]\n[command.echo]\nargv = ["cat"]\n'
    )
    governance = _governance(text)
    assert _chosen(governance).model == "anthropic/claude-sonnet-5"
    assert _chosen(governance, "haiku").model == "anthropic/claude-haiku-5"
    assert _chosen(governance, "echo").model == "command/echo"
    assert _chosen(governance, "gpt-9").model == "anthropic/claude-sonnet-5", "named, and not allowed"


def test_programs_are_those_of_the_policy_and_no_others() -> None:
    shelf = _governance(f'{ALLOW}models = ["command/echo"]\n[command.echo]\nargv = ["cat"]\n').shelf
    assert isinstance(shelf.find("command/echo"), CommandModel)
    assert shelf.find("command/echo") is shelf.find("command/echo")
    with pytest.raises(ConfigurationError):
        shelf.find("command/other")


def test_models_of_providers_are_asked_again_when_they_are_down() -> None:
    shelf = _governance(ALLOW).shelf
    assert isinstance(shelf.find("anthropic/claude-sonnet-5"), Retrying)
    assert not isinstance(shelf.find("local/smollm2"), Retrying | Alternates)


def test_the_hosts_own_model_is_used_as_it_is() -> None:
    own = ScriptedModel(answer(), name=MODEL)
    assert _governance(ALLOW, own).shelf.find(MODEL) is own


def test_a_changed_file_makes_new_lines_and_new_programs(tmp_path: Path) -> None:
    file = tmp_path / "upcall.toml"
    text = ALLOW + 'models = ["command/echo"]\n[command.echo]\nargv = ["cat"]\n'
    file.write_text(text)
    governance = Governance(PolicyFile(file), None, timeout=None, has_store=False)
    line, program = governance.line("logs"), governance.shelf.find("command/echo")
    assert governance.line("logs") is line
    file.write_text(text.replace('"cat"', '"tac"') + "# changed\n")
    assert governance.line("logs") is not line
    assert governance.shelf.find("command/echo") is not program
    line = governance.line("logs")
    file.write_text("broken")
    assert governance.line("logs") is line, "the last good policy stays in force"


@pytest.mark.parametrize("decision", ["allow", "ask", "deny"])
@pytest.mark.parametrize("action", ["note", "ask", "deny"])
@pytest.mark.parametrize("request_", [asked(), asked("Hi\u200b\u200bthere"), asked("x" * 300_000)])
def test_what_happens_is_what_explain_says(decision: str, action: str, request_: SamplingRequest) -> None:
    text = f'[default]\ndecision = "{decision}"\nmodels = ["{MODEL}"]\n[default.scan]\ninvisible = "{action}"\n'
    policy = parse_policy(text)
    flags = {flag.kind for flag in scan_request(request_)}
    said = explain(policy, "logs", request_, flags=flags).outcome
    play = Playbook(request_, stages=_governance(text).line("logs").stages)
    if isinstance(play.command, Recall):
        play.recalls()
    match play.command:
        case Call():
            assert said == "allow"
        case Ask():
            assert said == "ask"
        case Record(entry=entry):
            assert said == ("refused" if entry.outcome == "limit_exceeded" else "deny")
        case other:
            raise AssertionError(other)
