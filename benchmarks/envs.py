"""Environments of peers that cannot share ours: older majors of the same packages.

Each has a file of pinned requirements, ``benchmarks/envs/<name>.txt``, and is made on demand as
``benchmarks/.envs/<name>`` (not in version control). It is made anew when its requirements change.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

__all__ = ["ROOT", "EnvironmentFailed", "python_of"]

ROOT = Path(__file__).resolve().parent.parent
_HERE = Path(__file__).resolve().parent
_INSTALL_SECONDS = 600


class EnvironmentFailed(Exception):
    """A peer could not be installed."""


def python_of(name: str | None, say: Callable[[str], None]) -> str:
    """The interpreter of an environment, which is made first if need be; ``None`` is our own.

    Raises:
        EnvironmentFailed: pip could not install it; the last line of what it said.
    """
    if name is None:
        return sys.executable
    requirements = _HERE / "envs" / f"{name}.txt"
    folder = _HERE / ".envs" / name
    stamp, python = folder / "requirements.txt", folder / "bin" / "python"
    wanted = requirements.read_text(encoding="utf-8")
    if python.exists() and stamp.exists() and stamp.read_text(encoding="utf-8") == wanted:
        return str(python)
    say(f"installing {', '.join(wanted.split())} into {folder.relative_to(ROOT)}")
    shutil.rmtree(folder, ignore_errors=True)
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", str(requirements)]
    for command in ([sys.executable, "-m", "venv", str(folder)], pip):
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=_INSTALL_SECONDS, check=False)
        except subprocess.TimeoutExpired:
            raise EnvironmentFailed(f"not installed after {_INSTALL_SECONDS} s") from None
        if done.returncode:
            said = [line for line in done.stderr.splitlines() if line and not line.startswith("WARNING")]
            raise EnvironmentFailed(said[-1] if said else f"{command[2]} ended with {done.returncode}")
    stamp.write_text(wanted, encoding="utf-8")
    return str(python)
