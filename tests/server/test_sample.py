"""`sample()`: what it asks, what it gives back, its tools and its types, over real connections of both eras."""

from __future__ import annotations

import asyncio
import enum
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from time import perf_counter
from typing import Any, Literal

import anyio
import pytest
from pydantic import BaseModel

from tests.server.peers import MODERN, Rounds, client_of, server_with, text_of
from upcall.errors import (
    ConfigurationError,
    InvalidAnswer,
    InvalidRequest,
    ModelUnavailable,
    SampleTimedOut,
    SamplingRefused,
    SamplingUnsupported,
)
from upcall.host import Host
from upcall.server import Image, Reply, Sampling, SamplingTool, ToolError, sample
from upcall.testing import ScriptedModel
from upcall.wire import SamplingRequest, TextContent, Tool, ToolResult, ToolUse

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("no_orphans")]

PNG = b"\x89PNG\r\n\x1a\n" + bytes(8)


def use(name: str, number: int = 1, /, **arguments: Any) -> ToolUse:
    return ToolUse(id=f"u{number}", name=name, input=arguments)


async def replies(
    model: ScriptedModel | None,
    prompt: Any,
    *,
    era: str = MODERN,
    tools: bool = True,
    sampling: Sampling | None = None,
    **arguments: Any,
) -> Reply[Any] | BaseException:
    """Run one `sample()` in a tool body, and bring out what it gave or raised."""
    outcome: list[Any] = []

    async def body() -> str:
        try:
            outcome.append(await sample(prompt, **arguments))
        except Exception as error:
            outcome.append(error)
        return "done"

    host = None if model is None else Host(model, tools=tools)
    async with client_of(server_with(sampling or Sampling(), body), era, host) as client:
        await client.call_tool("body", {})
    assert len(outcome) == 1, "the body ran once"
    got = outcome[0]
    assert isinstance(got, Reply | BaseException)
    return got


async def reply_of(*args: Any, **options: Any) -> Reply[Any]:
    got = await replies(*args, **options)
    if isinstance(got, BaseException):
        raise got
    return got


async def test_everything_said_reaches_the_model_and_everything_answered_comes_back(era: str) -> None:
    model = ScriptedModel("one two three")
    reply = await reply_of(
        model,
        "hello",
        era=era,
        system="be brief",
        max_tokens=2,
        temperature=0.5,
        stop=["END"],
        preferences=["claude-3-sonnet", "gpt"],
        metadata={"user": "u"},
    )
    (request,) = model.requests
    assert request.messages[0].text == "hello"
    assert (request.system_prompt, request.max_tokens, request.temperature) == ("be brief", 2, 0.5)
    assert request.stop_sequences == ["END"]
    assert request.metadata == {"user": "u"}
    assert request.model_preferences is not None
    assert [hint.name for hint in request.model_preferences.hints] == ["claude-3-sonnet", "gpt"]
    assert reply.text == str(reply) == "one two"
    assert reply.truncated
    assert (reply.model, reply.route, reply.stop_reason) == ("scripted/test", "client", "maxTokens")
    assert [message.role for message in reply.history] == ["user", "assistant"]
    assert reply.result is None


async def test_a_list_of_strings_is_enough_for_a_call(era: str) -> None:
    assert str(await reply_of(ScriptedModel.echo(), ["hello world!"], era=era)) == "hello world!"


async def test_a_reply_goes_back_in_to_continue_the_conversation() -> None:
    model = ScriptedModel("first", "second")

    async def body() -> str:
        one = await sample("a")
        two = await sample([*one.history, "b"])
        return "|".join(f"{message.role}:{message.text}" for message in two.history)

    async with client_of(server_with(Sampling(), body), MODERN, Host(model)) as client:
        said = text_of(await client.call_tool("body", {}))
    assert said == "user:a|assistant:first|user:b|assistant:second"


async def test_a_picture_and_a_sound_travel_with_their_types(era: str, tmp_path: Any) -> None:
    (tmp_path / "x.wav").write_bytes(b"RIFF....WAVE")
    from upcall.server import Audio

    model = ScriptedModel("seen")
    await reply_of(model, ["what is this?", Image(PNG), Audio(tmp_path / "x.wav")], era=era)
    kinds = [
        (block.__class__.__name__, getattr(block, "mime_type", None))
        for m in model.requests[0].messages
        for block in m.blocks
    ]
    assert kinds == [("TextContent", None), ("ImageContent", "image/png"), ("AudioContent", "audio/x-wav")]


