"""The mapping between MCP and providers, a file per cell: what is sent, and what an answer becomes.

The files are written by hand. ``request`` → ``body`` is what `encode` owes, ``answer`` → ``result`` what `decode`
owes; ``refuses`` and ``answer_refused`` name the error instead. Adjustments are written ``field: action``.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest

from upcall import errors
from upcall.models import Adjustment, Completion, Usage
from upcall.models.codecs import Encoded, anthropic, command, gemini, openai_chat, openai_responses
from upcall.wire import SamplingRequest, decode_request, encode

GOLDEN = Path(__file__).parent / "golden"
FILES = sorted(GOLDEN.glob("*/*.json"))
NO_PARTS = dict.fromkeys([name for name in Usage.__struct_fields__ if name not in ("input_tokens", "output_tokens")], 0)


class Case(NamedTuple):
    """One file."""

    codec: str
    golden: dict[str, Any]

    @property
    def request(self) -> SamplingRequest:
        return decode_request(self.golden["request"])

    def encode(self) -> Encoded:
        model, refused = self.golden["model"], frozenset(self.golden.get("refused", ()))
        match self.codec:
            case "anthropic":
                return anthropic.encode(self.request, model=model, refused=refused)
            case "openai" | "compatible":
                chat = openai_chat.OPENAI if self.codec == "openai" else openai_chat.COMPATIBLE
                return openai_chat.encode(self.request, model=model, dialect=chat, refused=refused)
            case "openai-responses":
                is_other = self.golden.get("dialect") == "compatible"
                responses = openai_responses.COMPATIBLE if is_other else openai_responses.OPENAI
                return openai_responses.encode(self.request, model=model, dialect=responses, refused=refused)
            case "gemini":
                return gemini.encode(self.request, model=model, refused=refused)
            case "command":
                return command.encode(self.request, model=model, form=self.golden["form"])
            case _:
                raise AssertionError(f"There is no codec for the folder {self.codec}.")

    def decode(self) -> Completion:
        answer = self.golden["answer"]
        match self.codec:
            case "anthropic":
                return anthropic.decode(answer, self.request, self.encode())
            case "openai-responses":
                return openai_responses.decode(answer, self.request, self.encode())
            case "gemini":
                return gemini.decode(answer, self.request, self.encode())
            case "command":
                return command.decode(answer.encode(), self.request, self.encode())
            case _:
                return openai_chat.decode(answer, self.request, self.encode())


def cases(*members: str) -> list[Any]:
    """The files that have one of ``members``."""
    found = []
    for path in FILES:
        golden = json.loads(path.read_text(encoding="utf-8"))
        if any(member in golden for member in members):
            case = Case(path.parent.name, golden)
            found.append(pytest.param(case, id=f"{path.parent.name}/{path.stem}: {golden['about']}"))
    return found


def brief(adjustments: tuple[Adjustment, ...]) -> list[str]:
    return [f"{each.field}: {each.action}" for each in adjustments]


@pytest.mark.parametrize("case", cases("body"))
def test_a_request_becomes_exactly_this_body(case: Case) -> None:
    encoded = case.encode()
    assert encoded.body == case.golden["body"]
    assert encoded.headers == case.golden.get("headers", {})
    assert brief(encoded.adjustments) == case.golden.get("request_adjustments", [])
    assert all(each.reason.endswith(".") for each in encoded.adjustments)


@pytest.mark.parametrize("case", cases("written"))
def test_a_request_is_written_exactly_so(case: Case) -> None:
    assert command.written(case.encode(), case.golden["form"]).decode() == case.golden["written"]


@pytest.mark.parametrize("case", cases("result"))
def test_an_answer_becomes_exactly_this_result(case: Case) -> None:
    completion = case.decode()
    assert encode(completion.result) == case.golden["result"]
    usage = completion.usage and msgspec.to_builtins(completion.usage)
    expected = case.golden["usage"]
    assert usage == (expected and {**NO_PARTS, **expected})
    before = case.golden.get("request_adjustments", [])
    assert brief(completion.adjustments) == [*before, *case.golden.get("answer_adjustments", [])]


@pytest.mark.parametrize("case", cases("refuses"))
def test_a_request_that_cannot_be_sent_says_why(case: Case) -> None:
    expected = case.golden["refuses"]
    with pytest.raises(errors.UpcallError) as caught:
        case.encode()
    assert type(caught.value).__name__ == expected["error"]
    assert expected["says"] in caught.value.message


@pytest.mark.parametrize("case", cases("answer_refused"))
def test_an_answer_that_breaks_a_rule_is_an_error(case: Case) -> None:
    expected = case.golden["answer_refused"]
    with pytest.raises(errors.UpcallError) as caught:
        case.decode()
    assert type(caught.value).__name__ == expected["error"]
    assert expected["says"] in caught.value.message


def test_every_file_is_of_use() -> None:
    """A misspelt member would turn a file into one that tests nothing."""
    known = {
        *("about", "model", "refused", "request", "body", "headers", "request_adjustments", "refuses"),
        *("answer", "result", "usage", "answer_adjustments", "answer_refused"),
        *("dialect", "form", "written"),
    }
    assert len(FILES) > 180
    for path in FILES:
        golden = json.loads(path.read_text(encoding="utf-8"))
        assert set(golden) <= known, path.name
        assert {"body", "refuses", "answer_refused"} & set(golden), path.name
        assert ("answer" in golden) == bool({"result", "answer_refused"} & set(golden)), path.name
