"""Starting the processes of `tests.store.processes`, and talking with them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

_ROOT = Path(__file__).parents[2]


class Child:
    """One process."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        assert process.stdin is not None
        assert process.stdout is not None
        self._stdin, self._stdout = process.stdin, process.stdout

    def hear(self) -> Any:
        """The next thing it says. The test's own time limit bounds the wait."""
        line = self._stdout.readline()
        if not line:
            raise AssertionError(f"the process ended with {self.process.wait(timeout=10)}")
        return json.loads(line)

    def rest(self) -> list[Any]:
        """All that it said until it ended."""
        return [json.loads(line) for line in self._stdout if line.endswith("\n")]

    def go(self) -> None:
        """Open its gate."""
        self._stdin.write("\n")
        self._stdin.flush()

    def kill(self) -> None:
        """``kill -9``."""
        self.process.kill()
        self.process.wait(timeout=10)

    def end(self) -> None:
        """Wait until it has ended by itself."""
        assert self.process.wait(timeout=30) == 0


@contextmanager
def child(command: str, *arguments: str, module: str = "tests.store.processes") -> Iterator[Child]:
    """A process that runs ``command``; killed at the end if it still runs."""
    line = [sys.executable, "-m", module, command, *arguments]
    process = subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=_ROOT)
    with process:
        try:
            yield Child(process)
        finally:
            if process.poll() is None:
                process.kill()


@contextmanager
def children(*lines: Sequence[str], module: str = "tests.store.processes") -> Iterator[list[Child]]:
    """Several, all at their gates."""
    with ExitStack() as stack:
        started = [stack.enter_context(child(*line, module=module)) for line in lines]
        for one in started:
            assert one.hear() == "ready"
        yield started
