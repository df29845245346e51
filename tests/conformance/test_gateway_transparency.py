"""The conformance suite finds a server the same with a gateway in between, and what passes is the same to the byte."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any, NamedTuple

import pytest

from tests.conformance.gateways import gateway
from tests.conformance.npm import install
from tests.conformance.recording import Exchange, Recorder
from tests.conformance.scenarios import ASKING, LEGACY, MODERN, PLAIN
from tests.conformance.serving import serving
from tests.conformance.suite import Report, Suite

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

_SAMPLING = {
    ("server-stateless", "sep-2575-server-rejects-undeclared-capability"),
    ("server-stateless", "sep-2575-missing-capability-http-400"),
    ("input-required-result-capability-check", "sep-2322-capability-check"),
}
"""Checks that a client without sampling is told so. With a gateway that answers, it never is."""
_OWN = "The gateway is not reached by this name"
"""The refusal of the suite's attempt to rebind a name comes from the gateway, before the server hears of it."""


class Run(NamedTuple):
    """The suite against a server, and against the gateway in front of it."""

    direct: dict[str, Report]
    behind: dict[str, Report]
    front: list[Exchange]
    """Between the suite and the gateway."""
    back: list[Exchange]
    """Between the gateway and the server."""


@pytest.fixture(
    scope="module",
    params=[(revision, answers) for revision in (LEGACY, MODERN) for answers in ("client", "prefer-client")],
    ids="-".join,
)
def asked(request: pytest.FixtureRequest) -> tuple[str, str]:
    """The revision, and who answers."""
    pair: tuple[str, str] = request.param
    return pair


@pytest.fixture(scope="module")
def direct() -> dict[str, dict[str, Report]]:
    """What the suite says of the server alone, by revision, once it was asked."""
    return {}


@pytest.fixture(scope="module")
def run(asked: tuple[str, str], direct: dict[str, dict[str, Report]], tmp_path_factory: pytest.TempPathFactory) -> Run:
    revision, answers = asked
    suite, folder = Suite(install()), tmp_path_factory.mktemp("transparency")
    scenarios = [*ASKING[revision], *PLAIN[revision]]
    if revision not in direct:
        with serving("tests.conformance.server", folder / "direct.log") as url:
            direct[revision] = {scenario: suite.server(url, scenario, revision) for scenario in scenarios}
    with serving("tests.conformance.server", folder / "behind.log") as url:
        back = Recorder(url)
        with gateway(folder, ["--upstream", back.url], answers) as gateway_url:
            front = Recorder(gateway_url)
            behind = {scenario: suite.server(front.url, scenario, revision) for scenario in scenarios}
    return Run(direct[revision], behind, front.close(), back.close())


def test_each_check_comes_out_as_without_the_gateway(run: Run, asked: tuple[str, str]) -> None:
    skipped = _SAMPLING if asked[1] != "client" else set()
    for scenario, direct in run.direct.items():
        seen = [
            # INFO is what the suite happened to see, and when.
            [check for check in report.outcome if check[1] != "INFO" and (scenario, check[0]) not in skipped]
            for report in (direct, run.behind[scenario])
        ]
        assert seen[0] == seen[1], run.behind[scenario].problem
        assert direct.said == run.behind[scenario].said


def test_every_request_passes_to_the_byte(run: Run, asked: tuple[str, str]) -> None:
    refused = [one for one in run.front if one.response is not None and _OWN.encode() in one.response.body]
    assert len(refused) == 1
    front = Counter(one.request.line + one.request.body.decode() for one in run.front if one not in refused)
    back = Counter(one.request.line + one.request.body.decode() for one in run.back)
    if asked[1] == "client":
        assert front == back
        return
    # Of those that changed, nothing did but what the client declares.
    changed = [json.loads(text.partition(_BODY)[2]) for text in (front - back).elements()]
    became = [json.loads(text.partition(_BODY)[2]) for text in (back - front).elements()]
    assert changed, "the suite has clients that declare no sampling"
    assert all(_declared(one).pop("sampling") == {"tools": {}} for one in became)
    assert sorted(map(json.dumps, changed)) == sorted(map(json.dumps, became))


def test_every_response_passes_to_the_byte(run: Run, asked: tuple[str, str]) -> None:
    front, back = (Counter(filter(None, map(_response, side))) for side in (run.front, run.back))
    # What a client did not wait for, it has in part or not at all.
    unheard = [one for one in run.front if one.response is None]
    assert all(one.left for one in unheard)
    unsaid = sum(one.response is None for one in run.back)
    cut = [text for text in (front - back).elements() if any(whole.startswith(text) for whole in back - front)]
    own = [text for text in (front - back).elements() if _OWN in text]
    missing = (front - back) - Counter(cut) - Counter(own)
    assert len(own) == 1
    if asked == (MODERN, "prefer-client"):
        # The one call that samples for a client that does not, and a model that cannot be reached.
        (ended,) = missing.elements()
        assert "cannot be reached" in ended
        missing = Counter()
        (asking,) = (back - front).elements()
        assert "sampling/createMessage" in asking
    assert not missing
    kept = len(cut) + len(unheard) - unsaid
    assert len(list((back - front).elements())) == kept + (asked == (MODERN, "prefer-client"))


_BODY = "/mcp"


def _declared(message: dict[str, Any]) -> dict[str, Any]:
    params = message["params"]
    by_request: dict[str, Any] | None = params.get("_meta", {}).get("io.modelcontextprotocol/clientCapabilities")
    found: dict[str, Any] = params["capabilities"] if by_request is None else by_request
    return found


def _response(one: Exchange) -> str | None:
    if one.response is None:
        return None
    kept = sorted(pair for pair in one.response.headers if pair[0] not in _HOP)
    return f"{one.response.line} {kept} {one.response.body.decode()}"


_HOP = {"date", "server", "connection", "keep-alive", "transfer-encoding", "content-length", "vary"} | {
    "access-control-allow-origin",
    "access-control-expose-headers",
}
"""Headers that each side has of its own."""
