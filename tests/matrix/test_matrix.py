"""Every example, over every transport, on both eras, with both clients."""

from __future__ import annotations

from pathlib import Path

import anyio
import pytest

from tests.matrix.cases import CASES, EXAMPLES, Case, client_model
from tests.matrix.clients import CLIENTS, ERAS, Outcome, Peer
from tests.matrix.conftest import TRANSPORTS, PlaceOf
from upcall.host import Host

pytestmark = pytest.mark.anyio

LEGACY, MODERN = ERAS
WAYS = [(transport, era) for transport in TRANSPORTS for era in ERAS]
NO_WAY = ("stateless", LEGACY)
"""Without a session a legacy client's answer has nowhere to go, so its server cannot ask."""

OTHER_OVER_PIPES = "fastmcp", "stdio"
"""Starts a process for every test, for what the official client has shown over the same pipes: for the long run."""

each_client = pytest.mark.parametrize("client", CLIENTS)


def each_way(*, but: tuple[str, str] | None = None) -> pytest.MarkDecorator:
    """Every client, over every transport, on both eras."""
    return pytest.mark.parametrize(
        ("transport", "era", "client"),
        [
            pytest.param(*way, client, marks=[pytest.mark.slow] if (client, way[0]) == OTHER_OVER_PIPES else [])
            for way in WAYS
            if way != but
            for client in CLIENTS
        ],
    )


async def call(peer: Peer, case: Case) -> Outcome:
    """Make one call, within bounds."""
    with anyio.fail_after(30):
        return await peer.call(case)


def entries(case: Case, folder: Path) -> int:
    """How much the example has stored of this case."""
    return case.entries(folder) if case.entries else 0


@each_way(but=NO_WAY)
@pytest.mark.parametrize("example", EXAMPLES)
async def test_an_example_asks_the_clients_model_and_runs_once(
    example: str, transport: str, era: str, client: str, place_of: PlaceOf
) -> None:
    place, model = place_of(example, transport), client_model(example)
    async with CLIENTS[client](place.target, era, Host(model)) as peer:
        for case in CASES[example]:
            asked, stored = len(model.requests), entries(case, place.folder)
            outcome = await call(peer, case)
            assert not outcome.failed, f"{case.name}: {outcome.text}"
            assert case.says in outcome.text
            assert len(model.requests) - asked == len(case.script)
            assert entries(case, place.folder) - stored == (1 if case.entries else 0)
    assert place.sampling is None or place.sampling.parked == 0


@each_client
@pytest.mark.parametrize("example", EXAMPLES)
async def test_a_legacy_client_without_a_session_cannot_be_asked(example: str, client: str, place_of: PlaceOf) -> None:
    place, model = place_of(example, NO_WAY[0]), client_model(example)
    async with CLIENTS[client](place.target, NO_WAY[1], Host(model)) as peer:
        for case in (case for case in CASES[example] if case.script):
            stored = entries(case, place.folder)
            outcome = await call(peer, case)
            assert outcome.failed == (case.copes is None)
            assert (case.copes or "The client cannot be asked: this connection has no back channel") in outcome.text
            assert entries(case, place.folder) == stored
    assert model.requests == []


@each_way()
@pytest.mark.parametrize("example", ["fallback", "log_archiver", "sentiment"])
async def test_a_client_that_cannot_sample_is_told_so_or_served_otherwise(
    example: str, transport: str, era: str, client: str, place_of: PlaceOf
) -> None:
    place, case = place_of(example, transport), CASES[example][0]
    reason = "cannot be asked" if (transport, era) == NO_WAY else "did not declare the sampling"
    async with CLIENTS[client](place.target, era, None) as peer:
        stored = entries(case, place.folder)
        outcome = await call(peer, case)
    assert outcome.failed == (case.copes is None)
    assert (case.copes or reason) in outcome.text
    assert entries(case, place.folder) == stored
    assert place.sampling is None or place.sampling.parked == 0
