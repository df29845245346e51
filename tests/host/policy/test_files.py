"""Finding the policy file, and following its changes."""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path

import pytest

from upcall.errors import ConfigurationError
from upcall.host.policy import PolicyFile, find_policy, load_policy, locate_policy, user_policy_path


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home directory, and nothing of the real user's settings."""
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("USERPROFILE", str(home))
    for name in ("XDG_CONFIG_HOME", "XDG_STATE_HOME", "APPDATA", "LOCALAPPDATA", "UPCALL_POLICY"):
        monkeypatch.delenv(name, raising=False)
    return home


def put(path: Path, text: str = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("mark", [".git", ".hg", ".jj", ".svn"])
def test_the_project_is_searched_up_to_the_root_of_the_working_copy(home: Path, mark: str) -> None:
    above = put(home / "upcall.toml")
    deep = home / "project" / "a" / "b"
    deep.mkdir(parents=True)
    assert locate_policy(deep) == above
    (home / "project" / mark).mkdir()
    assert locate_policy(deep) is None
    at_the_root = put(home / "project" / "upcall.toml")
    assert locate_policy(deep) == at_the_root
    nearer = put(home / "project" / "a" / "upcall.toml")
    assert locate_policy(deep) == nearer


def test_a_worktree_has_a_file_for_its_git_directory(home: Path) -> None:
    put(home / "upcall.toml")
    put(home / "project" / ".git", "gitdir: elsewhere")
    assert locate_policy(home / "project") is None


@pytest.mark.usefixtures("home")
def test_outside_of_projects_and_home_only_the_directory_itself_counts(tmp_path: Path) -> None:
    planted = put(tmp_path / "shared" / "upcall.toml")
    work = tmp_path / "shared" / "work"
    work.mkdir()
    assert locate_policy(work) is None
    assert locate_policy(planted.parent) == planted


@pytest.mark.skipif(sys.platform == "win32", reason="files have owners elsewhere")
def test_a_file_of_another_user_is_refused(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = put(home / "upcall.toml")
    monkeypatch.setattr(os, "getuid", lambda: path.stat().st_uid + 1)
    if path.stat().st_uid == 0:  # what root put there is trusted, so somebody else has to own it
        os.chown(path, 12345, -1)
        monkeypatch.setattr(os, "getuid", lambda: 54321)
    with pytest.raises(ConfigurationError, match="belongs to another user") as caught:
        locate_policy(home)
    assert str(path) not in str(caught.value)
    monkeypatch.setenv("UPCALL_POLICY", str(path))
    assert find_policy(home) == path


def test_the_users_own_file_comes_last(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / "cfg"))
    monkeypatch.setenv("APPDATA", str(home / "cfg"))
    assert user_policy_path() == home / "cfg" / "upcall" / "upcall.toml"
    assert locate_policy(home) is None
    own = put(user_policy_path())
    assert locate_policy(home) == find_policy(home) == own, "and needs no trust"
    project = put(home / "upcall.toml")
    assert locate_policy(home) == project


@pytest.mark.parametrize(
    ("platform", "where"),
    [
        ("linux", ".config/upcall/upcall.toml"),
        ("darwin", "Library/Application Support/upcall/upcall.toml"),
        ("win32", "AppData/Roaming/upcall/upcall.toml"),
    ],
)
def test_each_platform_has_its_configuration_folder(
    home: Path, monkeypatch: pytest.MonkeyPatch, platform: str, where: str
) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    assert user_policy_path({}) == home / where


def test_the_variable_comes_first_and_has_to_name_a_file(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(home / "upcall.toml")
    other = put(home / "elsewhere" / "policy.toml")
    monkeypatch.setenv("UPCALL_POLICY", "~/elsewhere/policy.toml")
    assert locate_policy(home) == other
    monkeypatch.setenv("UPCALL_POLICY", str(home / "missing.toml"))
    with pytest.raises(ConfigurationError, match="does not exist"):
        locate_policy(home)


def test_the_current_directory_is_where_one_starts(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = put(home / "work" / "upcall.toml")
    monkeypatch.chdir(path.parent)
    assert locate_policy() == path


def test_no_file_is_the_built_in_policy() -> None:
    assert load_policy(None).file is None
    assert load_policy(None).rules_for("logs").decision == "ask"


def test_a_byte_order_mark_is_no_problem(tmp_path: Path) -> None:
    path = tmp_path / "upcall.toml"
    path.write_bytes(b'\xef\xbb\xbf[default]\r\ndecision = "deny"\r\n')
    assert load_policy(path).rules_for("logs").decision == "deny"


@pytest.mark.parametrize("bad", ["missing", "directory", "latin"])
def test_a_file_that_cannot_be_read_says_so_without_its_path(tmp_path: Path, bad: str) -> None:
    (tmp_path / "directory").mkdir()
    (tmp_path / "latin").write_bytes(b'x = "\xfc"')
    with pytest.raises(ConfigurationError) as caught:
        load_policy(tmp_path / bad)
    assert str(tmp_path) not in str(caught.value)
    assert str(tmp_path) in caught.value.detail


def decision(file: PolicyFile) -> str:
    return file.current().rules_for("logs").decision


def test_a_changed_file_is_in_force_at_the_next_look(tmp_path: Path) -> None:
    path = put(tmp_path / "upcall.toml", '[default]\ndecision = "allow"')
    file = PolicyFile(path)
    first = file.current()
    assert file.current() is first
    put(path, '[default]\ndecision = "deny"')
    assert decision(file) == "deny"
    assert first.rules_for("logs").decision == "allow", "a policy that was handed out does not change"


def test_a_replaced_file_of_the_same_size_and_time_is_noticed(tmp_path: Path) -> None:
    path = put(tmp_path / "upcall.toml", '[default]\ndecision = "ask"  ')
    file = PolicyFile(path)
    before = path.stat()
    other = put(tmp_path / "other.toml", '[default]\ndecision = "allow"')
    os.utime(other, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert other.stat().st_size == before.st_size
    other.replace(path)
    assert decision(file) == "allow"


@pytest.mark.parametrize("broken", ['[default]\ndecision = "alow"', "[default", None])
def test_a_broken_or_missing_file_leaves_the_last_good_policy_and_is_reported_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, broken: str | None
) -> None:
    path = put(tmp_path / "upcall.toml", '[default]\ndecision = "deny"')
    file = PolicyFile(path)
    with caplog.at_level(logging.ERROR, "upcall.host.policy"):
        if broken is None:
            path.unlink()
        else:
            put(path, broken)
        assert [decision(file) for _ in range(3)] == ["deny"] * 3
    assert len(caplog.records) == 1
    assert "The last good policy stays in force" in caplog.text
    put(path, '[default]\ndecision = "allow"')
    assert decision(file) == "allow"


def test_a_policy_that_is_broken_from_the_start_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="has a problem"):
        PolicyFile(put(tmp_path / "upcall.toml", "nonsense = 1"))


def test_a_look_at_an_unchanged_file_does_not_read_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = PolicyFile(put(tmp_path / "upcall.toml"))
    monkeypatch.setattr(Path, "read_text", None)
    assert decision(file) == "ask"
