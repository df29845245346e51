"""Policy files of projects hold only while the user trusts them, word for word."""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path

import pytest

from upcall.errors import ConfigurationError
from upcall.host.policy import (
    PolicyFile,
    distrust,
    find_policy,
    is_trusted,
    load_policy,
    needs_trust,
    trust,
    user_policy_path,
)
from upcall.host.policy.trusting import entry_for

ALLOW = '[default]\ndecision = "allow"\n'
DENY = '[default]\ndecision = "deny"\n'


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with a policy of its own, and a user with theirs."""
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(tmp_path))
    for name in ("XDG_CONFIG_HOME", "APPDATA"):
        monkeypatch.setenv(name, str(tmp_path / "config"))
    for name in ("XDG_STATE_HOME", "LOCALAPPDATA"):
        monkeypatch.setenv(name, str(tmp_path / "state"))
    monkeypatch.delenv("UPCALL_POLICY", raising=False)
    user_policy_path().parent.mkdir(parents=True)
    user_policy_path().write_text(DENY)
    project = tmp_path / "project"
    (project / ".git").mkdir(parents=True)
    (project / "upcall.toml").write_text(ALLOW)
    return project


def test_a_file_that_nobody_trusts_is_an_error_and_not_passed_over(project: Path) -> None:
    with pytest.raises(ConfigurationError, match="is not trusted") as caught:
        find_policy(project)
    assert "upcall policy trust" in caught.value.hint
    assert caught.value.detail == str(project / "upcall.toml")


def test_a_trusted_file_holds_until_its_words_change_and_again_when_they_are_back(project: Path) -> None:
    path = project / "upcall.toml"
    trust(path, ALLOW)
    assert find_policy(project) == path
    path.write_text(ALLOW + "# more")
    with pytest.raises(ConfigurationError, match="has changed since you trusted it"):
        find_policy(project)
    path.write_text(ALLOW)
    assert find_policy(project) == path
    assert distrust(path)
    assert not distrust(path)
    with pytest.raises(ConfigurationError, match="is not trusted"):
        find_policy(project)


def test_trust_is_for_one_place(project: Path, tmp_path: Path) -> None:
    trust(project / "upcall.toml", ALLOW)
    other = tmp_path / "other"
    other.mkdir()
    (other / "upcall.toml").write_text(ALLOW)
    assert not is_trusted(other / "upcall.toml", ALLOW)
    link = tmp_path / "link"
    link.symlink_to(project, target_is_directory=True)
    assert is_trusted(link / "upcall.toml", ALLOW), "another way to the same place"
    (other / "upcall.toml").unlink()
    (other / "upcall.toml").symlink_to(project / "upcall.toml")
    assert not is_trusted(other / "upcall.toml", ALLOW), "a stranger's project that points to a file of yours"


def test_what_the_user_named_or_wrote_for_all_projects_needs_no_trust(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty = tmp_path / "empty"
    (empty / ".git").mkdir(parents=True)
    assert find_policy(empty) == user_policy_path()
    assert find_policy(user_policy_path().parent) == user_policy_path(), "found from inside the folder, too"
    monkeypatch.setenv("UPCALL_POLICY", str(project / "upcall.toml"))
    assert not needs_trust(project / "upcall.toml")
    assert find_policy(empty) == project / "upcall.toml"
    assert needs_trust(empty / "upcall.toml"), "what is named is that file, and no other"
    assert load_policy(project / "upcall.toml").rules_for("logs").decision == "allow"


def test_a_file_that_changes_between_finding_and_reading_is_not_read(project: Path) -> None:
    path = project / "upcall.toml"
    trust(path, ALLOW)
    found = find_policy(project)
    path.write_text(ALLOW.replace("allow", "deny"))
    assert found is not None
    with pytest.raises(ConfigurationError, match="has changed"):
        load_policy(found, found=True)
    with pytest.raises(ConfigurationError, match="has changed"):
        PolicyFile(found, found=True)


def test_a_change_under_a_running_host_holds_when_it_is_trusted_and_not_before(
    project: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = project / "upcall.toml"
    path.write_text(DENY)
    trust(path, DENY)
    file = PolicyFile(path, found=True)
    path.write_text(ALLOW)
    with caplog.at_level(logging.ERROR, "upcall.host.policy"):
        assert [file.current().rules_for("logs").decision for _ in range(3)] == ["deny"] * 3
    assert len(caplog.records) == 1
    assert "upcall policy trust" in caplog.text
    trust(path, ALLOW)
    assert file.current().rules_for("logs").decision == "allow", "the file itself has not changed since"


@pytest.mark.skipif(sys.platform == "win32", reason="modes and owners are of POSIX")
def test_an_entry_is_the_users_alone(project: Path) -> None:
    path = project / "upcall.toml"
    trust(path, ALLOW)
    entry = entry_for(path)
    assert entry.stat().st_mode & 0o777 == 0o600
    assert entry.parent.stat().st_mode & 0o777 == 0o700
    assert entry.parent.parent.stat().st_mode & 0o777 == 0o700, "the record goes there, too"
    assert [one.name for one in entry.parent.iterdir()] == [entry.name]
    entry.chmod(0o666)
    assert not is_trusted(path, ALLOW), "anybody could have written it"
    entry.chmod(0o600)
    assert is_trusted(path, ALLOW)
    moved = entry.with_name("elsewhere")
    entry.rename(moved)
    entry.symlink_to(moved)
    assert not is_trusted(path, ALLOW)


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() != 0, reason="only root can give files away")
def test_an_entry_that_another_user_owns_counts_for_nothing(project: Path) -> None:
    path = project / "upcall.toml"
    trust(path, ALLOW)
    os.chown(entry_for(path), 12345, -1)
    assert not is_trusted(path, ALLOW)


def test_an_entry_that_cannot_be_kept_is_an_error(project: Path, tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file where the folder should be")
    with pytest.raises(ConfigurationError, match="It cannot be kept"):
        trust(project / "upcall.toml", ALLOW)
    assert not is_trusted(project / "upcall.toml", ALLOW)
