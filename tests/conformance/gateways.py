"""Gateways in processes of their own, for the suite."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.conformance.npm import ROOT

__all__ = ["gateway"]

_STOP_SECONDS = 20


@contextmanager
def gateway(folder: Path, behind: Sequence[str], answers: str) -> Iterator[str]:
    """A gateway on HTTP, without a model that could answer; gives its address.

    Args:
        folder: For its files.
        behind: Its last options: what it is in front of.
        answers: Who answers.
    """
    policy, log = folder / "policy.toml", folder / "gateway.log"
    policy.write_text('[default]\ndecision = "allow"\n')
    options = ["--policy", str(policy), "--store", str(folder / "store.sqlite3")]
    options += ["--model", "openai/none@http://127.0.0.1:9/v1"]
    command = [sys.executable, "-m", "upcall.cli", "gateway", "--name", "suite", "--answers", answers, *options]
    command += ["--listen", "127.0.0.1:0", *behind]
    with log.open("w") as errors, log.open() as read:
        with subprocess.Popen(command, cwd=ROOT, stderr=errors, env=os.environ | {"OPENAI_API_KEY": "none"}) as process:
            try:
                said = ""
                while "\n" not in said:
                    assert process.poll() is None, log.read_text()
                    said += read.readline()
                yield said.split()[-1]
            finally:
                process.terminate()
                assert process.wait(_STOP_SECONDS) == 0
