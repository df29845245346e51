"""`Alternates`: who is asked when one is down, and what is told of it."""

from __future__ import annotations

import pytest

from tests.models.facade import Facade, Reply
from tests.models.providers import KEY, Anthropic, OpenAI, ask
from upcall import errors
from upcall.models import Alternates, Model, Retrying
from upcall.testing import ScriptedModel

pytestmark = pytest.mark.anyio


async def test_the_first_answers_when_it_can() -> None:
    first, second = ScriptedModel("Hi.", name="scripted/first"), ScriptedModel()
    completion = await Alternates([first, second]).complete(ask())
    assert completion.result.model == "scripted/first"
    assert (completion.answered_by, completion.attempts, completion.adjustments) == ("", 1, ())
    assert second.requests == []


@pytest.mark.parametrize("kind", [errors.RateLimited, errors.ModelUnavailable, errors.ModelTimedOut])
async def test_the_next_one_answers_when_one_is_down(kind: type[errors.ModelError]) -> None:
    first = ScriptedModel(kind("Not now.", detail="sk-secret"), name="scripted/first")
    second = ScriptedModel(kind("Nor I."), name="scripted/second")
    third = ScriptedModel("Hi.", name="scripted/third")
    completion = await Alternates([first, second, third]).complete(ask())
    assert completion.result.text == "Hi."
    assert completion.result.model == completion.answered_by == "scripted/third"
    assert completion.attempts == 3
    assert {(each.field, each.action) for each in completion.adjustments} == {("model", "replaced")}
    assert [each.reason for each in completion.adjustments] == [
        f"scripted/first failed with {kind.__name__}: Not now. scripted/second is asked instead.",
        f"scripted/second failed with {kind.__name__}: Nor I. scripted/third is asked instead.",
    ]


@pytest.mark.parametrize(
    "error",
    [
        errors.InvalidRequest("No."),
        errors.InvalidAnswer("No."),
        errors.ModelRejected("No."),
        errors.UnsupportedContent("No."),
        errors.AuthenticationFailed("No."),
        errors.ConfigurationError("No."),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_nobody_stands_in_for_a_mistake(error: errors.UpcallError) -> None:
    second = ScriptedModel("never")
    with pytest.raises(type(error)):
        await Alternates([ScriptedModel(error), second]).complete(ask())
    assert second.requests == []


async def test_when_all_are_down_the_last_failure_is_raised_and_all_calls_count() -> None:
    models = [ScriptedModel(errors.RateLimited("One.")), ScriptedModel(errors.ModelUnavailable("Two."))]
    with pytest.raises(errors.ModelUnavailable, match="Two") as caught:
        await Alternates(models).complete(ask())
    assert caught.value.attempts == 2


async def test_calls_of_a_request_that_never_left_are_none() -> None:
    models = [ScriptedModel(errors.RateLimited("One.")), ScriptedModel(errors.UnsupportedContent("No images."))]
    with pytest.raises(errors.UnsupportedContent) as caught:
        await Alternates(models).complete(ask())
    assert caught.value.attempts == 1


async def test_retries_come_before_alternates_when_they_are_inside() -> None:
    async def at_once(seconds: float) -> None:
        return None

    first = ScriptedModel(*[errors.ModelUnavailable("Broken.")] * 2, name="scripted/first")
    second = ScriptedModel(errors.RateLimited("Slow."), "Hi.", name="scripted/second")
    model = Alternates([Retrying(one, attempts=2, sleep=at_once) for one in (first, second)])
    completion = await model.complete(ask())
    assert completion.attempts == 4
    assert completion.answered_by == "scripted/second"
    assert [each.action for each in completion.adjustments] == ["replaced", "repeated"]


async def test_one_provider_stands_in_for_another_and_no_secret_is_told() -> None:
    refusal = Reply(503, OpenAI().error(f"overloaded, {KEY}"))
    async with Facade(refusal) as down, Facade(Anthropic().answer("I am here.")) as up:
        model = Alternates([OpenAI().model(down.url), Anthropic().model(up.url)])
        completion = await model.complete(ask())
        await model.aclose()
    assert completion.answered_by == "anthropic/claude-haiku-4-5"
    assert completion.result.text == "I am here."
    assert completion.attempts == 2
    assert KEY not in repr(completion)
    assert "overloaded" not in repr(completion)


async def test_it_goes_by_the_first_name_and_closes_all() -> None:
    first, second = ScriptedModel("Hi.", name="scripted/first"), ScriptedModel()
    model = Alternates([first, second])
    assert isinstance(model, Model)
    assert model.name == "scripted/first"
    await model.aclose()
    assert (first.closed, second.closed) == (1, 1)


def test_nobody_at_all_is_a_mistake() -> None:
    with pytest.raises(errors.ConfigurationError):
        Alternates([])
