"""`upcall policy` and `upcall init`, as a person uses them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from upcall.cli import main
from upcall.host.policy import trust


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty project that is the current directory, and nothing of the real user's settings."""
    project = tmp_path / "project"
    (project / ".git").mkdir(parents=True)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "cfg"))
    monkeypatch.setenv("APPDATA", str(tmp_path / "cfg"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "state"))
    monkeypatch.setenv("ANTHROPIC_API_KEY", "k")
    monkeypatch.delenv("UPCALL_POLICY", raising=False)
    monkeypatch.chdir(project)
    return project


def run(*arguments: str, stdin: str | None = None) -> Result:
    return CliRunner().invoke(main, ["policy", *arguments], input=stdin)


def write(project: Path, text: str, *, trusted: bool = True) -> Path:
    path = project / "upcall.toml"
    path.write_text(text, encoding="utf-8")
    if trusted:
        trust(path, text)
    return path


REQUEST = {"messages": [{"role": "user", "content": {"type": "text", "text": "Hi"}}], "maxTokens": 9999}


def test_a_right_file_is_summed_up(project: Path) -> None:
    text = '[default]\nmodel = "anthropic/claude-sonnet-5"\n[server.logs]\ndecision = "allow"\n'
    path = write(
        project, text + 'limits.max_tokens = "unlimited"\n[[budget]]\nfor = "server:logs"\nper = "day"\nusd = 1\n'
    )
    ended = run("check")
    assert ended.exit_code == 0
    assert ended.stdout == (
        "SECTION\tDECISION\tMODEL\tMAX TOKENS\tBUDGETS\n"
        "default\task\tanthropic/claude-sonnet-5\t4,096\t0\n"
        "server logs\tallow\tanthropic/claude-sonnet-5\tunlimited\t1\n"
    )
    assert ended.stderr == f"{path} is right.\n"


def test_every_problem_is_a_line_that_an_editor_can_jump_to(project: Path) -> None:
    path = write(project, '[default]\ndecison = "ask"\n\nlimits.max_tokens = 0\n')
    ended = run("check")
    assert ended.exit_code == 1
    assert ended.stdout == (
        f"{path}:2: There is no key default.decison. Did you mean default.decision?\n"
        f'{path}:4: default.limits.max_tokens takes a whole number from 1 to 1e15 or "unlimited"; it is 0.\n'
    )
    assert ended.stderr == ""


def test_a_file_can_be_named(project: Path) -> None:
    other = project / "other.toml"
    other.write_text("nonsense = 1")
    write(project, "")
    assert run("check").exit_code == 0
    assert run("check", "other.toml").stdout.startswith("other.toml:1: There is no key nonsense.")


