"""Finding the policy file, reading it, and noticing when it has changed.

The file is, of these, the first that exists: ``UPCALL_POLICY`` (which has to exist); ``upcall.toml`` in the current
directory or one above it, up to the root of the version control's working copy or the home directory; and
``upcall.toml`` in the user's configuration folder. One that was found in a project holds only while the user trusts
it (`upcall.host.policy.trusting`); until then nothing holds there, not even the user's own file: a project must not be
able to choose which policy is put aside, nor must a person believe that theirs is in force when it is not.

`PolicyFile` is *fresh* while the file on disk is the one that was read last, told by size, modification time and
inode. A file that has changed is read once: a good one becomes the current policy; a broken, a missing or an
untrusted one leaves the last good policy in force and is reported once.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from threading import Lock
from typing import TypeAlias

from upcall.errors import ConfigurationError
from upcall.host.policy.policy import Policy, parse_policy
from upcall.host.policy.trusting import entry_for, is_trusted

__all__ = [
    "FILE_NAME",
    "PolicyFile",
    "find_policy",
    "load_policy",
    "locate_policy",
    "needs_trust",
    "read_policy_text",
    "user_policy_path",
]

FILE_NAME = "upcall.toml"
VARIABLE = "UPCALL_POLICY"
_WORKING_COPIES = (".git", ".hg", ".jj", ".svn")

_Signature: TypeAlias = tuple[int, int, int]

_log = logging.getLogger("upcall.host.policy")


def find_policy(start: Path | None = None, env: Mapping[str, str] | None = None) -> Path | None:
    """The policy file that holds for work in ``start``, ``None`` when there is none.

    Give it to ``load_policy(path, found=True)`` or ``PolicyFile(path, found=True)``, which look again.

    Args:
        start: A directory; the current one when ``None``.
        env: The environment; the process's when ``None``.

    Raises:
        ConfigurationError: As `locate_policy`; or the user does not trust the file that was found.
    """
    path = locate_policy(start, env)
    if path is not None and needs_trust(path, env):
        _check_trust(path, read_policy_text(path))
    return path


def locate_policy(start: Path | None = None, env: Mapping[str, str] | None = None) -> Path | None:
    """The file that would hold for work in ``start`` if the user trusts it: to look at, not to go by.

    Outside of working copies and the home directory only ``start`` itself is looked at, and a file found in a project
    counts only when it belongs to the user: others may write into ``/tmp``.

    Raises:
        ConfigurationError: ``UPCALL_POLICY`` names no file, or the file that was found is somebody else's.
    """
    env = os.environ if env is None else env
    if named := env.get(VARIABLE):
        path = Path(named).expanduser()
        if not path.is_file():
            raise ConfigurationError(
                f"{VARIABLE} names a policy file that does not exist.",
                hint="Correct it, or unset it to have the file found.",
                detail=str(path),
            )
        return path.absolute()
    for directory in _upwards(Path.cwd() if start is None else start.absolute()):
        path = directory / FILE_NAME
        if path.is_file():
            _check_owner(path)
            return path
    path = user_policy_path(env)
    return path if path.is_file() else None


def needs_trust(path: Path, env: Mapping[str, str] | None = None) -> bool:
    """Whether the file at ``path``, which `locate_policy` gave, holds only when the user trusts it."""
    env = os.environ if env is None else env
    chosen = [user_policy_path(env)]
    if named := env.get(VARIABLE):
        chosen.append(Path(named).expanduser())
    return path.absolute() not in [one.absolute() for one in chosen]


def user_policy_path(env: Mapping[str, str] | None = None) -> Path:
    """Where the user's own policy file is, or would be."""
    env = os.environ if env is None else env
    if sys.platform == "win32":
        base = env.get("APPDATA") or str(Path.home() / "AppData" / "Roaming")
    elif own := env.get("XDG_CONFIG_HOME"):
        base = own
    elif sys.platform == "darwin":
        base = str(Path.home() / "Library" / "Application Support")
    else:
        base = str(Path.home() / ".config")
    return Path(base) / "upcall" / FILE_NAME


def load_policy(path: Path | None, *, found: bool = False) -> Policy:
    """The policy in the file at ``path``; ``None`` gives the built-in defaults, which hold when there is no file.

    Args:
        path: The file.
        found: It comes from `find_policy`; one of a project has to be trusted.

    Raises:
        ConfigurationError: The file cannot be read, something is wrong with it, or it is not trusted.
    """
    if path is None:
        return parse_policy("")
    text = read_policy_text(path)
    if found and needs_trust(path):
        _check_trust(path, text)
    return parse_policy(text, str(path))


class PolicyFile:
    """A policy file that may change while it is in use. May be asked from any thread.

    Args:
        path: The file.
        found: It comes from `find_policy`; one of a project has to be trusted, after each change again.

    Raises:
        ConfigurationError: The file cannot be read, something is wrong with it, or it is not trusted, at the start.
    """

    def __init__(self, path: Path, *, found: bool = False) -> None:
        self._path = path
        self._found = found
        self._entry = entry_for(path) if found and needs_trust(path) else None
        self._lock = Lock()
        self._seen = self._look()
        self._policy = load_policy(path, found=found)

    @property
    def path(self) -> Path:
        """The file."""
        return self._path

    def current(self) -> Policy:
        """The policy that is in force now. Costs one look at the file's metadata when nothing has changed."""
        with self._lock:
            signature = self._look()
            if signature != self._seen:
                self._seen = signature
                self._reload()
            return self._policy

    def _look(self) -> tuple[_Signature | None, _Signature | None]:
        return _signature(self._path), None if self._entry is None else _signature(self._entry)

    def _reload(self) -> None:
        try:
            self._policy = load_policy(self._path, found=self._found)
        except ConfigurationError as error:
            _log.error("%s: %s The last good policy stays in force. %s", self._path, error, error.detail)
        else:
            _log.info("%s has changed and is in force", self._path)


def _upwards(start: Path) -> Iterator[Path]:
    """``start`` and the directories above it, up to where the project or the user's files end."""
    home = Path.home()
    directories = (start, *start.parents)
    for number, directory in enumerate(directories):
        if directory == home or any((directory / mark).exists() for mark in _WORKING_COPIES):
            return iter(directories[: number + 1])
    return iter((start,))


def _check_owner(path: Path) -> None:
    if sys.platform == "win32" or os.getuid() == 0:  # root reads what users mounted into its container
        return
    if path.stat().st_uid not in (os.getuid(), 0):
        raise ConfigurationError(
            f"The {FILE_NAME} of this project belongs to another user.",
            hint=f"Look at it; to use it all the same, set {VARIABLE} to its path.",
            detail=str(path),
        )


def _check_trust(path: Path, text: str) -> None:
    if not is_trusted(path, text):
        known = entry_for(path).exists()
        raise ConfigurationError(
            f"The {FILE_NAME} of this project "
            + ("has changed since you trusted it." if known else "is not trusted: somebody else may have written it."),
            hint="Read it, and run `upcall policy trust` there to let it hold.",
            detail=str(path),
        )


def read_policy_text(path: Path) -> str:
    """What stands in the file at ``path``.

    Raises:
        ConfigurationError: It cannot be read, or is not UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise ConfigurationError("The policy file is not UTF-8.", detail=str(path)) from None
    except OSError as error:
        raise ConfigurationError("The policy file cannot be read.", detail=f"{path}: {error.strerror}") from None


def _signature(path: Path) -> _Signature | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