@pytest.mark.parametrize(
    "wrong", [[], [3], {"role": "wizard", "content": {"type": "text", "text": "x"}}, [{"type": "text"}]]
)
async def test_a_prompt_that_is_none_is_an_error_that_says_so(wrong: Any) -> None:
    model = ScriptedModel("never")
    assert isinstance(await replies(model, wrong), InvalidRequest)
    assert model.requests == []


async def test_text_that_no_transport_can_write_is_refused_before_it_reaches_one(era: str) -> None:
    model = ScriptedModel("never")
    line = b"caf\xe9".decode(errors="surrogateescape")
    error = await replies(model, line, era=era)
    assert isinstance(error, InvalidRequest)
    assert "not valid Unicode" in error.message
    assert model.requests == []


# Tools


def add(a: int, b: int = 2) -> int:
    """Add two numbers."""
    return a + b


async def shout(text: str) -> str:
    """Say it louder."""
    return text.upper()


def fails() -> str:
    """Always fails."""
    raise RuntimeError("password=hunter2")


def declines() -> str:
    """Always declines."""
    raise ToolError("Ask for something else.")


async def test_the_loop_runs_what_the_model_asks_for_and_ends_on_text(era: str) -> None:
    model = ScriptedModel([use("add", 1, a=1), use("shout", 2, text="x")], use("add", 3, a=5, b=5), "all done")
    reply = await _with_tools(model, era, [add, shout])
    assert reply.text == "all done"
    first, second, third = model.requests
    assert [tool.name for tool in first.tools or []] == ["add", "shout"]
    assert (first.tools or [])[0].description == "Add two numbers."
    assert (first.tools or [])[0].input_schema["required"] == ["a"]
    results = second.messages[-1].blocks
    assert [(r.tool_use_id, r.content, r.is_error) for r in results if isinstance(r, ToolResult)] == [
        ("u1", [TextContent(text="3")], False),
        ("u2", [TextContent(text="X")], False),
    ]
    assert [m.role for m in third.messages] == ["user", "assistant", "user", "assistant", "user"]
    assert len(reply.history) == 6


async def _with_tools(model: ScriptedModel, era: str, functions: list[Any], **options: Any) -> Reply[Any]:
    outcome: list[Any] = []

    async def body() -> str:
        try:
            outcome.append(await sample("go", tools=functions, **options))
        except Exception as error:
            outcome.append(error)
        return "done"

    async with client_of(server_with(Sampling(), body), era, Host(model)) as client:
        await client.call_tool("body", {})
    if isinstance(outcome[0], BaseException):
        raise outcome[0]
    assert isinstance(outcome[0], Reply)
    return outcome[0]


async def test_several_tools_of_one_answer_run_at_once() -> None:
    both = asyncio.Barrier(2)

    async def meet(who: str) -> str:
        """Waits for the other."""
        async with asyncio.timeout(5):
            await both.wait()
        return who

    model = ScriptedModel([use("meet", 1, who="a"), use("meet", 2, who="b")], "met")
    assert str(await _with_tools(model, MODERN, [meet])) == "met"


async def test_a_tool_that_samples_itself_shares_the_rounds() -> None:
    async def ask_again(question: str) -> str:
        """Asks the model."""
        return str(await sample(question))

    model = ScriptedModel(
        [use("ask_again", 1, question="x"), use("ask_again", 2, question="y")],
        "inner",
        "inner",
        lambda request: str([b.content[0].text for b in request.messages[-1].blocks if isinstance(b, ToolResult)]),  # type: ignore[union-attr]
    )
    assert str(await _with_tools(model, MODERN, [ask_again])) == "['inner', 'inner']"


@pytest.mark.parametrize(
    ("function", "asked", "told"),
    [
        (fails, use("fails"), "fails failed."),
        (declines, use("declines"), "Ask for something else."),
        (add, use("add", a="many"), "The arguments do not fit: a: Input should be a valid integer"),
        (add, use("add", a=1, c=1), "The arguments do not fit: c: Extra inputs are not permitted"),
    ],
)
async def test_what_goes_wrong_in_a_tool_is_told_without_its_internals(
    function: Any, asked: ToolUse, told: str, caplog: pytest.LogCaptureFixture
) -> None:
    model = ScriptedModel(asked, "I see")
    await _with_tools(model, MODERN, [function])
    (result,) = model.requests[1].messages[-1].blocks
    assert isinstance(result, ToolResult)
    assert result.is_error
    assert isinstance(result.content[0], TextContent)
    assert result.content[0].text.startswith(told)
    assert "hunter2" not in str(model.requests)


