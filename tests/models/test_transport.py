"""All transports with the real SDKs, against a provider that does what each test needs."""

from __future__ import annotations

import gc
import time
import traceback
from email.utils import formatdate
from typing import Any

import anyio
import pytest

from tests.models.facade import Facade, Misbehave, Reply
from tests.models.providers import KEY, PROVIDERS, Provider, ask
from upcall import errors
from upcall.models import Completion, Model, Usage
from upcall.wire import TextContent, ToolUse, decode_request, encode

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.parametrize("provider", PROVIDERS, ids=lambda one: type(one).__name__),
]

ADD = {"name": "math/add", "inputSchema": {"type": "object", "properties": {"a": {"type": "integer"}}}}


async def complete(model: Model, request: Any = None) -> Completion:
    """One bounded request, connections closed afterwards."""
    try:
        with anyio.fail_after(30):
            return await model.complete(request or ask())
    finally:
        await model.aclose()


async def fail(provider: Provider, *script: Any, request: Any = None, **settings: Any) -> errors.SamplingError:
    """The error of a request to a provider that plays ``script`` to its end."""
    async with Facade(*script) as facade:
        with pytest.raises(errors.SamplingError) as caught:
            await complete(provider.model(facade.url, **settings), request)
        assert len(facade.seen) == len(script)
    return caught.value


async def test_a_text_goes_there_and_comes_back(provider: Provider) -> None:
    async with Facade(provider.answer("Good day.")) as facade:
        completion = await complete(provider.model(facade.url), ask("Hello.", systemPrompt="Be kind."))
    assert completion.result.content == TextContent(text="Good day.")
    assert completion.result.stop_reason == "endTurn"
    assert completion.usage == Usage(input_tokens=3, output_tokens=2)
    (seen,) = facade.seen
    assert seen.target == provider.target
    assert provider.sent_key(seen.headers) == KEY
    assert provider.parameters(seen.body)[provider.limit] == 50


async def test_tools_work_both_ways(provider: Provider) -> None:
    first = provider.answer("I add.", use={"id": "call_1", "name": "math_add", "input": {"a": 1}})
    async with Facade(first, provider.answer("It is 2.")) as facade:
        model = provider.model(facade.url)
        asked = encode(ask(tools=[ADD]))
        completion = await complete(model, decode_request(asked))
        assert completion.result.stop_reason == "toolUse"
        assert completion.result.tool_uses == [ToolUse(id="call_1", name="math/add", input={"a": 1})]
        result = {"type": "tool_result", "toolUseId": "call_1", "content": [{"type": "text", "text": "2"}]}
        asked["messages"] += [
            {"role": "assistant", "content": encode(completion.result)["content"]},
            {"role": "user", "content": [result]},
        ]
        answer = await complete(model, decode_request(asked))
    assert answer.result.text == "It is 2."
    _, *used, returned = provider.turns(facade.seen[1].body)
    assert "math_add" in repr(used)
    assert "call_1" in repr(returned)
    assert [each.field for each in answer.adjustments] == ["tools[0].name"]


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (400, errors.ModelRejected),
        (401, errors.AuthenticationFailed),
        (402, errors.ModelRejected),
        (403, errors.AuthenticationFailed),
        (404, errors.ModelRejected),
        (408, errors.ModelTimedOut),
        (409, errors.ModelRejected),
        (413, errors.ModelRejected),
        (422, errors.ModelRejected),
        (429, errors.RateLimited),
        (500, errors.ModelUnavailable),
        (503, errors.ModelUnavailable),
        (504, errors.ModelTimedOut),
        (529, errors.ModelUnavailable),
    ],
)
async def test_each_status_has_its_error(provider: Provider, status: int, expected: type[errors.ModelError]) -> None:
    error = await fail(provider, Reply(status, provider.error("the provider's own words")))
    assert type(error) is expected
    assert isinstance(error, errors.ModelError)
    assert error.status == status
    assert "own words" not in str(error)
    assert "own words" in error.detail


@pytest.mark.parametrize(
    "words",
    [
        "This model does not support image input.",
        "image input is not supported - hint: you may need to provide the mmproj",
        "registry/llama3 does not support tools",
        "No endpoints found that support image input",
    ],
)
@pytest.mark.parametrize("status", [400, 404, 500])
async def test_content_that_the_model_cannot_take_has_an_error_of_its_own(
    provider: Provider, status: int, words: str
) -> None:
    assert type(await fail(provider, Reply(status, provider.error(words)))) is errors.UnsupportedContent


