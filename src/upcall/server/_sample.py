"""`sample()`: ask a model from anywhere below a request.

One call is a conversation: it ends with the first answer that is complete, and until then it runs the tools that
the model asks for, or tells the model what is wrong with its answer. Each step is one request to the client.
"""

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Any, Literal, TypeVar, overload

from msgspec.structs import replace

from upcall.errors import ConfigurationError, SampleTimedOut, SamplingError
from upcall.server._heartbeat import OnProgress
from upcall.server._prompt import Preferences, Prompt, as_messages, as_preferences
from upcall.server._raising import limited, raisable
from upcall.server._reply import Reply
from upcall.server._route import Answer, Route, current_route
from upcall.server._structured import TOOL_NAME, Goal, NotYet
from upcall.server._tools import Toolbox, ToolLike
from upcall.wire import (
    ContentBlock,
    Role,
    SamplingMessage,
    SamplingRequest,
    TextContent,
    ToolChoice,
    ToolResult,
    ToolUse,
    check_result,
    encode,
)

__all__ = ["rounds_left", "sample"]

T = TypeVar("T")

_CORRECTIONS = 2
"""How often a wrong answer of a type goes back to the model before it is an error."""

ToolChoiceMode = Literal["auto", "required", "none"]


@overload
async def sample(
    messages: Prompt,
    *,
    result_type: type[T],
    system: str | None = None,
    max_tokens: int = 1024,
    temperature: float | None = None,
    stop: Sequence[str] | None = None,
    preferences: Preferences | None = None,
    tools: Sequence[ToolLike] | None = None,
    tool_choice: ToolChoiceMode | None = None,
    max_steps: int = 10,
    timeout: float | None = None,
    progress_interval: float | None = 5.0,
    on_progress: OnProgress | None = None,
    metadata: Mapping[str, Any] | None = None,
) -> Reply[T]: ...


@overload
async def sample(
    messages: Prompt,
    *,
    result_type: Any = None,
    system: str | None = None,
    max_tokens: int = 1024,
    temperature: float | None = None,
    stop: Sequence[str] | None = None,
    preferences: Preferences | None = None,
    tools: Sequence[ToolLike] | None = None,
    tool_choice: ToolChoiceMode | None = None,
    max_steps: int = 10,
    timeout: float | None = None,
    progress_interval: float | None = 5.0,
    on_progress: OnProgress | None = None,
    metadata: Mapping[str, Any] | None = None,
) -> Reply[Any]: ...


async def sample(
    messages: Prompt,
    *,
    system: str | None = None,
    max_tokens: int = 1024,
    temperature: float | None = None,
    stop: Sequence[str] | None = None,
    preferences: Preferences | None = None,
    tools: Sequence[ToolLike] | None = None,
    tool_choice: ToolChoiceMode | None = None,
    result_type: Any = None,
    max_steps: int = 10,
    timeout: float | None = None,
    progress_interval: float | None = 5.0,
    on_progress: OnProgress | None = None,
    metadata: Mapping[str, Any] | None = None,
) -> Reply[Any]:
    """Ask the client's model, or the server's fallback, from inside a tool, a prompt or a resource template.

    Args:
        messages: A string, an `Image` or `Audio`, a message, or a list of these (``reply.history + ["and then?"]``).
        system: System prompt.
        max_tokens: Tokens that each answer may have; a longer one is cut (``reply.truncated``).
        temperature: Randomness, where the model takes it.
        stop: Strings at which the answer ends.
        preferences: A hint for a model's name, several in order, or a whole `ModelPreferences`. Advice only.
        tools: Functions that the model may call. They run here, and their results go back to it.
        tool_choice: For the first step: as the model likes, at least one tool, or none.
        result_type: Any type pydantic understands; ``reply.result`` is a value of it.
        max_steps: How many answers this may take, tool calls included. The last one is asked for without tools.
        timeout: Seconds for all of it; the client's work is cancelled (``notifications/cancelled``) when they are over.
            So are tools, but for plain functions, which are waited for. A fallback that steps in after a time-out gets
            the same time again.
        progress_interval: Seconds between signs of life; ``None`` or 0 for none.
        on_progress: Told ``(seconds waited, message)`` at each of them.
        metadata: Passed through for the provider, where the client allows that.

    Raises:
        SamplingUnsupported: The client did not declare what this needs, and there is no fallback.
        SamplingRefused: A person or a policy said no.
        SampleTimedOut: ``timeout`` is over.
        SampleAbandoned: The client went away.
        RoundsExhausted: The client would give the call up at the next round, and there is no fallback.
        InvalidRequest, InvalidAnswer: What was asked, or came back, breaks a rule or is not of ``result_type``.
        ModelError: The model or its provider failed.
        ConfigurationError: There is no request here whose server has `Sampling`, or a tool or ``result_type`` cannot be
            described.
    """
    if max_steps < 1:
        raise ConfigurationError(f"max_steps must be at least 1, not {max_steps}.")
    route = _here()
    toolbox = Toolbox(tools) if tools else None
    goal: Goal[Any] | None = None if result_type is None else Goal(result_type)
    if goal is not None and toolbox is not None and TOOL_NAME in toolbox:
        raise ConfigurationError(f"{TOOL_NAME} is how the model gives its result, so no other tool may have this name.")
    try:
        conversation = _Conversation(
            route=route,
            request=SamplingRequest(
                messages=as_messages(messages),
                max_tokens=max_tokens,
                system_prompt=system,
                temperature=temperature,
                stop_sequences=None if stop is None else list(stop),
                model_preferences=None if preferences is None else as_preferences(preferences),
                metadata=None if metadata is None else dict(metadata),
            ),
            toolbox=toolbox,
            tool_choice=tool_choice,
            goal=goal,
            max_steps=max_steps,
            deadline=None if timeout is None else monotonic() + timeout,
            progress_interval=progress_interval,
            on_progress=on_progress,
        )
        return await conversation.run()
    except SamplingError as error:
        raise raisable(error) from error.__cause__


