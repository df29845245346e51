"""Runs one scenario of the conformance suite and reads what it found."""

from __future__ import annotations

import json
import subprocess
import tempfile
from pathlib import Path
from typing import Any, Literal, NamedTuple

from tests.conformance.npm import ROOT, Programs

__all__ = ["Check", "Report", "Suite"]

_SCENARIO_SECONDS = 60


class Check(NamedTuple):
    """One thing that the suite looked at. ``status`` is its word: SUCCESS, FAILURE, WARNING, SKIPPED, INFO."""

    id: str
    status: str
    message: str
    result: dict[str, Any]
    """The server's result that it looked at, where it tells."""


class Report(NamedTuple):
    """What came out of one scenario."""

    scenario: str
    exit_code: int
    checks: list[Check]
    output: str

    @property
    def outcome(self) -> list[tuple[str, str]]:
        """Check by check, in an order that two runs can be compared in."""
        return sorted((check.id, check.status) for check in self.checks)

    @property
    def said(self) -> list[str]:
        """The texts of all complete results."""
        results = [check.result for check in self.checks]
        blocks = [block for result in results for block in result.get("content", [])]
        blocks += [message["content"] for result in results for message in result.get("messages", [])]
        return [block["text"] for block in blocks if block["type"] == "text"]

    @property
    def problem(self) -> str:
        """What did not pass, to be read by a person; empty when every check did."""
        bad = [check for check in self.checks if check.status not in ("SUCCESS", "INFO")]
        if self.exit_code == 0 and not bad and any(check.status == "SUCCESS" for check in self.checks):
            return ""
        lines = [f"{check.status} {check.id}: {check.message}" for check in bad] or [self.output[-3000:]]
        return "\n".join([f"{self.scenario} did not pass (exit code {self.exit_code}):", *lines])


class Suite:
    """The suite's command line."""

    def __init__(self, programs: Programs) -> None:
        self._command = [programs.node, programs.package("conformance", "dist/index.js")]

    def server(self, url: str, scenario: str, revision: str) -> Report:
        """Run ``scenario`` against the server at ``url``."""
        return self._run("server", ["--url", url], scenario, revision)

    def client(self, command: str, scenario: str, revision: str) -> Report:
        """Run ``scenario`` against the client that ``command`` starts."""
        return self._run("client", ["--command", command], scenario, revision)

    def scenarios(self, revision: str) -> set[str]:
        """Every scenario that the suite has for servers of ``revision``."""
        command = [*self._command, "list", "--server", "--spec-version", revision]
        listed = subprocess.run(command, capture_output=True, text=True, timeout=_SCENARIO_SECONDS, check=True)
        return {line.split()[1] for line in listed.stdout.splitlines() if line.startswith("  - ")}

    def _run(self, role: Literal["server", "client"], target: list[str], scenario: str, revision: str) -> Report:
        with tempfile.TemporaryDirectory() as results:
            options = ["--scenario", scenario, "--spec-version", revision, "--output-dir", results]
            ended = subprocess.run(
                [*self._command, role, *target, *options],
                check=False,
                cwd=ROOT,
                capture_output=True,
                text=True,
                timeout=_SCENARIO_SECONDS,
            )
            checks = [
                _check(check) for file in Path(results).glob("*/checks.json") for check in json.loads(file.read_text())
            ]
        return Report(scenario, ended.returncode, checks, ended.stdout + ended.stderr)


def _check(found: dict[str, Any]) -> Check:
    result = found.get("details", {}).get("result") or {}
    return Check(found["id"], found["status"], found.get("errorMessage") or found["description"], result)