async def test_the_last_step_is_asked_for_without_tools() -> None:
    def step(request: SamplingRequest) -> Any:
        if request.tool_choice is not None and request.tool_choice.mode == "none":
            return "enough"
        return use("add", len(request.messages), a=1)

    model = ScriptedModel(step, repeat=True)
    assert str(await _with_tools(model, "legacy", [add], max_steps=3)) == "enough"
    assert len(model.requests) == 3
    assert [tool.name for tool in model.requests[-1].tools or []] == ["add"], "tools stay in the request"


async def test_the_last_round_of_a_modern_client_is_asked_for_without_tools() -> None:
    def step(request: SamplingRequest) -> Any:
        if request.tool_choice is not None and request.tool_choice.mode == "none":
            return "enough"
        return use("add", len(request.messages), a=1)

    model = ScriptedModel(step, repeat=True)
    assert str(await _with_tools(model, MODERN, [add], max_steps=50)) == "enough"
    assert len(model.requests) == 10


async def test_a_required_tool_is_required_once() -> None:
    model = ScriptedModel(use("add", a=1), "three")
    await _with_tools(model, MODERN, [add], tool_choice="required")
    modes = [request.tool_choice.mode for request in model.requests if request.tool_choice is not None]
    assert modes == ["required", "auto"]


async def test_a_definition_without_a_function_is_the_callers_to_run() -> None:
    definition = Tool(name="far", input_schema={"type": "object"})
    model = ScriptedModel(use("far", a=1))
    reply = await _with_tools(model, MODERN, [definition, add])
    assert reply.tool_uses == [use("far", a=1)]
    assert reply.stop_reason == "toolUse"


async def test_a_tool_that_was_not_offered_is_an_invalid_answer() -> None:
    async def hostile(context: Any, params: Any) -> Any:
        import mcp_types as types

        return types.CreateMessageResultWithTools(
            role="assistant", model="m", content=[types.ToolUseContent(type="tool_use", id="1", name="rm", input={})]
        )

    outcome: list[Any] = []

    async def body() -> str:
        try:
            outcome.append(await sample("go", tools=[add]))
        except InvalidAnswer as error:
            outcome.append(error)
        return "done"

    options = {"sampling_callback": hostile, "sampling_capabilities": Host(shout).sampling_capabilities}
    async with client_of(server_with(Sampling(), body), MODERN, **options) as client:
        await client.call_tool("body", {})
    assert isinstance(outcome[0], InvalidAnswer)
    assert "rm" in str(outcome[0])


class Adder:
    """Add to what there is."""

    def __call__(self, a: int) -> int:
        return add(a, 10)


@pytest.mark.parametrize("function", [partial(add, b=10), Adder(), Adder().__call__, lambda a: add(a, 10)])
async def test_anything_that_can_be_called_is_a_tool_when_it_has_a_name(function: Any) -> None:
    model = ScriptedModel(use("plus_ten", a=1), "11")
    tool = SamplingTool.of(function, name="plus_ten")
    assert "partial" not in (tool.definition.description or "")
    await _with_tools(model, MODERN, [tool])
    (result,) = model.requests[1].messages[-1].blocks
    assert isinstance(result, ToolResult)
    assert result.content == [TextContent(text="11")]


def cannot_be_carried(function: Callable[[], int]) -> int:
    return function()


def cannot_be_found(thing: Nowhere) -> str:  # type: ignore[name-defined]  # noqa: F821
    return str(thing)


@pytest.mark.parametrize("kind", [Callable[[], int], Adder, "Nowhere"])
async def test_a_type_that_cannot_be_described_is_refused_before_anything_is_asked(kind: Any) -> None:
    model = ScriptedModel("never")
    assert isinstance(await replies(model, "?", result_type=kind), ConfigurationError)
    assert model.requests == []


async def test_no_tool_may_have_the_name_of_the_one_that_takes_the_result() -> None:
    model = ScriptedModel("never")
    definition = Tool(name="submit_result", input_schema={"type": "object"})
    with pytest.raises(ConfigurationError, match="submit_result"):
        await _with_tools(model, MODERN, [definition], result_type=int)
    assert model.requests == []


