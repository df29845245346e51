"""`Child`: a server's process and the ends of its pipes."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

__all__ = ["Child"]

_WINDOWS = os.name == "nt"


class Child:
    """Starts ``argv`` at once, without a shell, in a process group of its own.

    Args:
        argv: The program and its arguments, as they are.
        env: The whole environment; ``None``: ours.
        cwd: The directory it runs in; ``None``: ours.
        stderr: Descriptor of its standard error, which stays the caller's; ``None``: ours.

    Raises:
        OSError: It cannot be started; `FileNotFoundError` when there is no such program.
    """

    def __init__(
        self,
        argv: Sequence[str],
        env: Mapping[str, str] | None = None,
        *,
        cwd: str | os.PathLike[str] | None = None,
        stderr: int | None = None,
    ) -> None:
        command = list(argv)
        group: dict[str, Any] = {"process_group": 0}
        if _WINDOWS:
            import shutil  # CreateProcess does not find npx.cmd by the name npx

            command[0] = shutil.which(command[0]) or command[0]
            group = {"creationflags": getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)}
        self._process: subprocess.Popen[bytes] = subprocess.Popen(  # noqa: S603 - the user's own command
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            bufsize=0,
            env=env,
            cwd=cwd,
            **group,
        )

        # Popen's file objects would close the descriptors when they are collected.
        self._pipes = _own(self._process.stdout), _own(self._process.stdin)

    @property
    def pid(self) -> int:
        """Process id; also that of its group."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """As a shell gives it: 128 + n when signal n ended it. ``None`` while it runs, as far as `watch` knows."""
        code = self._process.returncode
        return code if code is None or code >= 0 or _WINDOWS else 128 - code

    def pipes(self) -> tuple[int, int]:
        """File descriptors: its output (to read from) and its input (to write to). They are the caller's to close."""
        return self._pipes

    def watch(self, died: Callable[[], None]) -> None:
        """Call ``died`` once when the process has ended; from another thread."""

        def wait() -> None:
            self._process.wait()
            died()

        threading.Thread(target=wait, name=f"upcall child {self.pid}", daemon=True).start()

    def terminate(self) -> None:
        """Ask it and its group to end (SIGTERM). Nothing happens when it has ended."""
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it and its group (SIGKILL)."""
        self._signal(signal.SIGTERM if _WINDOWS else signal.SIGKILL)

    def _signal(self, number: int) -> None:
        if self._process.returncode is not None:
            return  # its id may be somebody else's by now
        try:
            if _WINDOWS:
                self._process.terminate()
            else:
                os.killpg(self.pid, number)
        except (ProcessLookupError, PermissionError):
            pass


def _own(stream: object) -> int:
    number = os.dup(stream.fileno())  # type: ignore[attr-defined]
    stream.close()  # type: ignore[attr-defined]
    return number
