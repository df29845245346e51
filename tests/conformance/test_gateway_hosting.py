"""A server on its pipes, behind the gateway, is found by the conformance suite as the same server is on HTTP."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from tests.conformance.gateways import gateway
from tests.conformance.npm import Programs, install
from tests.conformance.scenarios import ASKING, LEGACY, MODERN, PLAIN
from tests.conformance.serving import serving
from tests.conformance.suite import Report, Suite

_Server = Callable[[Programs, Path], AbstractContextManager[tuple[str, list[str]]]]
"""Starts one on HTTP; gives its address, and the command that starts it on its pipes."""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

_STREAMS = {
    "server-sse-streams-functional",
    "server-sse-priming-event",
    "server-sse-retry-field",
    "incoming-sse-event",
    "server-sse-disconnect-resume",
}
"""What the suite looks at in responses that are events. The gateway gives an answer that is there at once as JSON,
which the transport leaves to the server; a server on pipes has no stream of HTTP that it could close and resume."""
_BETTER = {"localhost-host-rebinding-rejected", "server-session-terminated-returns-404"}
"""What server-everything fails over HTTP by itself (it lets every name in, and answers 400 for a session that is over)
and the gateway in front of it does not."""


@contextmanager
def everything(programs: Programs, folder: Path) -> Iterator[tuple[str, list[str]]]:
    command = [programs.node, programs.package("server-everything", "dist/index.js")]
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    log = folder / "everything.log"
    with log.open("w") as errors, log.open() as read:
        environment = os.environ | {"PORT": str(port)}
        with subprocess.Popen([*command, "streamableHttp"], stdout=errors, stderr=errors, env=environment) as process:
            try:
                while "port" not in read.readline():
                    assert process.poll() is None, log.read_text()
                yield f"http://127.0.0.1:{port}/mcp", [*command, "stdio"]
            finally:
                process.terminate()


@contextmanager
def reference(programs: Programs, folder: Path) -> Iterator[tuple[str, list[str]]]:
    with serving("tests.conformance.server", folder / "reference.log") as url:
        yield url, [sys.executable, "-m", "tests.conformance.server", "--stdio"]


@pytest.mark.parametrize(
    ("server", "revision"),
    [(reference, LEGACY), (reference, MODERN), (everything, LEGACY)],
    ids=["reference-legacy", "reference-modern", "everything-legacy"],
)
def test_each_check_comes_out_as_on_http(server: _Server, revision: str, tmp_path: Path) -> None:
    programs = install()
    suite = Suite(programs)
    different, better = {}, set()
    with server(programs, tmp_path) as (url, command), gateway(tmp_path, ["--", *command], "client") as hosted:
        for scenario in (*ASKING[revision], *PLAIN[revision]):
            direct, behind = suite.server(url, scenario, revision), suite.server(hosted, scenario, revision)
            before, after = _checks(direct), _checks(behind)
            better |= {
                check for check, status in after - before if (check, "FAILURE") in before and status == "SUCCESS"
            }
            left = {check for check, _ in before ^ after} - _STREAMS - (_BETTER if server is everything else set())
            if left or direct.said != behind.said:
                different[scenario] = left, behind.problem, direct.problem
    assert not different
    assert better == (_BETTER if server is everything else set())


def _checks(report: Report) -> set[tuple[str, str]]:
    # INFO is what the suite happened to see, and when.
    return {check for check in report.outcome if check[1] != "INFO"}
