"""Trust: which policy files of projects the user has looked at and accepted, in the words they have now.

A project that somebody else wrote can bring a policy: one that allows everything, or names a program to run. So a file
that was merely *found* is *unknown* until the user trusts it, then *trusted*, and *changed* as soon as other words
stand in it; only a trusted one holds. A file that was named (on the command line, in ``UPCALL_POLICY``, to `Host`) and
the one in the user's configuration folder need no trust.

Kept in the user's folder for state, one file for each policy, readable and writable by the user alone: an entry that
anybody else could have written counts for nothing.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import sys
from contextlib import suppress
from pathlib import Path
from stat import S_ISREG

from upcall.errors import ConfigurationError
from upcall.store import state_folder

__all__ = ["distrust", "entry_for", "is_trusted", "trust"]


def entry_for(path: Path) -> Path:
    """Where it is kept that the policy file at ``path`` is trusted."""
    return state_folder() / "trusted" / hashlib.sha256(os.fsencode(_place(path))).hexdigest()


def is_trusted(path: Path, text: str) -> bool:
    """Whether the user trusts the file at ``path`` with ``text`` in it."""
    try:
        descriptor = os.open(entry_for(path), os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
        with os.fdopen(descriptor, encoding="utf-8") as entry:
            return _is_ours(descriptor) and entry.readline().strip() == _hash(text)
    except (OSError, UnicodeDecodeError):
        return False


def trust(path: Path, text: str) -> None:
    """Have the file at ``path`` hold where it is found, as long as ``text`` stands in it.

    Raises:
        ConfigurationError: That cannot be kept.
    """
    entry = entry_for(path)
    draft = entry.with_name(f"{entry.name}.{secrets.token_hex(4)}")
    try:
        state_folder().mkdir(mode=0o700, parents=True, exist_ok=True)  # its parents are anybody's, this is ours
        entry.parent.mkdir(mode=0o700, exist_ok=True)
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="surrogateescape") as file:
            file.write(f"{_hash(text)}\n{_place(path)}\n")
        draft.replace(entry)
    except OSError as error:
        with suppress(OSError):
            draft.unlink()
        raise ConfigurationError(
            f"It cannot be kept that this policy file is trusted: {error.strerror}.",
            hint="UPCALL_POLICY can name the file instead.",
            detail=str(entry),
        ) from None


def distrust(path: Path) -> bool:
    """Take it back; false when the file was not trusted.

    Raises:
        ConfigurationError: The entry cannot be removed.
    """
    try:
        entry_for(path).unlink()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise ConfigurationError(f"The trust cannot be taken back: {error.strerror}.", detail=str(path)) from None
    return True


def _place(path: Path) -> Path:
    """Where it was found: a link in one project to the file of another is not that file."""
    return path.parent.resolve() / path.name


def _is_ours(descriptor: int) -> bool:
    found = os.fstat(descriptor)
    if not S_ISREG(found.st_mode):
        return False
    return sys.platform == "win32" or (found.st_uid == os.getuid() and not found.st_mode & 0o022)


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
