"""Where the weights lie, and whether they are there."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from upcall.errors import ConfigurationError
from upcall.models.embedded import SMOLLM2, cache_dir, find_weights, need_weights


def _file_of_size(path: Path, size: int) -> Path:
    path.parent.mkdir(parents=True)
    path.touch()
    os.truncate(path, size)
    return path


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("UPCALL_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_upcall_cache_overrides_everything(cache: Path) -> None:
    assert cache_dir() == cache


@pytest.mark.parametrize(
    ("platform", "variable", "expected"),
    [
        ("linux", "XDG_CACHE_HOME", "base/upcall"),
        ("linux", None, "home/.cache/upcall"),
        ("darwin", None, "home/Library/Caches/upcall"),
        ("win32", "LOCALAPPDATA", "base/upcall"),
        ("win32", None, "home/AppData/Local/upcall"),
    ],
)
def test_the_cache_is_where_the_platform_keeps_caches(
    platform: str, variable: str | None, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("UPCALL_CACHE", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr(Path, "home", lambda: tmp_path / "home")
    if variable:
        monkeypatch.setenv(variable, str(tmp_path / "base"))
    assert cache_dir() == tmp_path / expected


def test_nothing_is_found_in_an_empty_cache_and_the_error_names_the_command(cache: Path) -> None:
    assert find_weights() is None
    with pytest.raises(ConfigurationError, match="upcall model install smollm2") as caught:
        need_weights()
    assert str(cache) not in str(caught.value)


def test_a_file_of_the_right_size_is_found(cache: Path) -> None:
    path = _file_of_size(cache / "models" / "smollm2" / SMOLLM2.file_name, SMOLLM2.size)
    assert find_weights() == need_weights() == path


def test_a_file_of_another_size_is_not(cache: Path) -> None:
    _file_of_size(cache / "models" / "smollm2" / SMOLLM2.file_name, SMOLLM2.size - 1)
    assert find_weights() is None


@pytest.mark.usefixtures("cache")
def test_an_installed_package_is_located_without_being_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = _file_of_size(tmp_path / "site" / SMOLLM2.module / SMOLLM2.file_name, SMOLLM2.size)
    (path.parent / "__init__.py").write_text("raise RuntimeError('imported')")
    monkeypatch.syspath_prepend(tmp_path / "site")
    assert find_weights() == path
    assert SMOLLM2.module not in sys.modules


def test_an_unknown_name_is_told_the_known_ones() -> None:
    with pytest.raises(ConfigurationError, match="smollm2"):
        find_weights("gpt-5")
