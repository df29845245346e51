"""Reading and replacing a config file without ever leaving half of one."""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from itertools import count
from pathlib import Path

from upcall.errors import ConfigurationError

__all__ = ["backed_up", "read", "replaced"]


def read(path: Path) -> tuple[Path, str]:
    """The file that ``path`` leads to, through symbolic links, and its text with the line ends that it has.

    Raises:
        ConfigurationError: It is not there, cannot be read, or is not UTF-8.
    """
    try:
        target = path.expanduser().resolve(strict=True)
        if not target.is_file():
            raise ConfigurationError(f"This is not a file: {path}")
        return target, target.read_bytes().decode()
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise ConfigurationError(f"{path} is not UTF-8 text.", hint="Save it as UTF-8 first.") from None


def backed_up(path: Path, text: str) -> Path:
    """A new file beside ``path`` with ``text``, readable by whom ``path`` is; earlier ones stay.

    Raises:
        ConfigurationError: It cannot be written.
    """
    mode = stat.S_IMODE(path.stat().st_mode)
    for number in count(1):
        backup = path.with_name(f"{path.name}.upcall-backup-{number}")
        try:
            handle = os.open(backup, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        except FileExistsError:
            continue
        except OSError as error:
            raise ConfigurationError(f"The backup {backup} cannot be written: {error.strerror}.") from None
        with os.fdopen(handle, "wb") as file:
            file.write(text.encode())
        return backup
    raise AssertionError("numbers do not end")


def replaced(path: Path, text: str, *, was: str | None, mode: int | None = None) -> None:
    """Give ``path`` a new text in one step; the mode bits stay, or become ``mode``.

    Args:
        path: The file itself, no symbolic link.
        text: What it shall hold.
        was: What it must hold until now; ``None`` for a file that may be new.
        mode: The mode bits; needed for a file that may be new.

    Raises:
        ConfigurationError: It cannot be written, or holds something else by now. Then it is as it was.
    """
    name = ""
    try:
        if mode is None:
            mode = stat.S_IMODE(path.stat().st_mode)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        with os.fdopen(handle, "wb") as file:
            file.write(text.encode())
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(mode)
        if was is not None:
            _keep_owner(path, name)
            if path.read_bytes() != was.encode():
                raise ConfigurationError(
                    f"{path} was changed by somebody else just now.", hint="Run the command again."
                )
        os.replace(name, path)  # noqa: PTH105 - Path.replace is the same with more words
        name = ""
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be written: {error.strerror}.") from None
    finally:
        if name:
            Path(name).unlink(missing_ok=True)


def _keep_owner(path: Path, name: str) -> None:
    found = path.stat()
    if hasattr(os, "chown") and (found.st_uid, found.st_gid) != (os.geteuid(), os.getegid()):
        with contextlib.suppress(OSError):  # only root may give files away
            os.chown(name, found.st_uid, found.st_gid)