@pytest.mark.parametrize("wrong", [lambda x: x, print, [add, add], cannot_be_carried, cannot_be_found])
async def test_functions_that_cannot_be_described_are_refused_before_anything_is_asked(wrong: Any) -> None:
    model = ScriptedModel("never")
    with pytest.raises(ConfigurationError):
        await _with_tools(model, MODERN, wrong if isinstance(wrong, list) else [wrong])
    assert model.requests == []


# Types


class Person(BaseModel):
    name: str
    age: int


@dataclass
class Point:
    x: int
    y: int


class Tree(BaseModel):
    leaf: int
    branches: list[Tree] = []


class Mood(enum.Enum):
    GOOD = "good"
    BAD = "bad"


TYPES: list[tuple[Any, Any, Any]] = [
    (Person, {"name": "Ann", "age": 3}, Person(name="Ann", age=3)),
    (Point, {"x": 1, "y": 2}, Point(1, 2)),
    (list[int], [1, 2], [1, 2]),
    (int, 7, 7),
    (Literal["positive", "negative"], "positive", "positive"),
    (Mood, "good", Mood.GOOD),
    (dict[str, Person], {"a": {"name": "Ann", "age": 3}}, {"a": Person(name="Ann", age=3)}),
    (Person | None, None, None),
    (Tree, {"leaf": 1, "branches": [{"leaf": 2}]}, Tree(leaf=1, branches=[Tree(leaf=2)])),
]


@pytest.mark.parametrize(("kind", "given", "value"), TYPES, ids=[str(kind) for kind, _, _ in TYPES])
async def test_a_type_comes_through_a_forced_tool_where_there_are_tools(kind: Any, given: Any, value: Any) -> None:
    def submit(request: SamplingRequest) -> Any:
        (tool,) = request.tools or []
        assert request.tool_choice is not None
        assert request.tool_choice.mode == "required"
        assert tool.input_schema["type"] == "object"
        wrapped = list(tool.input_schema.get("properties", {})) == ["value"]
        return use(tool.name, **({"value": given} if wrapped else given))

    reply = await reply_of(ScriptedModel(submit), "?", result_type=kind)
    assert reply.result == value


@pytest.mark.parametrize(("kind", "given", "value"), TYPES, ids=[str(kind) for kind, _, _ in TYPES])
@pytest.mark.parametrize("written", ["{}", "```json\n{}\n```", "Sure! Here it is:\n```\n{}\n```\nEnjoy."])
async def test_a_type_comes_as_text_where_there_are_none(kind: Any, given: Any, value: Any, written: str) -> None:
    import json

    model = ScriptedModel(written.replace("{}", json.dumps(given)))
    reply = await reply_of(model, "?", tools=False, system="Be kind.", result_type=kind)
    assert reply.result == value
    assert model.requests[0].tools is None
    assert str(model.requests[0].system_prompt).startswith("Be kind.\n\nAnswer with JSON only")


async def test_json_among_words_and_a_bare_word_are_understood() -> None:
    person = ScriptedModel('I think {"name": "Ann", "age": 3} is right.')
    assert (await reply_of(person, "?", tools=False, result_type=Person)).result == Person(name="Ann", age=3)
    mood = ScriptedModel("positive.")
    assert (await reply_of(mood, "?", tools=False, result_type=Literal["positive", "negative"])).result == "positive"


async def test_a_sentence_keeps_its_full_stop() -> None:
    said = ScriptedModel('He said "no".')
    assert (await reply_of(said, "?", tools=False, result_type=str)).result == 'He said "no".'


async def test_a_long_list_of_problems_is_cut_before_it_goes_back() -> None:
    model = ScriptedModel(f"[{','.join(['0.5'] * 5000)}]", "[1]")
    assert (await reply_of(model, "?", tools=False, result_type=list[int])).result == [1]
    told = model.requests[1].messages[-1].text
    assert "0: Input should be a valid integer" in told
    assert "and 4990 more" in told
    assert len(told) < 2000


@pytest.mark.parametrize(
    "hostile",
    [
        "```" + "\n" * 200_000,
        "```" + "a" * 200_000,
        "[" * 1_000_000,
        ("[" * 900 + "x") * 1000,
        "[" * 800 + "1," * 200_000,
    ],
    ids=["fence and lines", "fence and letters", "nesting", "nesting again and again", "long and never closed"],
)
async def test_a_hostile_text_is_a_wrong_answer_and_no_hours_of_work(hostile: str) -> None:
    model = ScriptedModel(hostile, repeat=True)
    started = perf_counter()
    assert isinstance(await replies(model, "?", tools=False, result_type=Person), InvalidAnswer)
    assert perf_counter() - started < 5


