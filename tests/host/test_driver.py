"""The driver against real event loops: time, cancellation, foreign exceptions, observers."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import pytest
from anyio.lowlevel import checkpoint

from tests.host.playbook import MODEL, STAGES, WITH_TOOLS, answer, asked
from upcall.errors import ConfigurationError, ModelError, SampleTimedOut, SamplingError, SamplingRefused
from upcall.host import driver as driver_module
from upcall.host.context import SamplingContext
from upcall.host.driver import Driver, Observer
from upcall.host.engine import Call, Exchange, Rest, Steps, Withdrawn
from upcall.host.handling import handler
from upcall.host.records import Entry
from upcall.models import Completion, Model

pytestmark = pytest.mark.anyio


class _Office:
    """A driver around one function as its model, with its records at hand."""

    def __init__(
        self, function: Callable[..., Any] | Model, *, observers: tuple[Observer, ...] = (), **settings: Any
    ) -> None:
        self.entries: list[Entry] = []
        model = function if isinstance(function, Model) else handler(function)
        self.driver = Driver(lambda name: model, observers=(*observers, self.entries.append), **settings)

    async def ask(self, server: str = "logs") -> Completion:
        context = SamplingContext(server=server)
        return await self.driver.answer(asked(), context, declared=WITH_TOOLS, stages=STAGES)

    @property
    def outcomes(self) -> list[str]:
        return [entry.outcome for entry in self.entries]


async def _fails(office: _Office, kind: type[SamplingError]) -> SamplingError:
    with anyio.fail_after(10), pytest.raises(kind) as caught:
        await office.ask()
    assert office.outcomes == [caught.value.label]
    return caught.value


async def test_the_latency_in_the_record_covers_the_model() -> None:
    spans: list[float] = []

    async def model(messages: object) -> str:
        before = anyio.current_time()
        while anyio.current_time() == before:
            await checkpoint()
        spans.append(anyio.current_time() - before)
        return "ok"

    office = _Office(model)
    await office.ask()
    (entry,) = office.entries
    assert entry.latency >= spans[0] > 0
    assert entry.started_at.tzinfo is not None


async def test_a_slow_model_is_stopped_at_the_timeout() -> None:
    stopped: list[bool] = []

    async def model(messages: object) -> str:
        try:
            await anyio.sleep_forever()
        finally:
            stopped.append(True)
        raise AssertionError

    error = await _fails(_Office(model, timeout=0.05), SampleTimedOut)
    assert error.code == -32001
    assert error.message == "No answer within 0.05 seconds."
    assert stopped == [True]


async def test_time_spent_in_the_queue_counts_towards_the_timeout() -> None:
    async def model(messages: object) -> str:
        await anyio.sleep_forever()
        raise AssertionError

    office = _Office(model, timeout=0.05, max_concurrent=1)
    with anyio.fail_after(5):
        results = await asyncio.gather(*(office.ask() for _ in range(3)), return_exceptions=True)
    assert [type(result) for result in results] == [SampleTimedOut] * 3
    assert office.outcomes == ["timed_out"] * 3


async def test_a_model_that_turns_the_timeout_into_an_error_of_its_own_still_timed_out() -> None:
    async def model(messages: object) -> str:
        try:
            await anyio.sleep_forever()
        except asyncio.CancelledError:
            raise RuntimeError("connection closed") from None
        raise AssertionError

    await _fails(_Office(model, timeout=0.05), SampleTimedOut)


async def test_what_a_foreign_exception_says_stays_here(caplog: pytest.LogCaptureFixture) -> None:
    def model(messages: object) -> str:
        raise RuntimeError("secret sk-123")

    with caplog.at_level(logging.ERROR, "upcall.host"):
        error = await _fails(_Office(model), ModelError)
    assert error.to_wire() == {"code": -32603, "message": "The model failed."}
    assert error.detail == "RuntimeError: secret sk-123"
    assert "secret sk-123" in caplog.text, "the owner of the host can see what went wrong"


async def test_errors_of_sampling_pass_as_they_are() -> None:
    def model(messages: object) -> str:
        raise SamplingRefused("Not today.")

    error = await _fails(_Office(model), SamplingRefused)
    assert error.message == "Not today."


async def test_a_model_that_is_not_set_up_is_a_model_error_without_the_settings() -> None:
    def model(messages: object) -> str:
        raise ConfigurationError("No key in OPENAI_API_KEY.", hint="Set it.")

    error = await _fails(_Office(model), ModelError)
    assert "OPENAI" not in str(error)
    assert error.detail == "No key in OPENAI_API_KEY. Set it."


async def test_a_model_that_cannot_be_found_is_a_model_error() -> None:
    def find(name: str) -> Model:
        raise ConfigurationError(f"No model {name}.")

    context = SamplingContext(server="logs")
    with pytest.raises(ModelError, match="not set up"):
        await Driver(find).answer(asked(), context, declared=WITH_TOOLS, stages=STAGES)


class _Wrong:
    name = MODEL

    async def complete(self, request: object) -> Any:
        return "just text"

    async def aclose(self) -> None: ...


async def test_a_model_that_breaks_its_protocol_is_a_model_error() -> None:
    error = await _fails(_Office(_Wrong()), ModelError)
    assert "str" in error.detail


async def test_a_cancellation_out_of_nowhere_is_an_error_and_not_silence() -> None:
    async def model(messages: object) -> str:
        gone = asyncio.get_running_loop().create_future()
        gone.cancel()
        await gone
        raise AssertionError

    error = await _fails(_Office(model), ModelError)
    assert "CancelledError" in error.detail


class _Slow:
    """A model that never answers, and tells when it is at work and when it was stopped."""

    name = MODEL

    def __init__(self) -> None:
        self.running = asyncio.Event()
        self.stopped = asyncio.Event()

    async def complete(self, request: object) -> Completion:
        self.running.set()
        try:
            await anyio.sleep_forever()
        finally:
            self.stopped.set()
        raise AssertionError

    async def aclose(self) -> None: ...


async def test_cancelling_the_task_reaches_the_model_and_is_recorded() -> None:
    model = _Slow()
    office = _Office(model)
    task = asyncio.create_task(office.ask())
    async with asyncio.timeout(5):
        await model.running.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert model.stopped.is_set()
    assert office.outcomes == ["cancelled"]


async def test_cancelling_a_scope_reaches_the_model_and_lets_a_slow_observer_finish() -> None:
    model = _Slow()
    written: list[str] = []

    async def write(entry: Entry) -> None:
        await checkpoint()
        written.append(entry.outcome)

    office = _Office(model, observers=(write,))
    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(office.ask)
            await model.running.wait()
            tasks.cancel_scope.cancel()
    assert model.stopped.is_set()
    assert written == office.outcomes == ["cancelled"]


async def test_a_record_that_is_being_written_is_finished_when_the_task_is_cancelled() -> None:
    writing = anyio.Event()
    written: list[str] = []

    async def write(entry: Entry) -> None:
        writing.set()
        for _ in range(5):
            await checkpoint()
        written.append(entry.outcome)

    office = _Office(lambda messages: "ok", observers=(write,))
    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(office.ask)
            await writing.wait()
            tasks.cancel_scope.cancel()
    assert written == office.outcomes == ["answered"], "once, and as what it was"


async def test_what_a_stage_still_owes_is_performed_after_a_cancellation() -> None:
    model = _Slow()
    paid: list[str] = []

    async def settle(messages: object) -> str:
        await checkpoint()
        paid.append("settled")
        return "ok"

    def owing(exchange: Exchange, rest: Rest) -> Steps[None]:
        try:
            yield from rest()
        except Withdrawn:
            yield Call(model="settle", request=exchange.request)
            raise

    models = {MODEL: model, "settle": handler(settle)}
    entries: list[Entry] = []
    driver = Driver(lambda name: models[name], observers=(entries.append,))
    stages = (owing, *STAGES)

    async def ask() -> None:
        await driver.answer(asked(), SamplingContext(server="logs"), declared=WITH_TOOLS, stages=stages)

    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ask)
            await model.running.wait()
            tasks.cancel_scope.cancel()
    assert paid == ["settled"]
    assert [entry.outcome for entry in entries] == ["cancelled"]


async def test_cancelling_one_who_waits_in_the_queue_is_recorded_and_frees_the_line() -> None:
    release = anyio.Event()

    async def model(messages: object) -> str:
        await release.wait()
        return "ok"

    office = _Office(model, max_concurrent=1)
    async with asyncio.timeout(5):
        first = asyncio.create_task(office.ask())
        await checkpoint()
        second = asyncio.create_task(office.ask())
        third = asyncio.create_task(office.ask())
        await checkpoint()
        second.cancel()
        await asyncio.wait([second])
        release.set()
        assert (await first).result.text == (await third).result.text == "ok"
    assert sorted(office.outcomes) == ["answered", "answered", "cancelled"]


async def test_no_more_calls_than_allowed_run_at_once() -> None:
    running = most = 0

    async def model(messages: object) -> str:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await checkpoint()
        running -= 1
        return "ok"

    office = _Office(model, max_concurrent=3)
    async with asyncio.timeout(10):
        await asyncio.gather(*(office.ask() for _ in range(30)))
    assert most == 3
    assert office.outcomes == ["answered"] * 30


def _raising(entry: Entry) -> None:
    raise OSError("disk full")


async def _raising_later(entry: Entry) -> None:
    await checkpoint()
    raise OSError("disk full")


async def _cancelled_inside(entry: Entry) -> None:
    raise asyncio.CancelledError


async def _hanging(entry: Entry) -> None:
    await anyio.sleep_forever()


@pytest.mark.parametrize("observer", [_raising, _raising_later, _cancelled_inside, _hanging])
async def test_an_observer_in_trouble_is_logged_and_the_answer_goes_out(
    observer: Callable[[Entry], Awaitable[None] | None],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(driver_module, "GRACE", 0.05)
    office = _Office(lambda messages: "ok", observers=(observer,))
    with anyio.fail_after(5):
        assert (await office.ask()).result.text == "ok"
    assert "observer" in caplog.text
    assert office.outcomes == ["answered"], "the observers after it still see the record"


async def test_answers_carry_on_when_an_observer_hangs_during_a_cancellation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(driver_module, "GRACE", 0.05)
    model = _Slow()
    office = _Office(model, observers=(_hanging,))
    task = asyncio.create_task(office.ask())
    async with asyncio.timeout(5):
        await model.running.wait()
        task.cancel()
        await asyncio.wait([task])
    assert task.cancelled()


async def test_the_record_of_an_answer_equals_the_answer() -> None:
    office = _Office(lambda messages: answer("Rayleigh."))
    completion = await office.ask()
    (entry,) = office.entries
    assert entry.result == completion.result
    assert entry.usage == completion.usage
