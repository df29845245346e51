"""docs/cli.md says what ``--help`` says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from upcall.cli import COMMANDS

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "cli.md"


@pytest.mark.parametrize("columns", ["40", "200"])
def test_the_page_is_what_the_commands_say_however_wide_the_terminal(
    columns: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    command = [sys.executable, "scripts/make_cli_docs.py", "--check"]
    checked = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert (checked.returncode, checked.stderr) == (0, "")


def test_the_page_has_every_command() -> None:
    headings = {line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("#")}
    assert headings >= {f"### upcall {name}" for name in COMMANDS}
    assert "#### upcall model install" in headings
