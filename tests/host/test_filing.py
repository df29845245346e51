"""What the store gets of an entry."""

from __future__ import annotations

from typing import Any

from tests.host.playbook import NOON, answer, asked
from upcall.errors import SamplingRefused
from upcall.host import ClientRequest, SamplingContext
from upcall.host.filing import intent_of, outcome_of
from upcall.host.records import Entry, Fault, Ruling
from upcall.models import Adjustment, Usage
from upcall.models.prices import Cost
from upcall.store import Failure


def _entry(**fields: Any) -> Entry:
    during = ClientRequest(name="explain", arguments={"line": "x"})
    context = SamplingContext(server="logs", version="2026-07-28", request_id="q0", during=during)
    whole = {"context": context, "request": asked(), "outcome": "answered", "started_at": NOON, "latency": 2.5}
    return Entry(**{**whole, **fields})


def test_the_intent_tells_who_asks_and_what() -> None:
    ruling = Ruling(decision="allow", by="alice")
    intent = intent_of(_entry(ruling=ruling, model_asked="test/model", trace="00-1-2-01"), lease=60.0)
    assert (intent.server, intent.method, intent.name) == ("logs", "tools/call", "explain")
    assert (intent.version, intent.era, intent.request_id, intent.trace) == ("2026-07-28", "modern", "q0", "00-1-2-01")
    assert (intent.request, intent.request_mode) == (asked(), "full")
    assert (intent.model_asked, intent.decision, intent.decided_by) == ("test/model", "allow", "alice")
    assert (intent.started_at, intent.lease) == (NOON, 60.0)


def test_the_outcome_tells_what_came_of_it() -> None:
    notes = (
        Adjustment(field="model", action="replaced", reason="a was down."),
        Adjustment(field="temperature", action="dropped", reason="The model has none."),
    )
    outcome = outcome_of(
        _entry(
            result=answer().result,
            model_used="real-1",
            stop_reason="endTurn",
            usage=Usage(input_tokens=7, output_tokens=2, cached_input_tokens=3),
            cost=Cost(micro_usd=17, snapshot="list 1", source="override"),
            adjustments=notes,
        )
    )
    assert (outcome.label, outcome.latency, outcome.error) == ("answered", 2.5, None)
    assert (outcome.finished_at - NOON).total_seconds() == 2.5
    assert (outcome.model_used, outcome.stop_reason, outcome.result) == ("real-1", "endTurn", answer().result)
    assert (outcome.input_tokens, outcome.output_tokens, outcome.cached_tokens) == (7, 2, 3)
    assert (outcome.micro_usd, outcome.price_version) == (17, "list 1")
    assert outcome.attempts == ("a was down.",)
    assert outcome.adjustments == notes


def test_an_error_and_what_could_not_be_read_are_kept() -> None:
    error = SamplingRefused("No.", detail="by policy")
    entry = _entry(request=None, raw={"messages": 3}, outcome="refused", fault=Fault.of(error))
    assert intent_of(entry, lease=1.0).request == {"messages": 3}
    outcome = outcome_of(entry)
    assert outcome.error == Failure(code=-1, message="No.", detail="by policy")
    assert (outcome.input_tokens, outcome.micro_usd, outcome.result) == (None, None, None)


def test_of_hashed_bodies_the_hashes_are_kept() -> None:
    entry = _entry(request=None, kept="hashed", request_hash="ab", result_hash="cd")
    assert (intent_of(entry, lease=1.0).request, intent_of(entry, lease=1.0).request_mode) == (
        {"sha256": "ab"},
        "hashed",
    )
    assert (outcome_of(entry).result, outcome_of(entry).result_mode) == ({"sha256": "cd"}, "hashed")
