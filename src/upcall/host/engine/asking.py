"""Stage *ask a person*: nothing that a person is to decide goes on without one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from upcall.errors import SamplingRefused
from upcall.host.approval import NOBODY, Question
from upcall.host.engine.commands import Admit, Ask, Recall
from upcall.host.engine.estimating import estimated
from upcall.host.engine.events import Answered, Done, Recalled
from upcall.host.engine.exchange import Exchange
from upcall.host.engine.stage import Edited, Rest, Stage, Steps, perform
from upcall.host.records import Ruling
from upcall.models import Adjustment

if TYPE_CHECKING:
    from upcall.host.approval import Answer
    from upcall.host.policy import Rules
    from upcall.models.prices import Overrides
    from upcall.wire import SamplingRequest

__all__ = ["approve", "asking", "recalling", "refusal"]


def recalling(rules: Rules) -> Stage:
    """A stage that looks up what people said before: a no that still holds refuses, also what the policy allows; a yes
    spares the question."""

    def recall(exchange: Exchange, rest: Rest) -> Steps[None]:
        question = _question(exchange, rules)
        answer = (yield from perform(exchange, Recall(question=question), Recalled)).answer
        if answer is not None and not answer.approved:
            raise refusal(exchange, answer, "request") if answer.asked else _unknown(exchange, answer)
        if answer is not None and exchange.due is not None:
            approve(exchange, answer)
        yield from rest()

    return recall


def asking(rules: Rules, prices: Overrides | None) -> Stage:
    """A stage that asks a person where that is due. Without a decision there is no answer. Nobody is asked about a
    request that is one too many: it is counted first.

    A request that the person has changed goes the whole way again, since it has to keep every rule as any other, but is
    not asked about again.
    """

    def ask(exchange: Exchange, rest: Rest) -> Steps[None]:
        if exchange.answer is not None:
            approve(exchange, exchange.answer)
        elif exchange.due is not None:
            estimated(exchange, prices)
            if (rate := exchange.take_rate()) is not None:
                yield from perform(exchange, Admit(rate=rate), Done)
            answer = (yield from perform(exchange, Ask(question=_question(exchange, rules)), Answered)).answer
            if not answer.approved:
                raise refusal(exchange, answer, "request", rules.remedy("decision", "change"))
            exchange.answer = answer
            approve(exchange, answer)
            if answer.request is not None and answer.request != exchange.request:
                _edit(exchange, answer.request)
                raise Edited
        yield from rest()

    return ask


def approve(exchange: Exchange, answer: Answer) -> None:
    """Take ``answer`` for a yes: nothing is due any more."""
    exchange.ruling = Ruling(decision="allow", by=_who(answer))
    exchange.due = None


def refusal(exchange: Exchange, answer: Answer, what: str, remedy: str = "") -> SamplingRefused:
    """The error for a no. Who said it, and why, stays on this side.

    Args:
        exchange: Gets the ruling.
        answer: The no.
        what: What they were asked about, in a word.
        remedy: What the operator can do where nobody was there to ask.
    """
    if answer.handed_over:
        return SamplingRefused(f"Somebody is asked about the {what} before it is answered.", detail=answer.reason)
    exchange.ruling = Ruling(decision="deny", by=_who(answer))
    if not answer.asked:
        message = f"The {what} needs somebody's approval, and there is nobody to ask."
        detail = f"{answer.reason} {remedy}".strip()
    elif answer.by == NOBODY:
        message, detail = f"The {what} was not approved in time.", answer.reason
    else:
        message, detail = "The user rejected the sampling request.", f"{answer.by}: {answer.reason}"
    return SamplingRefused(message, detail=detail)


def _unknown(exchange: Exchange, answer: Answer) -> SamplingRefused:
    exchange.ruling = Ruling(decision="deny", by=NOBODY)
    return SamplingRefused("It cannot be told at the moment whether the request may be answered.", detail=answer.reason)


def _question(exchange: Exchange, rules: Rules) -> Question:
    return Question(
        kind="request",
        context=exchange.arrival.context,
        model=exchange.chosen or "",
        request=exchange.request,
        flags=exchange.flags,
        cost=exchange.estimate.cost if exchange.estimate is not None else None,
        adjustments=tuple(exchange.adjustments),
        reason=exchange.due or "",
        deadline=rules.deadline,
    )


def _edit(exchange: Exchange, request: SamplingRequest) -> None:
    exchange.request = request
    exchange.estimate = None
    exchange.adjustments.append(
        Adjustment(field="messages", action="edited", reason="Whoever approved the request changed it.")
    )


def _who(answer: Answer) -> str:
    return f"{answer.by} ({answer.reason})" if answer.reason else answer.by
