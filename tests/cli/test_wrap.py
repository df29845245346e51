"""`upcall wrap` and `upcall unwrap`, as their user runs them."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from upcall.cli import main

CONFIG = """{
  "mcpServers": {
    // ours
    "logs": { "command": "npx", "args": ["-y", "logs-server"], "env": { "KEY": "s3cr3t" } },
    "old": { "type": "sse", "url": "https://old.example/sse" },
  },
}
"""


@pytest.fixture(autouse=True)
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A config in a project that is the current directory; no file of the real user."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "cfg"))
    monkeypatch.setenv("APPDATA", str(tmp_path / "cfg"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "home"))
    monkeypatch.delenv("CODEX_HOME", raising=False)
    project = tmp_path / "project"
    project.mkdir()
    monkeypatch.chdir(project)
    path = project / ".mcp.json"
    path.write_text(CONFIG)
    return path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments))


def test_it_writes_and_puts_back_the_same_bytes(file: Path) -> None:
    file.chmod(0o640)
    ended = run("wrap", "--yes", ".mcp.json")
    assert ended.exit_code == 0
    assert f"{file}: 1 server behind the gateway.\n" in ended.stdout
    assert "old: it speaks the old SSE transport" in ended.stderr
    assert "// ours" in file.read_text()
    assert file.stat().st_mode & 0o777 == 0o640
    backup = file.with_name(".mcp.json.upcall-backup-1")
    assert backup.read_text() == CONFIG
    assert backup.stat().st_mode & 0o777 == 0o640
    assert "nothing to do" in run("wrap", "--yes", ".mcp.json").stderr
    ended = run("unwrap", "--yes", ".mcp.json")
    assert (ended.exit_code, file.read_text()) == (0, CONFIG)
    assert f"{file}: 1 server as before.\n" in ended.stdout
    assert "nothing to do" in run("unwrap", "--yes", ".mcp.json").stderr
    assert {path.name for path in file.parent.iterdir()} == {
        ".mcp.json", ".mcp.json.upcall-backup-1", ".mcp.json.upcall-backup-2"
    }  # fmt: skip


def test_what_it_keeps_is_for_its_owner_only_and_goes_when_it_is_not_needed(file: Path, tmp_path: Path) -> None:
    run("wrap", "--yes", str(file))
    (kept,) = (tmp_path / "cfg" / "upcall" / "wrapped").iterdir()
    assert kept.stat().st_mode & 0o777 == 0o600
    assert kept.parent.stat().st_mode & 0o777 == 0o700
    run("unwrap", "--yes", str(file))
    assert not kept.exists()


def test_what_it_keeps_may_be_lost_or_damaged(file: Path, tmp_path: Path) -> None:
    run("wrap", "--yes", str(file))
    (kept,) = (tmp_path / "cfg" / "upcall" / "wrapped").iterdir()
    kept.write_text("{")
    ended = run("unwrap", "--yes", str(file))
    assert "logs: what it looked like before is not known any more; it was rebuilt from its arguments." in ended.stderr
    assert file.read_text() == CONFIG


def test_a_dry_run_shows_the_diff_without_secrets_and_writes_nothing(file: Path, tmp_path: Path) -> None:
    ended = run("wrap", "--dry-run", ".mcp.json")
    assert ended.exit_code == 0
    assert '\n-    "logs": { "command": "npx"' in ended.stdout
    assert '"--name", "logs", "--", "npx", "-y", "logs-server"]' in ended.stdout
    assert "s3cr3t" not in ended.output
    assert "s3cr3t" in run("wrap", "--dry-run", "--show-secrets", ".mcp.json").stdout
    assert file.read_text() == CONFIG
    assert list(file.parent.iterdir()) == [file]
    assert not (tmp_path / "cfg").exists()


@pytest.mark.parametrize("command", ["wrap", "unwrap"])
def test_where_nobody_can_be_asked_nothing_is_written(command: str, file: Path) -> None:
    if command == "unwrap":
        run("wrap", "--yes", ".mcp.json")
    before = file.read_text()
    ended = run(command, ".mcp.json")
    assert ended.exit_code == 2
    assert "Nothing was written" in ended.stderr
    assert file.read_text() == before


def test_without_a_file_it_lists_what_there_is(file: Path, tmp_path: Path) -> None:
    broken = tmp_path / "home" / ".claude.json"
    broken.parent.mkdir()
    broken.write_text("{,")
    for arguments in (["wrap"], ["wrap", "--list", ".mcp.json"]):
        ended = run(*arguments)
        assert ended.exit_code == 0
        assert f"Claude Code\t{file}\t2, 0 of them behind the gateway\n" in ended.stdout
        assert f"Claude Code\t{broken}\tcannot be read as JSON: A key" in ended.stdout
    assert file.read_text() == CONFIG
    file.unlink()
    broken.unlink()
    assert "No config file of a known client" in run("wrap").stderr


def test_the_entry_starts_this_installation_by_its_whole_path(file: Path) -> None:
    run("wrap", "--yes", ".mcp.json")
    entry = json.loads(file.read_text().replace("// ours", "").replace("},\n  },\n}", "}}}"))["mcpServers"]["logs"]
    start = [entry["command"], *entry["args"][: entry["args"].index("gateway")]]
    assert Path(start[0]).is_absolute()
    shown = subprocess.run([*start, "--version"], capture_output=True, text=True, timeout=60, check=True, env={})
    assert shown.stdout.startswith("upcall, version ")


def test_without_a_script_the_interpreter_starts_it(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    python = tmp_path / "python"
    monkeypatch.setattr(sys, "executable", str(python))
    monkeypatch.setattr(sys, "argv", ["pytest"])
    run("wrap", "--yes", ".mcp.json")
    assert f'"command": "{python}", "args": ["-m", "upcall.cli", "gateway", ' in file.read_text()


def test_another_command_may_start_it_when_it_is_upcall(file: Path) -> None:
    assert run("wrap", "--yes", "--command", "uvx upcall", ".mcp.json").exit_code == 0
    assert '"command": "uvx", "args": ["upcall", "gateway", ' in file.read_text()
    run("unwrap", "--yes", ".mcp.json")
    assert file.read_text() == CONFIG
    for wrong in ("uvx other", "upcall gateway", "'upcall"):
        assert run("wrap", "--yes", "--command", wrong, ".mcp.json").exit_code == 2


def test_servers_can_be_chosen_and_a_name_that_is_not_there_is_an_error(file: Path) -> None:
    assert "nothing to do" in run("wrap", "--yes", "--exclude", "logs", ".mcp.json").stderr
    ended = run("wrap", "--yes", "--server", "lgos", ".mcp.json")
    assert (ended.exit_code, file.read_text()) == (1, CONFIG)
    assert "has no server 'lgos'.\nIts servers: logs, old.\n" in ended.stderr
    policy = file.with_name("p.toml")
    policy.write_text("")
    assert run("wrap", "--yes", "--server", "logs", "--policy", "p.toml", ".mcp.json").exit_code == 0
    assert f'"--policy", "{policy}", "--", "npx"' in file.read_text()


@pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege there")
def test_a_link_stays_a_link_and_its_target_is_written(file: Path) -> None:
    target = file.with_name("target.json")
    file.rename(target)
    file.symlink_to(target)
    run("wrap", "--yes", ".mcp.json")
    assert file.is_symlink()
    assert '"gateway"' in target.read_text()
    assert run("unwrap", "--yes", "target.json").exit_code == 0
    assert target.read_text() == CONFIG


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"\xff\xfe{", "is not UTF-8 text"), (b"{}", "names no MCP servers"), (b'{"a": 1 1}', "cannot be read as JSON")],
)
def test_a_file_that_it_cannot_read_is_refused(content: bytes, message: str, file: Path) -> None:
    file.write_bytes(content)
    for command in ("wrap", "unwrap"):
        ended = run(command, "--yes", ".mcp.json")
        assert ended.exit_code == 1
        assert message in ended.stderr
        assert "Traceback" not in ended.output
    assert file.read_bytes() == content
    assert "cannot be read" in run("wrap", "--yes", "missing.json").stderr


def test_when_the_file_changes_meanwhile_nothing_is_lost(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from upcall.cli import _changes

    def meanwhile(path: Path, *, dry_run: bool, yes: bool) -> bool:
        file.write_text(CONFIG + "// theirs\n")
        return True

    monkeypatch.setattr(_changes, "may_write", meanwhile)
    ended = run("wrap", ".mcp.json")
    assert ended.exit_code == 1
    assert "was changed by somebody else just now" in ended.stderr
    assert file.read_text() == CONFIG + "// theirs\n"
    assert list(file.parent.iterdir()) == [file]


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
@pytest.mark.parametrize(("answer", "writes"), [("y", True), ("n", False), ("", False)])
def test_on_a_terminal_it_asks(answer: str, writes: bool, file: Path) -> None:
    import pty

    controller, terminal = pty.openpty()
    command = [sys.executable, "-m", "upcall.cli", "wrap", ".mcp.json"]
    with subprocess.Popen(command, stdin=terminal, stdout=terminal, stderr=terminal) as process:
        os.close(terminal)
        os.write(controller, f"{answer}\n".encode())
        shown = b""
        try:
            while more := os.read(controller, 4096):
                shown += more
        except OSError:  # how Linux says that the other end is closed
            pass
        assert process.wait(timeout=30) == 0
    os.close(controller)
    assert f"Write {file}? [y/N]".encode() in shown.replace(b"\r\n", b"")
    assert (file.read_text() != CONFIG) is writes
    assert shlex.quote(str(file)).encode() in shown