@pytest.mark.parametrize(
    ("header", "value", "seconds"),
    [
        ("Retry-After", "7", 7.0),
        ("retry-after-ms", "1500", 1.5),
        ("Retry-After", "soon", None),
        ("X-Other", "7", None),
    ],
)
async def test_too_many_requests_says_when_to_come_back(
    provider: Provider, header: str, value: str, seconds: float | None
) -> None:
    error = await fail(provider, Reply(429, provider.error("slow down"), {header: value}))
    assert isinstance(error, errors.RateLimited)
    assert error.retry_after == seconds
    assert ("Try again in" in error.hint) == (seconds is not None)


async def test_when_to_come_back_may_be_a_date(provider: Provider) -> None:
    date = formatdate(time.time() + 3600, usegmt=True)
    error = await fail(provider, Reply(429, provider.error("slow down"), {"Retry-After": date}))
    assert isinstance(error, errors.RateLimited)
    assert error.retry_after == pytest.approx(3600, abs=120)


async def test_credit_that_is_used_up_is_no_reason_to_try_again(provider: Provider) -> None:
    error = await fail(provider, Reply(429, provider.error("You exceeded your quota.", code="insufficient_quota")))
    assert type(error) is errors.ModelRejected


async def test_a_key_shows_nowhere(provider: Provider, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    error = await fail(provider, Reply(401, provider.error(f"Incorrect API key provided: {KEY}.")))
    assert isinstance(error, errors.AuthenticationFailed)
    model = provider.model("http://127.0.0.1:9")
    shown = [repr(error), str(error), error.hint, error.detail, repr(error.data), repr(error.to_wire()), repr(model)]
    shown += [model.name, *traceback.format_exception(error)]
    assert "Incorrect API key" in error.detail
    assert KEY not in "".join(shown)


async def test_a_request_is_sent_once(provider: Provider) -> None:
    error = await fail(provider, Reply(500, provider.error("broken"), {"retry-after-ms": "1"}))
    assert error.attempts == 1


async def test_a_request_that_was_not_sent_counts_for_none(provider: Provider) -> None:
    error = await fail(provider, request=decode_request({"messages": [], "maxTokens": 5}))
    assert isinstance(error, errors.InvalidRequest)
    assert error.attempts == 0


async def test_cancelling_closes_the_connection(provider: Provider) -> None:
    async with Facade(Misbehave.HANG, provider.answer()) as facade:
        model = provider.model(facade.url)
        with anyio.fail_after(30):
            async with anyio.create_task_group() as group:
                group.start_soon(model.complete, ask())
                await facade.hanging.wait()
                group.cancel_scope.cancel()
            await facade.left.wait()
        # And the model is none the worse for it.
        assert (await complete(model)).result.text == "Hi."


async def test_a_provider_that_never_answers_times_out(provider: Provider) -> None:
    async with Facade(Misbehave.HANG) as facade:
        model = provider.model(facade.url, timeout=0.5)
        with pytest.raises(errors.ModelTimedOut):
            await complete(model)
        with anyio.fail_after(30):
            await facade.left.wait()


@pytest.mark.parametrize("way", [Misbehave.DROP, Misbehave.HALF])
async def test_a_dropped_connection_is_an_unavailable_model(provider: Provider, way: Misbehave) -> None:
    assert type(await fail(provider, way)) is errors.ModelUnavailable


async def test_an_address_where_nobody_listens_is_an_unavailable_model(provider: Provider) -> None:
    async with Facade() as facade:
        url = facade.url
    with pytest.raises(errors.ModelUnavailable):
        await complete(provider.model(url))


@pytest.mark.parametrize(
    "reply",
    [
        Reply(200, '{"content": [oops'),
        Reply(200, "<html>A proxy's page</html>", {"Content-Type": "text/html"}),
        Reply(200, "[1, 2]"),
        Reply(200, "null"),
        Reply(200, ""),
    ],
    ids=["broken JSON", "HTML", "an array", "null", "nothing"],
)
async def test_a_body_that_is_no_json_object_is_an_unavailable_model(provider: Provider, reply: Reply) -> None:
    error = await fail(provider, reply)
    assert type(error) is errors.ModelUnavailable
    assert "no JSON object" in error.message


async def test_an_object_of_another_format_is_an_invalid_answer(provider: Provider) -> None:
    error = await fail(provider, Reply(200, {"surprise": True}))
    assert type(error) is errors.InvalidAnswer


async def test_text_that_is_no_unicode_is_an_invalid_request(provider: Provider) -> None:
    async with Facade() as facade:
        with pytest.raises(errors.InvalidRequest):
            await complete(provider.model(facade.url), ask("half a pair: \ud800"))


@pytest.mark.parametrize("status", [400, 422])
async def test_a_refused_parameter_is_left_out_the_second_time(provider: Provider, status: int) -> None:
    refusal = Reply(status, provider.error("`temperature` is deprecated for this model."))
    async with Facade(refusal, provider.answer(), provider.answer()) as facade:
        model = provider.model(facade.url)
        completion = await complete(model, ask(temperature=0.5))
        again = await complete(model, ask(temperature=0.5))
    sent = ["temperature" in provider.parameters(seen.body) for seen in facade.seen]
    assert sent == [True, False, False]
    assert (completion.attempts, again.attempts) == (2, 1)
    for one in (completion, again):
        assert [(each.field, each.action) for each in one.adjustments] == [("temperature", "dropped")]


async def test_refused_stop_sequences_are_cut_at_instead(provider: Provider) -> None:
    words = f"Unsupported parameter: '{provider.stop}' is not supported with this model."
    refusal = Reply(400, provider.error(words, param=provider.stop, code="unsupported_parameter"))
    # A provider without such a parameter has nothing to refuse.
    refusals = [refusal] if provider.stop else []
    async with Facade(*refusals, provider.answer("Hi. END More.")) as facade:
        completion = await complete(provider.model(facade.url), ask(stopSequences=["END"]))
    sent = [provider.stop in provider.parameters(seen.body) for seen in facade.seen]
    assert sent == [*(True for _ in refusals), False]
    assert completion.result.text == "Hi. "
    assert completion.result.stop_reason == "stopSequence"
    assert [(each.field, each.action) for each in completion.adjustments] == [("stopSequences", "emulated")]


async def test_a_refused_prefill_is_asked_for_in_words(provider: Provider) -> None:
    words = "This model does not support assistant message prefill. The conversation must end with a user message."
    request = encode(ask())
    request["messages"].append({"role": "assistant", "content": {"type": "text", "text": "Hi,"}})
    async with Facade(Reply(400, provider.error(words)), provider.answer()) as facade:
        completion = await complete(provider.model(facade.url), decode_request(request))
    last_roles = [provider.turns(seen.body)[-1]["role"] for seen in facade.seen]
    assert last_roles in (["assistant", "user"], ["model", "user"])
    assert [each.action for each in completion.adjustments] == ["emulated"]


async def test_there_is_no_third_time(provider: Provider) -> None:
    script = [Reply(400, provider.error(f"`{name}` is not supported.")) for name in ("temperature", provider.stop)]
    error = await fail(provider, *script, request=ask(temperature=1, stopSequences=["END"]))
    assert type(error) is errors.ModelRejected
    assert error.attempts == 2


async def test_a_parameter_that_was_not_sent_is_not_left_out(provider: Provider) -> None:
    error = await fail(provider, Reply(400, provider.error("`temperature` is not supported.")))
    assert type(error) is errors.ModelRejected


async def test_a_closed_model_opens_again(provider: Provider) -> None:
    async with Facade(provider.answer("One."), provider.answer("Two.")) as facade:
        model = provider.model(facade.url)
        assert (await complete(model)).result.text == "One."
        await model.aclose()
        assert (await complete(model)).result.text == "Two."


# The connection that the first loop leaves behind is the caller's omission, and here it is on purpose.
@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
def test_one_model_serves_one_event_loop_after_another(provider: Provider, free_tcp_port: int) -> None:
    models = [provider.model(f"http://127.0.0.1:{free_tcp_port}")]

    async def once() -> str:
        async with Facade(provider.answer(), port=free_tcp_port):
            with anyio.fail_after(30):
                return (await models[0].complete(ask())).result.text

    # Never closed in between: the client of the first loop is of no use on the second.
    assert [anyio.run(once), anyio.run(once)] == ["Hi.", "Hi."]
    models.clear()
    gc.collect()


async def test_concurrent_requests_share_the_client(provider: Provider) -> None:
    async with Facade(*(provider.answer() for _ in range(5))) as facade:
        model = provider.model(facade.url)
        answers: list[str] = []

        async def one() -> None:
            answers.append((await model.complete(ask())).result.text)

        with anyio.fail_after(30):
            async with anyio.create_task_group() as group:
                for _ in range(5):
                    group.start_soon(one)
        await model.aclose()
    assert answers == ["Hi."] * 5