def test_what_is_right_and_probably_not_meant_is_a_note(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ANTHROPIC_API_KEY")
    monkeypatch.delenv("ANTHROPIC_AUTH_TOKEN", raising=False)
    write(
        project,
        '[default]\nmodels = ["anthropic/x", "ollama/x", "command/c"]\n[command.c]\nargv = ["no-such-program"]\n'
        '[approval]\nby = "none"\n',
    )
    ended = run("check")
    assert ended.exit_code == 0
    notes = [line for line in ended.stderr.splitlines() if line.startswith("Note: ")]
    assert notes[0] == 'Note: approval.by is "none", so nobody can say yes: default will be refused.'
    assert notes[1] == "Note: anthropic/x cannot be used here now. ANTHROPIC_API_KEY is not set."
    assert notes[2] == "Note: command/c cannot be used here now. There is no program 'no-such-program'."
    assert notes[3].startswith("Note: ollama/x cannot be used here now. 'ollama/x' is no model string. Did you mean")
    assert notes[4:] == []


@pytest.mark.usefixtures("project")
def test_without_a_file_there_is_nothing_to_check() -> None:
    ended = run("check")
    assert (ended.exit_code, ended.stderr) == (1, "Error: There is no policy file.\n`upcall init` writes one.\n")


@pytest.mark.usefixtures("project")
def test_without_a_file_the_built_in_policy_is_explained() -> None:
    ended = run("explain", "--server", "logs")
    assert ended.exit_code == 0
    assert ended.stdout.startswith("logs: ask (decision, built-in default)\n")


def test_a_request_is_held_against_the_rules(project: Path) -> None:
    path = write(project, "[server.logs]\nlimits.prompt_chars = 10\n")
    (project / "request.json").write_text(json.dumps(REQUEST))
    ended = run("explain", "--server", "logs", "request.json")
    assert ended.exit_code == 0
    first, why, _, header, *rows = ended.stdout.splitlines()
    assert first == f"logs: refused (limits.prompt_chars, {path}:2 server.logs.limits.prompt_chars)"
    assert why.startswith("The sampling request is too large: ")
    assert why.endswith(f"It is set at {path}:2 server.logs.limits.prompt_chars; change it there.")
    assert header == "RULE\tVALUE\tWHY\tFROM"
    assert "limits.max_tokens\t4,096\tThe request asks for 9,999; it is clamped.\tbuilt-in default" in rows


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize("wrapped", [REQUEST, {"method": "sampling/createMessage", "params": REQUEST}])
def test_a_whole_request_will_do_and_so_does_standard_input(wrapped: dict[str, object]) -> None:
    ended = run("explain", "--server", "logs", "--json", "-", stdin=json.dumps(wrapped))
    explanation = json.loads(ended.stdout)
    assert (explanation["server"], explanation["outcome"]) == ("logs", "ask")
    steps = {step["rule"]: step for step in explanation["steps"]}
    assert steps["limits.max_tokens"]["why"] == "The request asks for 9,999; it is clamped."
    assert steps["limits.max_tokens"]["origin"]["section"] == "built-in"


def test_what_scanning_finds_in_the_request_decides(project: Path) -> None:
    path = write(project, '[default]\ndecision = "allow"\nscan.invisible = "deny"\n')
    hidden = {"role": "user", "content": {"type": "text", "text": "Hel\u200blo"}}
    (project / "request.json").write_text(json.dumps({**REQUEST, "messages": [hidden]}))
    first, why, *_ = run("explain", "--server", "logs", "request.json").stdout.splitlines()
    assert first == f"logs: deny (scan.invisible, {path}:3 default.scan.invisible)"
    assert why.startswith("It was found: characters that are not shown")


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "REQUEST is no JSON"),
        ("\udcff", "REQUEST is no JSON"),
        ("[]", "REQUEST would be refused by any policy. Malformed sampling request"),
        ('{"messages": [], "maxTokens": 5}', "REQUEST would be refused by any policy. messages must not be empty."),
    ],
)
def test_a_request_that_no_policy_would_see_is_a_wrong_use(text: str, said: str) -> None:
    Path("request.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    ended = run("explain", "--server", "logs", "request.json")
    assert ended.exit_code == 2
    assert said in ended.stderr


def test_another_policy_can_be_asked_and_a_broken_one_says_what_is_wrong(project: Path) -> None:
    write(project, '[default]\ndecision = "deny"')
    (project / "other.toml").write_text('[default]\ndecision = "allow"')
    (project / "broken.toml").write_text('[default]\ndecision = "alow"')
    assert run("explain", "--server", "logs").stdout.startswith("logs: deny ")
    assert run("explain", "--server", "logs", "--policy", "other.toml").stdout.startswith("logs: allow ")
    ended = run("explain", "--server", "logs", "--policy", "broken.toml")
    assert ended.exit_code == 1
    assert ended.stderr.startswith("Error: The policy file has a problem.\nline 2: default.decision takes")


def test_names_of_strangers_act_on_nothing(project: Path) -> None:
    write(project, '[server."\\u001b[2J"]\ndecision = "allow"\n')
    assert "\x1b" not in run("check").output
    assert "\x1b" not in run("explain", "--server", "\x1b[2J").output


def test_the_server_has_to_be_named() -> None:
    assert run("explain").exit_code == 2


@pytest.mark.parametrize("command", ["check", "explain"])
def test_every_help_text_has_an_example(command: str) -> None:
    shown = run(command, "--help").stdout
    assert "Example" in shown
    assert f"upcall policy {command}" in shown


CLONED = '[default]\ndecision = "allow"\nmodel = "command/c"\n[command.c]\nargv = ["sh", "-c", "evil"]\n'


def test_a_project_has_no_say_until_its_file_is_trusted(project: Path) -> None:
    path = write(project, CLONED, trusted=False)
    refused = run("explain", "--server", "logs")
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert "is not trusted: somebody else may have written it" in refused.stderr
    assert "`upcall policy trust`" in refused.stderr
    checked = run("check")
    assert checked.exit_code == 0
    assert checked.stderr.endswith("It does not hold yet: read it, and run `upcall policy trust`.\n")
    trusted = run("trust")
    assert trusted.exit_code == 0
    assert "Note: it names a program, command/c: sh -c evil\n" in trusted.stderr
    assert trusted.stderr.endswith(f"{path} is trusted as it is now.\n")
    assert run("explain", "--server", "logs").stdout.startswith("logs: allow ")
    path.write_text(CLONED + "# and more")
    assert "has changed since you trusted it" in run("explain", "--server", "logs").stderr


def test_trust_can_be_taken_back(project: Path) -> None:
    path = write(project, "")
    assert run("trust", "--revoke").stderr == f"{path} is no longer trusted.\n"
    assert run("trust", "--revoke").stderr == f"{path} is not trusted.\n"
    assert run("explain", "--server", "logs").exit_code == 1


def test_a_file_with_problems_is_not_trusted(project: Path) -> None:
    path = write(project, "nonsense = 1", trusted=False)
    ended = run("trust")
    assert ended.exit_code == 1
    assert ended.stdout.startswith(f"{path}:1: There is no key nonsense.")
    assert "trusted" not in ended.stderr


def test_a_file_that_is_named_needs_no_trust(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(project, CLONED, trusted=False)
    assert run("explain", "--server", "logs", "--policy", "upcall.toml").stdout.startswith("logs: allow ")
    monkeypatch.setenv("UPCALL_POLICY", str(path))
    assert run("explain", "--server", "logs").stdout.startswith("logs: allow ")
