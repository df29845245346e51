"""One example over every transport, on both eras, with a real model."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.matrix.cases import CASES
from tests.matrix.clients import CLIENTS
from tests.matrix.conftest import PlaceOf
from tests.matrix.places import environment, http_app, load, served
from tests.matrix.test_matrix import LEGACY, NO_WAY, WAYS, call, each_client, entries
from upcall.host import Entry, Host
from upcall.models.embedded import EmbeddedModel

pytestmark = [pytest.mark.anyio, pytest.mark.embedded]

(ARCHIVE,) = CASES["log_archiver"]
(HELLO,) = CASES["fallback"]


@each_client
@pytest.mark.parametrize(("transport", "era"), [way for way in WAYS if way != NO_WAY])
async def test_a_log_line_is_explained_and_archived(
    transport: str, era: str, client: str, place_of: PlaceOf, embedded_model: EmbeddedModel
) -> None:
    place, records = place_of("log_archiver", transport), list[Entry]()
    stored = entries(ARCHIVE, place.folder)
    async with CLIENTS[client](place.target, era, Host(embedded_model, on_record=records.append)) as peer:
        outcome = await call(peer, ARCHIVE)
    assert not outcome.failed
    (record,) = records
    assert record.outcome == "answered"
    assert record.result is not None
    analysis = record.result.text.strip()
    assert len(analysis.split()) > 3
    assert outcome.text == f"Success: the log entry was archived. Analysis: {analysis}"
    assert entries(ARCHIVE, place.folder) == stored + 1
    assert f"AI ANALYSIS: {analysis}\n" in (place.folder / "incident_report.txt").read_text(encoding="utf-8")


@pytest.mark.slow  # the example lets the model go on for 1024 tokens
@each_client
async def test_a_fallback_answers_where_the_client_cannot_be_asked(
    client: str, embedded_model: EmbeddedModel, tmp_path: Path
) -> None:
    # The model's own HTTP endpoint stands for any provider that speaks OpenAI's protocol.
    url, key = await embedded_model.http_endpoint()
    module = load("fallback", environment(tmp_path, f"{url}/v1", key))
    with served({"fallback": http_app(module, stateless=True)}) as urls:
        async with CLIENTS[client](f"{urls['fallback']}/mcp", LEGACY, None) as peer:
            outcome = await call(peer, HELLO)
    assert not outcome.failed
    model, _, said = outcome.text.partition(" (fallback): ")
    assert model
    assert said.strip()
