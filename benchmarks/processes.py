"""Child processes that answer in lines of JSON."""

from __future__ import annotations

import json
import os
import select
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import IO, Any

from benchmarks.envs import ROOT

__all__ = ["Process", "ProcessFailed", "process"]

_GOODBYE_SECONDS = 20
_ANSWER_SECONDS = 60
"""Many times what the slowest order takes; a peer that lost an answer is not waited for any longer."""


class ProcessFailed(Exception):
    """A process ended, or hangs; the last of what it said on standard error."""


class Process:
    """A child process: JSON lines in, JSON lines out."""

    def __init__(self, child: subprocess.Popen[str], errors: IO[str]) -> None:
        self._child = child
        self._errors = errors

    def read(self, seconds: float = _ANSWER_SECONDS) -> dict[str, Any]:
        """The next line that the process writes.

        Raises:
            ProcessFailed: It ended instead, or wrote nothing for that long.
        """
        assert self._child.stdout is not None
        # One line is one answer, so nothing is left in the reader's buffer that this could miss.
        if not select.select([self._child.stdout], [], [], seconds)[0]:
            self._child.kill()
            raise ProcessFailed(f"it gave no answer for {seconds:g} s")
        line = self._child.stdout.readline()
        if not line:
            self._child.wait(timeout=_GOODBYE_SECONDS)
            self._errors.seek(0)
            said = [line for line in self._errors.read().splitlines() if line.strip(" |+-")]
            raise ProcessFailed(said[-1].strip(" |") if said else "it ended without a word")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def order(self, order: Mapping[str, Any]) -> dict[str, Any]:
        """Give an order, and wait for what comes of it."""
        assert self._child.stdin is not None
        self._child.stdin.write(json.dumps(order) + "\n")
        self._child.stdin.flush()
        return self.read()


@contextmanager
def process(python: str, module: str, *arguments: str) -> Iterator[Process]:
    """Run ``python -m module arguments…``; it is to end when its standard input closes."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "MCP_USE_ANONYMIZED_TELEMETRY": "false"}
    with tempfile.TemporaryFile("w+") as errors:
        child = subprocess.Popen(
            [python, "-m", module, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env=environment,
            cwd=ROOT,
        )
        assert child.stdin is not None
        assert child.stdout is not None
        try:
            yield Process(child, errors)
        finally:
            child.stdin.close()
            try:
                child.wait(timeout=_GOODBYE_SECONDS)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
            child.stdout.close()
