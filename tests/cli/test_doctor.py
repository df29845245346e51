"""`upcall doctor`, as its user runs it."""

from __future__ import annotations

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from click.testing import CliRunner, Result

from tests.cli.commands import on_a_terminal
from upcall.cli import main

PECULIAR = str(Path(__file__).parents[1] / "gateway" / "peculiar.py")
POLICY = '[default]\ndecision = "allow"\nmodel = "command/echo"\n[command.echo]\nargv = ["cat"]\n'
HAND_OVER = "s3cr3t-t0ken"


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty project that is the current directory, of a user who has nothing."""
    for variable in ("XDG_CONFIG_HOME", "XDG_STATE_HOME", "APPDATA", "LOCALAPPDATA", "HOME", "USERPROFILE"):
        monkeypatch.setenv(variable, str(tmp_path / "user"))
    for variable in ("UPCALL_POLICY", "UPCALL_STORE", "CODEX_HOME"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr("upcall.gateway.examining._probing._GRACE", 0.1)
    project = tmp_path / "project"
    project.mkdir()
    monkeypatch.chdir(project)
    (tmp_path / "policy.toml").write_text(POLICY)
    return project


def doctor(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["doctor", *arguments])


def config(place: Path, **manners: str) -> str:
    servers = {
        name: {"command": sys.executable, "args": [PECULIAR, manner], "env": {"API_TOKEN": HAND_OVER}}
        for name, manner in manners.items()
    }
    (place / ".mcp.json").write_text(json.dumps({"mcpServers": servers}))
    return ".mcp.json"


def test_every_server_of_a_file_is_examined_and_one_that_crashes_harms_no_other(place: Path) -> None:
    ended = doctor(config(place, good="modern", bad="crash"))
    assert ended.exit_code == 1
    assert "✓ starts, and has 2 tools" in ended.output
    assert "appears only when the client can sample" in ended.output
    assert "✗ It ended with exit code 1" in ended.output
    assert "| cannot find ••••" in ended.output
    assert "upcall wrap" in ended.output
    assert HAND_OVER not in ended.output


def test_without_a_file_the_known_ones_are_looked_at(place: Path) -> None:
    nothing = doctor()
    assert (nothing.exit_code, "No config file of a known client" in nothing.output) == (1, True)
    config(place, good="pages")
    ended = doctor()
    assert (ended.exit_code, "good" in ended.output) == (0, True)


def test_a_command_is_examined_and_all_is_fine_with_a_policy_that_has_a_model(tmp_path: Path) -> None:
    policy = str(tmp_path / "policy.toml")
    ended = doctor("--policy", policy, "--name", "logs", "--", sys.executable, PECULIAR, "modern")
    assert (ended.exit_code, ended.output.startswith("logs · peculiar 1 · 2026-07-28 (modern)")) == (0, True)
    assert "✓ command/echo answers" in ended.output


def test_a_call_is_made_only_when_it_is_asked_for(tmp_path: Path) -> None:
    policy = str(tmp_path / "policy.toml")
    command = ("--policy", policy, "--", sys.executable, PECULIAR, "asking")
    assert "called" not in doctor(*command).output
    ended = doctor("--call", "explain", 'text:="what?"', *command)
    assert ended.exit_code == 2, "its schema has no such parameter"
    assert "explain has no parameter 'text'" in ended.output
    ended = doctor("--call", "explian", *command)
    assert "Did you mean 'explain'?" in ended.output


def test_a_call_shows_what_was_sampled(tmp_path: Path) -> None:
    policy = str(tmp_path / "policy.toml")
    command = ("--policy", policy, "--", sys.executable, PECULIAR, "asking-open")
    ended = doctor("--call", "explain", "text=what?", *command)
    assert ended.exit_code == 0, ended.output
    assert "✓ sample 1: answered · command/echo" in ended.output
    assert "asked     what?" in ended.output


def test_the_json_is_one_object_with_everything(place: Path, tmp_path: Path) -> None:
    ended = doctor(config(place, good="modern", bad="crash"), "--json", "--policy", str(tmp_path / "policy.toml"))
    document = json.loads(ended.stdout)
    assert (ended.exit_code, document["fine"], document["call"]) == (1, False, None)
    good, bad = document["servers"]
    assert good["samples"] == [
        {"tool": "explain", "sure": "hidden", "how": ["appears only when the client can sample"]}
    ]
    assert {one["topic"] for one in bad["findings"]} >= {"start", "wrap", "policy", "model"}
    assert HAND_OVER not in ended.output


def test_a_server_is_chosen_by_its_name(place: Path) -> None:
    file = config(place, calm="pages", bad="crash")
    assert doctor(file, "--server", "calm").exit_code == 0
    wrong = doctor(file, "--server", "clam")
    assert (wrong.exit_code, "Did you mean 'calm'?" in wrong.output) == (2, True)


@pytest.mark.parametrize(
    "arguments",
    [
        ("x.json", "--", "python"),
        ("http://127.0.0.1:9/mcp", "x.json"),
        ("--",),
        ("--header-env", "X", "x.json"),
        ("--name", "x", "x.json"),
        ("--timeout", "0", "x.json"),
    ],
)
def test_what_does_not_fit_together_is_used_wrongly(arguments: tuple[str, ...]) -> None:
    assert doctor(*arguments).exit_code == 2


def test_a_server_that_asks_for_a_login_is_told() -> None:
    class Login(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            self.send_response(401)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Login) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        ended = doctor(f"http://me:pass-word@127.0.0.1:{server.server_port}/mcp?key={HAND_OVER}")
        server.shutdown()
    assert ended.exit_code == 1
    assert "✗ It needs a login" in ended.output
    assert not {"pass-word", HAND_OVER} & set(ended.output.replace("/", " ").replace("@", " ").split())


def test_on_a_terminal_nothing_of_a_server_acts(place: Path) -> None:
    code, shown = on_a_terminal("doctor", config(place, bad="hostile"), styled=True)
    assert code == 1, "its description says that it samples, and no model is there"
    assert "\x1b[2J" not in shown
    assert "\u202e" not in shown
    assert "\n✓ all is well" not in shown
    assert "␛[2J" in shown
