"""Several ways to ask: the first that there is, and never another after a no."""

from __future__ import annotations

import anyio
import pytest

from tests.host.approval.questions import question
from upcall.host.approval import Answer, Approver, CallableApprover, Chain, Nobody, Question, TerminalApprover

pytestmark = pytest.mark.anyio


class Gone:
    """An approver without a way to ask."""

    async def ask(self, question: Question) -> Answer:
        return Answer(approved=False, reason="The line is cut.", asked=False)


def never_asked(question: Question) -> bool:
    raise AssertionError("a no was taken for no answer")


async def test_the_first_that_can_ask_decides() -> None:
    chain = Chain(Gone(), CallableApprover(lambda asked: True, by="ann"), CallableApprover(never_asked))
    assert await chain.ask(question()) == Answer(approved=True, by="ann")


async def test_a_no_is_not_asked_again() -> None:
    chain = Chain(CallableApprover(lambda asked: False, by="ann"), CallableApprover(never_asked))
    assert await chain.ask(question()) == Answer(approved=False, by="ann")


@pytest.mark.parametrize("chain", [Nobody(), Chain(), Chain(Gone(), Nobody())])
async def test_nobody_to_ask_is_a_no_that_says_how_to_change_it(chain: Approver) -> None:
    answer = await chain.ask(question())
    assert (answer.approved, answer.by, answer.asked) == (False, "nobody", False)
    assert "upcall pending" in answer.reason
    assert 'decision = "allow"' in answer.reason


async def test_what_was_tried_is_said() -> None:
    assert (await Chain(Gone(), Gone()).ask(question())).reason.startswith("The line is cut. The line is cut.")


async def test_all_of_them_share_the_deadline() -> None:
    class Slow(Gone):
        async def ask(self, question: Question) -> Answer:
            await anyio.sleep(question.deadline)
            return await super().ask(question)

    seen: list[float] = []

    def last(asked: Question) -> bool:
        seen.append(asked.deadline)
        return True

    with anyio.fail_after(10):
        answer = await Chain(Slow(), CallableApprover(last)).ask(question(deadline=0.1))
    assert not answer.approved
    assert seen == []


def test_each_is_an_approver() -> None:
    for approver in (Nobody(), Chain(), CallableApprover(never_asked), TerminalApprover(by="ann")):
        assert isinstance(approver, Approver)