async def test_json_text_is_accepted_although_the_tool_was_required() -> None:
    lenient = ScriptedModel('{"name": "Ann", "age": 3}')

    async def raw(context: Any, params: Any) -> Any:
        import mcp_types as types

        lenient.requests.append(params)
        text = types.TextContent(type="text", text='{"name": "Ann", "age": 3}')
        return types.CreateMessageResultWithTools(role="assistant", model="m", content=text, stop_reason="endTurn")

    outcome: list[Any] = []

    async def body() -> str:
        outcome.append((await sample("?", result_type=Person)).result)
        return "done"

    options = {"sampling_callback": raw, "sampling_capabilities": Host(shout).sampling_capabilities}
    async with client_of(server_with(Sampling(), body), MODERN, **options) as client:
        await client.call_tool("body", {})
    assert outcome == [Person(name="Ann", age=3)]


async def test_a_wrong_submission_goes_back_with_the_error_as_a_balanced_transcript(era: str) -> None:
    model = ScriptedModel(use("submit_result", name="Ann"), use("submit_result", 2, name="Ann", age=3))
    reply = await reply_of(model, "?", era=era, result_type=Person)
    assert reply.result == Person(name="Ann", age=3)
    told = model.requests[1].messages[-1].blocks[0]
    assert isinstance(told, ToolResult)
    assert told.is_error
    assert isinstance(told.content[0], TextContent)
    assert "age: Field required" in told.content[0].text


async def test_a_wrong_text_goes_back_with_the_error(era: str) -> None:
    model = ScriptedModel("no idea", '{"name": "Ann"}', '{"name": "Ann", "age": 3}')
    reply = await reply_of(model, "?", era=era, tools=False, result_type=Person)
    assert reply.result == Person(name="Ann", age=3)
    assert "no JSON" in model.requests[1].messages[-1].text
    assert "age: Field required" in model.requests[2].messages[-1].text
    assert [m.role for m in model.requests[2].messages] == ["user", "assistant", "user", "assistant", "user"]


@pytest.mark.parametrize("tools", [True, False])
async def test_it_is_asked_for_at_most_twice_again(tools: bool) -> None:
    model = ScriptedModel(lambda request: use("submit_result", len(request.messages)) if tools else "no", repeat=True)
    error = await replies(model, "?", tools=tools, result_type=Person)
    assert isinstance(error, InvalidAnswer)
    assert len(model.requests) == 3


async def test_tools_and_a_type_work_together() -> None:
    model = ScriptedModel(
        [use("add", 1, a=1), use("submit_result", 2, name="too early")],
        use("add", 3, a=2),
        use("submit_result", 4, name="Ann", age=4),
    )
    reply = await _with_tools(model, MODERN, [add], result_type=Person)
    assert reply.result == Person(name="Ann", age=4)
    ids = [b.tool_use_id for b in model.requests[1].messages[-1].blocks if isinstance(b, ToolResult)]
    assert sorted(ids) == ["u1", "u2"]


async def test_the_last_step_offers_nothing_but_the_answer() -> None:
    def step(request: SamplingRequest) -> Any:
        names = [tool.name for tool in request.tools or []]
        if names == ["submit_result"]:
            return use("submit_result", 99, name="Ann", age=1)
        return use("add", len(request.messages), a=1)

    model = ScriptedModel(step, repeat=True)
    reply = await _with_tools(model, MODERN, [add], result_type=Person, max_steps=4)
    assert reply.result == Person(name="Ann", age=1)
    assert len(model.requests) == 4


# Routes


async def test_the_fallback_answers_for_a_client_that_cannot(era: str) -> None:
    fallback = ScriptedModel("from the server")
    reply = await reply_of(None, "?", era=era, sampling=Sampling(fallback=fallback))
    assert (str(reply), reply.route) == ("from the server", "fallback")


async def test_the_fallback_stays_out_where_the_client_can(era: str) -> None:
    fallback = ScriptedModel("never")
    reply = await reply_of(ScriptedModel("from the client"), "?", era=era, sampling=Sampling(fallback=fallback))
    assert reply.route == "client"
    assert fallback.requests == []


