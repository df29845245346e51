"""What is left of a request for the record, in each of the four ways."""

from __future__ import annotations

import hashlib
import json
import logging
from typing import Any

import msgspec
import pytest

from tests.host.playbook import NOON, answer, asked
from upcall.errors import ModelError
from upcall.host import ClientRequest, SamplingContext
from upcall.host.keeping import keeping
from upcall.host.records import Entry, Fault
from upcall.host.scanning import scan_request
from upcall.wire import encode

SECRET = "AKIAQ3EGRT7YBLDWXM5H"


def _entry(**fields: Any) -> Entry:
    request = asked(f"Use {SECRET} for it.")
    during = ClientRequest(name="deploy", arguments={"key": SECRET, "targets": ["a", {"b": SECRET}]})
    error = ModelError("The model failed.", detail=f"401 for {SECRET}")
    whole: dict[str, Any] = {
        "context": SamplingContext(server="logs", during=during),
        "request": request,
        "outcome": "model_error",
        "result": answer(f"I used {SECRET}.").result,
        "fault": Fault.of(error),
        "flags": tuple(scan_request(request)),
        "model_asked": "test/model",
        "started_at": NOON,
        "latency": 1.0,
    }
    return Entry(**{**whole, **fields})


def test_in_full_everything_is_kept() -> None:
    assert keeping("full") is None


def test_redacted_secrets_are_gone_wherever_they_stood_and_the_rest_is_there() -> None:
    keep = keeping("redacted")
    assert keep is not None
    kept = keep(_entry())
    assert SECRET not in str(kept)
    assert kept.kept == "redacted"
    assert kept.request is not None
    assert kept.request.messages[0].text.startswith("Use [redacted: ")
    assert kept.result is not None
    assert kept.result.text.startswith("I used [redacted: ")
    assert kept.context.during is not None
    assert kept.context.during.arguments is not None
    assert kept.context.during.arguments["targets"][0] == "a"
    assert kept.fault is not None
    assert kept.fault.detail.startswith("401 for [redacted: ")


def test_what_could_not_be_read_is_redacted_as_well() -> None:
    keep = keeping("redacted")
    assert keep is not None
    kept = keep(_entry(request=None, raw={"messages": [SECRET, 3, None], SECRET: True}))
    assert SECRET not in str(kept)
    assert kept.raw["messages"][1:] == [3, None]


def test_hashed_two_equal_requests_can_be_told_and_nothing_else() -> None:
    keep = keeping("hashed")
    assert keep is not None
    entry = _entry()
    kept = keep(entry)
    assert SECRET not in str(kept)
    assert "Use" not in str(kept)
    assert (kept.request, kept.result, kept.raw) == (None, None, None)
    ordered = json.dumps(encode(entry.request), sort_keys=True, separators=(",", ":"))  # type: ignore[arg-type]
    assert kept.request_hash == hashlib.sha256(ordered.encode()).hexdigest()
    assert kept.result_hash is not None
    assert kept.request_hash == keep(_entry(latency=2.0)).request_hash
    assert keep(_entry(result=None)).result_hash is None


def test_with_none_only_the_facts_are_kept() -> None:
    keep = keeping("none")
    assert keep is not None
    kept = keep(_entry())
    assert SECRET not in str(kept)
    assert "Use" not in str(kept)
    assert (kept.request, kept.result, kept.request_hash, kept.result_hash) == (None, None, None, None)
    assert kept.fault == Fault(label="model_error", code=-32603, message="The model failed.")
    assert kept.context.during == ClientRequest(name="deploy")
    assert [flag.kind for flag in kept.flags] == ["secrets"]
    assert (kept.model_asked, kept.outcome) == ("test/model", "model_error")


@pytest.mark.parametrize("mode", ["redacted", "hashed"])
def test_what_cannot_be_handled_is_kept_as_facts_only(mode: str, caplog: pytest.LogCaptureFixture) -> None:
    keep = keeping(mode)  # type: ignore[arg-type]
    assert keep is not None
    deep: Any = SECRET
    for _ in range(100_000):
        deep = [deep]
    with caplog.at_level(logging.ERROR, "upcall.host"):
        kept = keep(_entry(request=None, raw=deep))
    assert kept.kept == "none"
    assert kept.raw is None
    assert "could not be" in caplog.text
    while isinstance(deep, list):  # taken apart by hand: the interpreter would recurse
        deep = deep[0]


def test_a_kept_entry_is_json() -> None:
    for mode in ("redacted", "hashed", "none"):
        keep = keeping(mode)
        assert keep is not None
        msgspec.json.encode(keep(_entry()))
