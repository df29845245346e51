"""Fuzzing with coverage as the guide (atheris), for as long as ``make test-all`` may take."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.gateway.session.talk import FORM, SAMPLING, ask, call, initialize, required

ROOT = Path(__file__).resolve().parent.parent.parent
SECONDS = 60


@pytest.mark.slow
@pytest.mark.timeout(SECONDS + 120)
@pytest.mark.skipif(importlib.util.find_spec("atheris") is None, reason="atheris is there for Linux on x86_64 alone")
def test_a_fuzzer_finds_nothing_in_frames_and_sessions(tmp_path: Path) -> None:
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    for n, message in enumerate(
        (
            initialize(),
            call(1),
            call(1, modern=False),
            ask(3),
            required(1, "s", k=SAMPLING, f=FORM),
            {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}},
            [ask(3), {"jsonrpc": "2.0", "id": 1, "result": {}}],
        )
    ):
        (corpus / f"frame-{n}").write_bytes(b"\x01" + json.dumps(message).encode())
    (corpus / "choices").write_bytes(b"\x00" + bytes(range(256)) * 3)
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "tests.fuzz.session",
            f"-max_total_time={SECONDS}",
            "-max_len=4096",
            "-timeout=20",
            "-rss_limit_mb=2048",
            f"-artifact_prefix={tmp_path}/",
            str(corpus),
        ],
        check=False,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=SECONDS + 100,
    )
    assert done.returncode == 0, (done.stdout + done.stderr)[-6000:]
    runs = [line for line in done.stderr.splitlines() if line.startswith("Done ")]
    assert runs, done.stderr[-2000:]
    assert int(runs[0].split()[1]) > 1000
