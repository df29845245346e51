"""The protocol's own conformance suite, against a server and a client that use upcall."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from tests.conformance.npm import install
from tests.conformance.scenarios import ANSWERS, ASKING, CLIENT, LEGACY, MODERN, PLAIN
from tests.conformance.serving import serving
from tests.conformance.suite import Suite

# The first test waits until everything is installed.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

_SERVER = "tests.conformance.server"

_CASES = {
    kind: [(revision, scenario) for revision, scenarios in table.items() for scenario in scenarios]
    for kind, table in {"asking": ASKING, "plain": PLAIN, "client": CLIENT}.items()
}


@pytest.fixture(scope="session")
def suite() -> Suite:
    return Suite(install())


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the server with upcall."""
    with serving(_SERVER, tmp_path_factory.mktemp("server") / "log") as url:
        yield url


@pytest.fixture(scope="session")
def bare_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the same server without it."""
    with serving(_SERVER, tmp_path_factory.mktemp("bare") / "log", "--bare") as url:
        yield url


@pytest.mark.parametrize(("revision", "scenario"), _CASES["asking"])
def test_server_that_asks_passes(suite: Suite, server: str, revision: str, scenario: str) -> None:
    report = suite.server(server, scenario, revision)
    assert not report.problem, report.problem
    if scenario in ANSWERS:
        assert report.said == ANSWERS[scenario]


@pytest.mark.parametrize(
    ("revision", "scenario"), [*_CASES["plain"], *((LEGACY, scenario) for scenario in ASKING[LEGACY])]
)
def test_upcall_changes_nothing_in(suite: Suite, server: str, bare_server: str, revision: str, scenario: str) -> None:
    bare = suite.server(bare_server, scenario, revision)
    ours = suite.server(server, scenario, revision)
    assert not bare.problem, bare.problem
    assert not ours.problem, ours.problem
    assert ours.outcome == bare.outcome


@pytest.mark.parametrize(("revision", "scenario"), _CASES["client"])
def test_client_with_a_host_passes(suite: Suite, revision: str, scenario: str) -> None:
    problem = suite.client(f"{sys.executable} -m tests.conformance.client", scenario, revision).problem
    assert not problem, problem


@pytest.mark.parametrize("revision", [LEGACY, MODERN])
def test_no_scenario_of_the_revision_is_forgotten(suite: Suite, revision: str) -> None:
    assert {*ASKING[revision], *PLAIN[revision]} == suite.scenarios(revision)
