"""The record: begun before the model is called, ended once, and nothing in it that is not to be kept."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tests.host.playbook import MODEL, NO, Playbook, answer, asked, rules
from upcall.errors import ModelUnavailable, SamplingError
from upcall.host.engine import Begin, Cancelled, Record, Stage, calling, reply, validity
from upcall.host.engine.asking import asking
from upcall.host.engine.choosing import only
from upcall.host.engine.paying import paying
from upcall.host.engine.policy import policy
from upcall.host.engine.recording import recording
from upcall.host.keeping import keeping
from upcall.host.records import STARTED, Entry

STAGES: Sequence[Stage] = (validity, only(MODEL), recording, reply, paying(None), calling())


def _ended(play: Playbook, outcome: str) -> tuple[Entry, int | None]:
    record = play.wants(Record).record
    return play.records(outcome), record


def test_the_record_is_begun_before_the_model_is_called_and_ended_under_its_number() -> None:
    play = Playbook(asked(), stages=STAGES)
    entry = play.wants(Begin).entry
    assert (entry.outcome, entry.model_asked, entry.request) == (STARTED, MODEL, asked())
    play.begins(7).calls(asked()).completes(answer())
    assert _ended(play, "answered")[1] == 7


def test_when_the_record_cannot_be_begun_nothing_is_called() -> None:
    play = Playbook(asked(), stages=STAGES)
    play.wants(Begin)
    play.fails(SamplingError("The answering side cannot keep its record."))
    entry, record = _ended(play, "failed")
    assert (entry.model_asked, record) == (None, None)
    play.raises(SamplingError)


def test_a_request_that_was_refused_before_has_a_record_of_its_own() -> None:
    of = rules()
    stages = validity, policy(of), only(MODEL), asking(of, None), recording, calling()
    play = Playbook(asked(), stages=stages).asks(NO)
    assert _ended(play, "refused")[1] is None


def test_a_call_that_fails_ends_the_record_that_was_begun() -> None:
    play = Playbook(asked(), stages=STAGES).begins(8).fails(ModelUnavailable("Down."))
    entry, record = _ended(play, "model_unavailable")
    assert (entry.model_asked, record) == (MODEL, 8)


@pytest.mark.parametrize(("begun", "record"), [(False, None), (True, 7)])
def test_cancelling_before_and_after_the_beginning_leaves_one_record(begun: bool, record: int | None) -> None:
    play = Playbook(asked(), stages=STAGES)
    if begun:
        play.begins(7)
    play.sends(Cancelled(at=12.0))
    assert _ended(play, "cancelled")[1] == record


@pytest.mark.parametrize("mode", ["redacted", "hashed", "none"])
def test_neither_the_beginning_nor_the_end_holds_more_than_is_to_be_kept(mode: str) -> None:
    secret = "AKIAQ3EGRT7YBLDWXM5H"
    play = Playbook(asked(f"Use {secret}."), stages=STAGES, keep=keeping(mode))  # type: ignore[arg-type]
    begun = play.wants(Begin).entry
    ended = play.begins().completes(answer(f"I used {secret}.")).records("answered")
    for entry in (begun, ended):
        assert entry.kept == mode
        assert secret not in str(entry)
    assert play.replies().result.text == f"I used {secret}.", "what leaves is the answer itself"


def test_the_trace_that_a_request_belongs_to_is_kept() -> None:
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    assert Playbook(asked(meta={"traceparent": parent}), stages=STAGES).wants(Begin).entry.trace == parent
    assert Playbook(asked(meta={"traceparent": ["x"]}), stages=STAGES).wants(Begin).entry.trace is None
    assert Playbook(asked(meta={"traceparent": "x" * 10_000}), stages=STAGES).wants(Begin).entry.trace is None
