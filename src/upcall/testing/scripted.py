"""`ScriptedModel`: answers what its script says, and remembers what it was asked."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeAlias

import anyio

from upcall.models.base import Completion, Usage
from upcall.wire import (
    AudioContent,
    ContentBlock,
    ImageContent,
    SamplingRequest,
    SamplingResult,
    TextContent,
    ToolResult,
    ToolUse,
    text_of,
)

__all__ = ["ScriptExhausted", "ScriptedModel"]

_Block: TypeAlias = TextContent | ImageContent | AudioContent | ToolUse
Line: TypeAlias = str | _Block | Sequence[_Block] | SamplingResult | Completion | BaseException | type[BaseException]
"""What one call gives: a text, a block or several, a whole result or completion; an exception is raised."""
Step: TypeAlias = Line | Callable[[SamplingRequest], Line | Awaitable[Line]]
"""A line, or a function (plain or async) of the request that gives one."""


class ScriptExhausted(AssertionError):
    """The model was asked once more than its script has lines: the code under test asked too often."""


class ScriptedModel:
    """A `upcall.models.Model` that plays its script, a line per call, in the order in which calls arrive.

    ::

        model = ScriptedModel("first answer", ToolUse(id="1", name="add", input={}), RateLimited("Slow down."))

    Texts end with ``endTurn``, tool uses with ``toolUse``; text beyond ``maxTokens`` words is cut and ends with
    ``maxTokens``. Usage counts words, of the system prompt and the messages' text going in.

    Args:
        script: Its lines (see `Step`). When they are used up, the next call raises `ScriptExhausted`.
        repeat: Play the last line again and again instead.
        delay: Seconds before each answer.
        name: The model string.

    Attributes:
        requests: What it was asked, in order, calls that were cancelled or failed included.
        cancelled: How many calls were cancelled while they waited.
        active: How many calls are being answered now; `most_active` is the highest that number ever was.
        closed: How often `aclose` was called.
    """

    def __init__(self, *script: Step, repeat: bool = False, delay: float = 0.0, name: str = "scripted/test") -> None:
        if repeat and not script:
            raise ValueError("There is no last line to repeat.")
        self._script = script
        self._repeat = repeat
        self._delay = delay
        self._name = name
        self.requests: list[SamplingRequest] = []
        self.cancelled = 0
        self.active = 0
        self.most_active = 0
        self.closed = 0

    @classmethod
    def echo(cls, *, delay: float = 0.0, name: str = "scripted/echo") -> ScriptedModel:
        """A model that gives back the text of the last message, every time."""
        return cls(lambda request: request.messages[-1].text, repeat=True, delay=delay, name=name)

    @property
    def name(self) -> str:
        """The model string."""
        return self._name

    async def complete(self, request: SamplingRequest) -> Completion:
        """Play the next line.

        Raises:
            ScriptExhausted: There is none left.
        """
        step = self._next_step()
        self.requests.append(request)
        self.active += 1
        self.most_active = max(self.most_active, self.active)
        try:
            await anyio.sleep(self._delay)
            return await self._play(step, request)
        except anyio.get_cancelled_exc_class():
            self.cancelled += 1
            raise
        finally:
            self.active -= 1

    async def aclose(self) -> None:
        """Count the call; there is nothing to release."""
        self.closed += 1

    def _next_step(self) -> Step:
        number = len(self.requests)
        if number < len(self._script):
            return self._script[number]
        if self._repeat:
            return self._script[-1]
        raise ScriptExhausted(f"The script has {len(self._script)} lines, and this is call {number + 1}.")

    async def _play(self, step: Step, request: SamplingRequest) -> Completion:
        line: Line
        if isinstance(step, type):
            line = step
        elif callable(step):
            told = step(request)
            line = await told if inspect.isawaitable(told) else told
        else:
            line = step
        if isinstance(line, BaseException | type):
            raise line
        if isinstance(line, Completion):
            return line
        result = line if isinstance(line, SamplingResult) else self._result(line, request)
        return Completion(result=result, usage=Usage(input_tokens=_asked(request), output_tokens=_words(result.text)))

    def _result(self, line: str | _Block | Sequence[_Block], request: SamplingRequest) -> SamplingResult:
        blocks: list[ContentBlock]
        stop_reason = "endTurn"
        if isinstance(line, str):
            text, cut = _shortened(line, request.max_tokens)
            blocks, stop_reason = [TextContent(text=text)], "maxTokens" if cut else "endTurn"
        else:
            blocks = [*line] if isinstance(line, Sequence) else [line]
        if any(isinstance(block, ToolUse) for block in blocks):
            stop_reason = "toolUse"
        single = len(blocks) == 1 and not request.tools
        return SamplingResult(
            role="assistant", content=blocks[0] if single else blocks, model=self._name, stop_reason=stop_reason
        )


def _words(text: str) -> int:
    return len(text.split())


def _shortened(text: str, most: int) -> tuple[str, bool]:
    words = text.split()
    return (" ".join(words[:most]), True) if len(words) > most else (text, False)


def _asked(request: SamplingRequest) -> int:
    texts = [request.system_prompt or ""]
    for message in request.messages:
        texts.append(message.text)
        texts += [text_of(block.content) for block in message.blocks if isinstance(block, ToolResult)]
    return sum(map(_words, texts))
