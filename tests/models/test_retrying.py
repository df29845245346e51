"""`Retrying`: what is asked again, when, and how it is counted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import anyio
import pytest

from tests.models.facade import Facade, Misbehave, Reply
from tests.models.providers import PROVIDERS, Provider, ask
from upcall import errors
from upcall.models import Model, Retrying
from upcall.testing import ScriptedModel
from upcall.wire import SamplingRequest

pytestmark = pytest.mark.anyio


class Clock:
    """Waits without time passing, and remembers how long."""

    def __init__(self, draw: Callable[[float, float], float] = lambda low, high: high) -> None:
        self.waits: list[float] = []
        self.bounds: list[tuple[float, float]] = []
        self._draw = draw

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)

    def uniform(self, low: float, high: float) -> float:
        self.bounds.append((low, high))
        return self._draw(low, high)


def retrying(model: Model, clock: Clock, **settings: Any) -> Retrying:
    return Retrying(model, sleep=clock.sleep, uniform=clock.uniform, **settings)


async def test_what_succeeds_is_asked_once() -> None:
    clock = Clock()
    model = ScriptedModel("Hi.")
    completion = await retrying(model, clock).complete(ask())
    assert (completion.result.text, completion.attempts, completion.adjustments) == ("Hi.", 1, ())
    assert clock.waits == []


async def test_passing_failures_are_repeated_counted_and_told() -> None:
    clock = Clock()
    script = (errors.RateLimited("Slow down.", detail="key sk-1"), errors.ModelUnavailable("Broken.", detail="sk-1"))
    model = ScriptedModel(*script, "Hi.")
    completion = await retrying(model, clock).complete(ask())
    assert completion.result.text == "Hi."
    assert completion.attempts == 3
    assert [(each.field, each.action, each.reason) for each in completion.adjustments] == [
        ("model", "repeated", "RateLimited: Slow down. Asked again after 1.0 s."),
        ("model", "repeated", "ModelUnavailable: Broken. Asked again after 2.0 s."),
    ]
    assert all(request == ask() for request in model.requests)


async def test_the_last_failure_is_raised_with_the_number_of_calls() -> None:
    clock = Clock()
    model = ScriptedModel(errors.ModelUnavailable("One."), errors.ModelUnavailable("Two."))
    with pytest.raises(errors.ModelUnavailable, match="Two") as caught:
        await retrying(model, clock, attempts=2).complete(ask())
    assert caught.value.attempts == 2
    assert len(clock.waits) == 1


@pytest.mark.parametrize(
    "error",
    [
        errors.InvalidRequest("No."),
        errors.InvalidAnswer("No."),
        errors.ModelRejected("No."),
        errors.UnsupportedContent("No."),
        errors.AuthenticationFailed("No."),
        errors.ModelTimedOut("No."),
        errors.SamplingRefused("No."),
        errors.ConfigurationError("No."),
        ValueError("No."),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_what_would_fail_again_is_not_repeated(error: Exception) -> None:
    clock = Clock()
    model = ScriptedModel(error, "never")
    with pytest.raises(type(error), match=r"No\."):
        await retrying(model, clock).complete(ask())
    assert len(model.requests) == 1
    assert clock.waits == []


async def test_a_failure_that_does_not_pass_ends_it_and_counts_those_before() -> None:
    model = ScriptedModel(errors.RateLimited("Slow."), errors.InvalidAnswer("Odd."))
    with pytest.raises(errors.InvalidAnswer) as caught:
        await retrying(model, Clock()).complete(ask())
    assert caught.value.attempts == 2


async def test_bounds_double_and_waits_are_drawn_between_nothing_and_the_bound() -> None:
    clock = Clock(lambda low, high: high / 4)
    model = ScriptedModel(*[errors.ModelUnavailable("Broken.")] * 5, "Hi.")
    await retrying(model, clock, attempts=6, first_wait=2, longest_wait=20).complete(ask())
    assert clock.bounds == [(0.0, 2), (0.0, 4), (0.0, 8), (0.0, 16), (0.0, 20)]
    assert clock.waits == [0.5, 1, 2, 4, 5]


async def test_nobody_comes_back_earlier_than_asked() -> None:
    clock = Clock(lambda low, high: low)
    model = ScriptedModel(errors.RateLimited("Slow.", retry_after=7.5), "Hi.")
    await retrying(model, clock).complete(ask())
    assert clock.waits == [7.5]


async def test_a_wait_beyond_the_longest_is_not_begun() -> None:
    clock = Clock()
    model = ScriptedModel(errors.RateLimited("Slow.", retry_after=61), "never")
    with pytest.raises(errors.RateLimited) as caught:
        await retrying(model, clock).complete(ask())
    assert caught.value.retry_after == 61
    assert clock.waits == []


@pytest.mark.parametrize("own", [True, False], ids=["its timeout", "a scope around it"])
async def test_a_wait_beyond_the_deadline_is_not_begun(own: bool) -> None:
    clock = Clock()
    model = ScriptedModel(errors.RateLimited("Slow.", retry_after=30), "never")
    with anyio.fail_after(None if own else 20):
        with pytest.raises(errors.RateLimited):
            await retrying(model, clock, timeout=20 if own else None).complete(ask())
    assert clock.waits == []
    assert len(model.requests) == 1


async def test_its_timeout_covers_all_calls_together() -> None:
    async def never(request: SamplingRequest) -> str:
        await anyio.sleep_forever()
        return "never"

    model = ScriptedModel(errors.ModelUnavailable("Broken."), never)
    with pytest.raises(errors.ModelTimedOut) as caught:
        await retrying(model, Clock(lambda low, high: low), timeout=1).complete(ask())
    assert caught.value.attempts == 2
    assert model.cancelled == 1


async def test_cancelling_ends_a_wait() -> None:
    waiting = anyio.Event()

    async def sleep(seconds: float) -> None:
        waiting.set()
        await anyio.sleep_forever()

    model = ScriptedModel(errors.ModelUnavailable("Broken."), "never")
    with anyio.fail_after(10):
        async with anyio.create_task_group() as group:
            group.start_soon(Retrying(model, sleep=sleep).complete, ask())
            await waiting.wait()
            group.cancel_scope.cancel()
    assert len(model.requests) == 1


async def test_it_goes_by_the_models_name_and_closes_it() -> None:
    model = ScriptedModel("Hi.", name="scripted/one")
    wrapped = Retrying(model)
    assert isinstance(wrapped, Model)
    assert wrapped.name == "scripted/one"
    await wrapped.aclose()
    assert model.closed == 1


@pytest.mark.parametrize("settings", [{"attempts": 0}, {"first_wait": -1}, {"longest_wait": -1}])
def test_settings_that_make_no_sense_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(errors.ConfigurationError):
        Retrying(ScriptedModel("Hi."), **settings)


@pytest.mark.parametrize("provider", PROVIDERS, ids=lambda one: type(one).__name__)
async def test_a_real_provider_is_asked_again(provider: Provider) -> None:
    clock = Clock(lambda low, high: low)
    script = (Reply(429, provider.error("busy"), {"Retry-After": "2"}), Misbehave.DROP, provider.answer("At last."))
    async with Facade(*script) as facade:
        model = retrying(provider.model(facade.url), clock)
        completion = await model.complete(ask())
        await model.aclose()
    assert completion.result.text == "At last."
    assert completion.attempts == 3
    assert clock.waits == [2.0, 0.0]
    assert len({repr(seen.body) for seen in facade.seen}) == 1


async def test_calls_that_may_have_been_paid_are_told_from_those_that_were_turned_down() -> None:
    script = (errors.RateLimited("Slow down."), errors.ModelUnavailable("Broken off."))
    completion = await retrying(ScriptedModel(*script, "Hi."), Clock()).complete(ask())
    assert (completion.attempts, completion.unaccounted) == (3, 1)
    with pytest.raises(errors.RateLimited) as caught:
        await retrying(ScriptedModel(script[1], script[1], script[0]), Clock()).complete(ask())
    assert (caught.value.attempts, caught.value.unaccounted) == (3, 2)


@pytest.mark.parametrize("provider", PROVIDERS, ids=lambda provider: type(provider).__name__)
async def test_a_provider_that_was_never_reached_was_never_paid(provider: Provider) -> None:
    async with Facade() as facade:
        gone = facade.url
    async with Facade(Misbehave.DROP, Misbehave.HALF, Reply(503, provider.error("Busy.")), provider.answer()) as facade:
        for url, counts in ((gone, (2, 0)), (facade.url, (2, 2))):
            model = provider.model(url)
            with pytest.raises(errors.ModelUnavailable) as caught:
                await retrying(model, Clock(), attempts=2).complete(ask())
            await model.aclose()
            assert (caught.value.attempts, caught.value.unaccounted) == counts
        model = provider.model(facade.url)
        completion = await retrying(model, Clock()).complete(ask())
        await model.aclose()
        assert (completion.attempts, completion.unaccounted) == (2, 0)
