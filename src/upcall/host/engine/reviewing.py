"""Stage *show the reply*: a person sees what the model said before the server does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from upcall.host.approval import Question
from upcall.host.engine.asking import approve, refusal
from upcall.host.engine.commands import Ask
from upcall.host.engine.events import Answered
from upcall.host.engine.exchange import Exchange
from upcall.host.engine.reply import fit
from upcall.host.engine.stage import Rest, Stage, Steps, perform
from upcall.models import Adjustment

if TYPE_CHECKING:
    from upcall.host.policy import Rules
    from upcall.wire import SamplingResult

__all__ = ["reviewing"]

_EDITED = Adjustment(field="content", action="edited", reason="Whoever reviewed the answer changed it.")


def reviewing(rules: Rules) -> Stage:
    """A stage that shows the reply where the policy, or a flag on it, says so. An edited one is checked again."""

    def review(exchange: Exchange, rest: Rest) -> Steps[None]:
        exchange.due = None
        yield from rest()
        if rules.review_reply and exchange.due is None:
            exchange.due = f"The policy says to show every reply ({rules.origin('review_reply')})."
        if exchange.due is None:
            return
        question = Question(
            kind="reply",
            context=exchange.arrival.context,
            model=exchange.completion.answered_by or exchange.model or "",
            request=exchange.request,
            result=exchange.completion.result,
            flags=exchange.flags,
            cost=exchange.cost,
            adjustments=exchange.reply().adjustments,
            reason=exchange.due,
            deadline=rules.deadline,
        )
        answer = (yield from perform(exchange, Ask(question=question), Answered)).answer
        if not answer.approved:
            raise refusal(exchange, answer, "answer")
        approve(exchange, answer)
        if answer.result is not None and answer.result != exchange.completion.result:
            _edit(exchange, answer.result)

    return review


def _edit(exchange: Exchange, result: SamplingResult) -> None:
    exchange.completion = msgspec.structs.replace(exchange.completion, result=result)
    exchange.adjustments.append(_EDITED)
    fit(exchange)
