"""`upcall init`: a policy file to begin with."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from upcall.cli import main
from upcall.host.policy import load_policy


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty project that is the current directory; no settings and no model of the real user."""
    project = tmp_path / "project"
    (project / ".git").mkdir(parents=True)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "cfg"))
    monkeypatch.setenv("APPDATA", str(tmp_path / "cfg"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "state"))
    monkeypatch.setenv("UPCALL_CACHE", str(tmp_path / "cache"))
    for name in ("UPCALL_POLICY", "ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(project)
    return project


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments))


def test_it_writes_a_file_here_that_passes_the_check(project: Path) -> None:
    ended = run("init")
    path = project / "upcall.toml"
    assert (ended.exit_code, ended.stdout) == (0, f"{path}\n")
    assert load_policy(path).rules_for("logs").decision == "ask"
    assert run("policy", "check").stderr.endswith(f"{path} is right.\n")
    assert run("policy", "explain", "--server", "logs").exit_code == 0, "what was written here is trusted"


@pytest.mark.parametrize(
    ("variable", "model"),
    [("ANTHROPIC_API_KEY", "anthropic/claude-sonnet-5"), ("OPENAI_API_KEY", "openai/gpt-5.4-mini")],
)
def test_the_model_is_one_that_can_be_used_here(
    project: Path, monkeypatch: pytest.MonkeyPatch, variable: str, model: str
) -> None:
    monkeypatch.setenv(variable, "k")
    assert run("init").stderr == ""
    assert load_policy(project / "upcall.toml").rules_for("logs").model == model


def test_where_no_model_can_be_used_it_says_how_to_get_one(project: Path) -> None:
    ended = run("init")
    assert "No model can be used yet. local/smollm2: " in ended.stderr
    assert "upcall model install smollm2" in ended.stderr
    assert load_policy(project / "upcall.toml").rules_for("logs").model == "local/smollm2"


def test_it_replaces_a_file_only_when_told_to(project: Path) -> None:
    path = project / "upcall.toml"
    path.write_text("# mine")
    ended = run("init")
    assert ended.exit_code == 1
    assert ended.stderr == (f"Error: There is a policy file already: {path}\nEdit it, or replace it with --force.\n")
    assert path.read_text() == "# mine"
    assert run("init", "--force").exit_code == 0
    assert load_policy(path).rules_for("logs").model == "local/smollm2"


def test_the_users_own_file_goes_to_the_configuration_folder(tmp_path: Path) -> None:
    ended = run("init", "--user")
    path = tmp_path / "cfg" / "upcall" / "upcall.toml"
    assert (ended.exit_code, ended.stdout) == (0, f"{path}\n")
    assert load_policy(path).file == str(path)
    assert "comes first" not in ended.stderr


def test_it_says_when_another_file_comes_first(project: Path) -> None:
    run("init")
    ended = run("init", "--user")
    assert f"In this directory, another policy file comes first: {project / 'upcall.toml'}\n" in ended.stderr


def test_a_folder_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "cfg").write_text("a file where the folder should be")
    ended = run("init", "--user")
    assert ended.exit_code == 1
    assert ended.stderr.startswith("Error: The policy file cannot be written: ")
