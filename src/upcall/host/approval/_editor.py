"""The person's own editor, on their terminal."""

from __future__ import annotations

import os
import shlex
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

import anyio
from anyio.abc import Process

from upcall.errors import ConfigurationError
from upcall.host.approval._tty import Tty

__all__ = ["edit", "editor_of"]

_FALLBACKS = ("nano", "vim", "vi")
_GRACE = 2.0


def editor_of(environment: dict[str, str] | None = None) -> list[str]:
    """``VISUAL``, ``EDITOR``, or what there is.

    Raises:
        ConfigurationError: There is none.
    """
    env = os.environ if environment is None else environment
    for name in ("VISUAL", "EDITOR"):
        if words := shlex.split(env.get(name, "")):
            return words
    found = next(filter(None, map(shutil.which, _FALLBACKS)), None)
    if found is None:
        raise ConfigurationError("There is no editor.", hint="Set EDITOR to one.")
    return [found]


async def edit(text: str, tty: Tty, editor: Sequence[str]) -> str | None:
    """``text`` as the person saved it; ``None`` when the editor failed, or nothing is left.

    The file lies in a folder of its own that only this user can read, and is removed afterwards. Cancellation ends
    the editor.

    Raises:
        ConfigurationError: The editor cannot be started, or the file cannot be written or read.
    """
    try:
        with tempfile.TemporaryDirectory(prefix="upcall-") as folder:
            path = Path(folder) / "request.json"
            path.write_text(text, encoding="utf-8")
            with tty.lent():
                process = await anyio.open_process([*editor, str(path)], stdin=tty.fd, stdout=tty.fd, stderr=tty.fd)
                code = await _waited(process)
            saved = path.read_text(encoding="utf-8") if code == 0 else ""
    except (OSError, UnicodeError) as error:
        raise ConfigurationError(f"The editor {editor[0]} could not be used.", detail=str(error)) from None
    return saved if saved.strip() else None


async def _waited(process: Process) -> int:
    try:
        return await process.wait()
    except anyio.get_cancelled_exc_class():
        process.terminate()
        with anyio.CancelScope(shield=True):
            with anyio.move_on_after(_GRACE) as scope:
                await process.wait()
            if scope.cancelled_caught:
                process.kill()
                await process.wait()
        raise
