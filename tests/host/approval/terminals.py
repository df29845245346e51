"""A terminal for `tests.host.approval.asker`: a real pseudo-terminal, with the test as the person at it."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
from time import monotonic
from types import TracebackType
from typing import Any, Self

_STYLE = re.compile(r"\x1b\[[0-9;]*m")
_ARMED = re.compile(r"\n  \d+:\d\d left( · \d+ more waiting)?")
_PATIENCE = 30.0


class Terminal:
    """Runs ``asker`` with questions at a terminal of so many columns and rows."""

    def __init__(
        self, *questions: dict[str, Any], columns: int = 80, rows: int = 40, spec: Any = None, **env: str
    ) -> None:
        self._ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self._theirs = theirs
        self.modes = termios.tcgetattr(theirs)
        self.raw = ""
        """All that was written to the terminal."""
        self._read = 0
        spec = {"questions": list(questions)} if spec is None else spec
        kept = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "EDITOR", "VISUAL")}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.host.approval.asker", os.ttyname(theirs), json.dumps(spec)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            start_new_session=True,
            env={**kept, "TERM": "xterm-256color", "PYTHONPATH": os.pathsep.join(sys.path), **env},
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.communicate()
        os.close(self._ours)
        os.close(self._theirs)

    @property
    def text(self) -> str:
        """What was written, without colours; what was overwritten has lines of its own."""
        return _STYLE.sub("", self.raw).replace("\r\n", "\n").replace("\r\x1b[K", "\n")

    def until(self, wanted: str) -> str:
        """Wait until ``wanted`` is there, after what was waited for before; what came up to it."""
        return self._until(re.compile(re.escape(wanted)))

    def armed(self) -> str:
        """Wait for the line that says how much time is left: from then on keys count."""
        return self._until(_ARMED)

    def _until(self, wanted: re.Pattern[str]) -> str:
        deadline = monotonic() + _PATIENCE
        while (found := wanted.search(self.text, self._read)) is None:
            assert monotonic() < deadline, f"no {wanted.pattern!r} after: {self.text[self._read :]!r}"
            self._pump(0.1)
        came = self.text[self._read : found.end()]
        self._read = found.end()
        return came

    def press(self, keys: str) -> None:
        """Type, at once."""
        os.write(self._ours, keys.encode())

    def answers(self) -> list[dict[str, Any]]:
        """Wait for the process to end; its answers, in order of the questions."""
        deadline = monotonic() + _PATIENCE
        while self._process.poll() is None:
            assert monotonic() < deadline, f"it still runs: {self.text[-2000:]!r}"
            self._pump(0.05)
        self._pump(0)
        assert self._process.stdout is not None
        lines = [json.loads(line) for line in self._process.stdout.read().splitlines()]
        assert self._process.returncode == 0
        return sorted(lines, key=lambda line: int(line["number"]))

    def _pump(self, timeout: float) -> None:
        while select.select([self._ours], [], [], timeout)[0]:
            self.raw += os.read(self._ours, 65536).decode()
            timeout = 0