async def test_the_fallback_answers_what_needs_tools_when_the_client_has_none(era: str) -> None:
    fallback = ScriptedModel(use("add", a=1), "three")
    outcome: list[Any] = []

    async def body() -> str:
        outcome.append(await sample("?", tools=[add]))
        return "done"

    server = server_with(Sampling(fallback=fallback), body)
    async with client_of(server, era, Host(ScriptedModel("never"), tools=False)) as client:
        await client.call_tool("body", {})
    assert (str(outcome[0]), outcome[0].route) == ("three", "fallback")


async def test_tools_without_the_capability_are_unsupported_and_say_which(era: str) -> None:
    outcome: list[Any] = []

    async def body() -> str:
        try:
            await sample("?", tools=[add])
        except SamplingUnsupported as error:
            outcome.append(error)
        return "done"

    async with client_of(server_with(Sampling(), body), era, Host(ScriptedModel("never"), tools=False)) as client:
        await client.call_tool("body", {})
    assert outcome[0].required == {"sampling": {"tools": {}}}
    assert "sampling.tools" in str(outcome[0])


async def test_fallback_on_chooses_when() -> None:
    refusing = ScriptedModel(SamplingRefused("No."), repeat=True)
    got = await replies(refusing, "?", era="legacy", sampling=Sampling(fallback=ScriptedModel("never")))
    assert isinstance(got, SamplingRefused)
    chosen = Sampling(fallback=ScriptedModel("instead"), fallback_on={"refused"})
    assert (await reply_of(refusing, "?", era="legacy", sampling=chosen)).route == "fallback"
    got = await replies(
        None, "?", era="legacy", sampling=Sampling(fallback=ScriptedModel("x"), fallback_on={"refused"})
    )
    assert isinstance(got, SamplingUnsupported)


async def test_a_fallback_after_a_time_out_gets_its_own_time() -> None:
    slow = ScriptedModel("too late", delay=60)
    fallback = Sampling(fallback=ScriptedModel("in time"), fallback_on={"timed_out"})
    reply = await reply_of(slow, "?", era="legacy", sampling=fallback, timeout=0.05)
    assert reply.route == "fallback"
    assert slow.cancelled == 1


async def test_a_fallback_that_fails_is_its_own_error_and_keeps_its_secrets() -> None:
    broken = ScriptedModel(ModelUnavailable("The provider is down.", detail="key sk-123"), repeat=True)
    error = await replies(None, "?", sampling=Sampling(fallback=broken))
    assert isinstance(error, ModelUnavailable)
    assert "sk-123" not in str(error)


async def test_a_fallback_that_hangs_is_cancelled_at_the_timeout() -> None:
    hanging = ScriptedModel("never", delay=60)
    error = await replies(None, "?", sampling=Sampling(fallback=hanging), timeout=0.05)
    assert isinstance(error, SampleTimedOut)
    assert hanging.cancelled == 1


async def test_the_timeout_covers_all_steps_of_a_loop() -> None:
    async def slow_tool() -> str:
        """Takes longer than there is time."""
        await anyio.sleep(0.2)
        return "x"

    model = ScriptedModel(use("slow_tool"), "never")
    with pytest.raises(SampleTimedOut):
        await _with_tools(model, MODERN, [slow_tool], timeout=0.1)
    assert len(model.requests) == 1


async def test_the_timeout_ends_a_tool_that_hangs() -> None:
    cancelled = []

    async def hang() -> str:
        """Wait for ever."""
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.append(True)
        return "unreachable"

    with anyio.fail_after(10), pytest.raises(SampleTimedOut):
        await _with_tools(ScriptedModel(use("hang")), MODERN, [hang], timeout=0.2)
    assert cancelled


@pytest.mark.parametrize("steps", [0, -1])
async def test_max_steps_is_at_least_one(steps: int) -> None:
    assert isinstance(await replies(ScriptedModel("x"), "?", max_steps=steps), ConfigurationError)


async def test_priorities_outside_their_range_are_refused_here() -> None:
    error = await replies(ScriptedModel("x"), "?", preferences={"costPriority": 3})
    assert isinstance(error, InvalidRequest)


async def test_a_loop_of_samples_is_as_many_rounds() -> None:
    rounds = Rounds()

    async def body() -> str:
        return "".join([str(await sample(f"{i}")) for i in range(4)])

    async with client_of(server_with(Sampling(), body, rounds=rounds), MODERN, Host(ScriptedModel.echo())) as client:
        assert text_of(await client.call_tool("body", {})) == "0123"
    assert [len(keys) for keys in rounds.asked] == [1, 1, 1, 1]