def rounds_left() -> int | None:
    """How many more rounds the client of this request takes part in; ``None`` when nothing limits them (legacy).

    Everything that is asked at once shares a round.

    Raises:
        ConfigurationError: There is no request here whose server has `Sampling`.
    """
    return _here().rounds_left


def _here() -> Route:
    route = current_route.get()
    if route is None:
        raise ConfigurationError(
            "There is no request here to sample for.",
            hint="Call this inside a tool, prompt or resource template of a server that has Sampling: "
            "MCPServer(..., middleware=[Sampling()]) or Sampling().attach(server).",
        )
    return route


@dataclass(slots=True)
class _Conversation:
    """The steps of one `sample()` call. ``request.messages`` is the transcript so far, valid after every step."""

    route: Route
    request: SamplingRequest
    toolbox: Toolbox | None
    tool_choice: ToolChoiceMode | None
    goal: Goal[Any] | None
    max_steps: int
    deadline: float | None
    progress_interval: float | None
    on_progress: OnProgress | None
    corrections: int = 0

    async def run(self) -> Reply[Any]:
        """Take steps until one completes."""
        by_tool = self.goal is not None and (self.toolbox is not None or self.route.has_tools)
        for step in range(1, self.max_steps + 1):
            # Asking on after the last round would lose what was paid for.
            last = self.route.rounds_left == 1 and not self.route.can_fall_back
            last = last or step == self.max_steps > 1
            asked = self._step_request(step, last, by_tool)
            answer = await self._ask(asked)
            # A model that writes its result instead of submitting it is still understood.
            check_result(answer.result, asked if self.goal is None else replace(asked, tool_choice=None))
            self._add("assistant", answer.result.content)
            reply = await self._outcome(answer, final=last or step == self.max_steps)
            if reply is not None:
                return reply
        raise AssertionError("the last step always has an outcome")

    def _step_request(self, step: int, last: bool, by_tool: bool) -> SamplingRequest:
        request = self.request
        tools = self.toolbox.definitions if self.toolbox is not None else []
        choice = self.tool_choice
        if by_tool and self.goal is not None:
            tools = [self.goal.tool] if last else [*tools, self.goal.tool]
            choice = "required"
        elif last and tools:
            choice = "none"
        elif step > 1 and choice == "required":
            choice = "auto"
        if self.goal is not None and not by_tool:
            system = request.system_prompt
            text = self.goal.instruction if system is None else f"{system}\n\n{self.goal.instruction}"
            request = replace(request, system_prompt=text)
        if not tools:
            return request
        return replace(request, tools=tools, tool_choice=None if choice is None else ToolChoice(mode=choice))

    def _ask(self, request: SamplingRequest) -> Awaitable[Answer]:
        return self.route.ask(
            encode(request),
            timeout=self._time_left(),
            progress_interval=self.progress_interval or 0,
            on_progress=self.on_progress,
        )

    async def _run(self, toolbox: Toolbox, uses: list[ToolUse]) -> list[ToolResult]:
        with limited(self._time_left(), "The tools of this sample"):
            return await toolbox.run_all(uses)

    def _time_left(self) -> float | None:
        if self.deadline is None:
            return None
        left = self.deadline - monotonic()
        if left <= 0:
            raise SampleTimedOut("The time for this sample was over before the model was done.")
        return left

    async def _outcome(self, answer: Answer, *, final: bool) -> Reply[Any] | None:
        """The reply, when this answer is one; else the transcript has grown by what the model is told next."""
        uses = answer.result.tool_uses
        if self.goal is not None:
            submitted = next((use for use in uses if use.name == TOOL_NAME), None)
            if submitted is not None or not uses:
                return await self._judged(self.goal, answer, submitted, final)
            if final:
                raise self.goal.give_up("the last step went into another tool.")
        if final or not uses or self.toolbox is None or not all(map(self.toolbox.runs, uses)):
            return self._reply(answer, None)
        self._add("user", list(await self._run(self.toolbox, uses)))
        return None

    async def _judged(
        self, goal: Goal[Any], answer: Answer, submitted: ToolUse | None, final: bool
    ) -> Reply[Any] | None:
        try:
            given = goal.from_text(answer.result.text) if submitted is None else goal.from_tool(submitted.input)
            return self._reply(answer, given)
        except NotYet as error:
            reason = f"{error} (cut at max_tokens)" if answer.result.stop_reason == "maxTokens" else str(error)
        self.corrections += 1
        if final or self.corrections > _CORRECTIONS:
            raise goal.give_up(reason)
        told = f"That is not the answer asked for: {reason}. Try again."
        if submitted is None:
            self._add("user", TextContent(text=told))
            return None
        others = [use for use in answer.result.tool_uses if use is not submitted]
        results = [] if self.toolbox is None else await self._run(self.toolbox, others)
        error_result = ToolResult(tool_use_id=submitted.id, content=[TextContent(text=told)], is_error=True)
        self._add("user", [error_result, *results])
        return None

    def _reply(self, answer: Answer, result: Any) -> Reply[Any]:
        return Reply(
            content=answer.result.blocks,
            result=result,
            model=answer.result.model,
            stop_reason=answer.result.stop_reason,
            route=answer.route,
            history=self.request.messages,
        )

    def _add(self, role: Role, content: ContentBlock | list[ContentBlock]) -> None:
        message = SamplingMessage(role=role, content=content)
        self.request = replace(self.request, messages=[*self.request.messages, message])
