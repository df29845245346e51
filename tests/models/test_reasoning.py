"""The memory for reasoning is bounded, and gives nothing to a stranger."""

from __future__ import annotations

from upcall.models._reasoning import CAPACITY, Reasoning
from upcall.wire import ToolUse


def use(number: int, **changes: object) -> ToolUse:
    return ToolUse(**{"id": f"t{number}", "name": "add", "input": {"a": number}, **changes})  # type: ignore[arg-type]


def test_it_gives_back_what_it_kept() -> None:
    memory = Reasoning()
    memory.keep([use(1), use(2)], {"t1": ["thought"], "elsewhere": ["other"]})
    assert memory.recall(use(1)) == ["thought"]
    assert memory.recall(use(2)) is None
    assert memory.recall(use(3, id="elsewhere")) is None


def test_an_id_alone_brings_nothing() -> None:
    memory = Reasoning()
    memory.keep([use(1)], {"t1": ["thought"]})
    assert memory.recall(use(1, name="other")) is None
    assert memory.recall(use(1, input={})) is None


def test_the_oldest_goes_when_it_is_full() -> None:
    memory = Reasoning()
    for number in range(CAPACITY):
        memory.keep([use(number)], {f"t{number}": number})
    memory.keep([use(0)], {"t0": "renewed"})
    memory.keep([use(CAPACITY)], {f"t{CAPACITY}": "new"})
    assert memory.recall(use(1)) is None
    assert memory.recall(use(0)) == "renewed"
    assert memory.recall(use(CAPACITY)) == "new"
