"""`Reply`: what `sample()` gives back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

from upcall.wire import ContentBlock, SamplingMessage, ToolUse, text_of

__all__ = ["Reply"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply(Generic[T]):
    """An answer of the model, with how it came about. ``str(reply)`` is its text."""

    content: list[ContentBlock]
    """The blocks of the last answer: text, images, audio, and tool uses that nobody here could run."""
    result: T
    """The answer as a value of ``result_type``; ``None`` when none was asked for."""
    model: str
    """The model that really answered, by its own side's name for it."""
    stop_reason: str | None
    """``endTurn``, ``stopSequence``, ``maxTokens``, ``toolUse``, or a provider's own word."""
    route: Literal["client", "fallback"]
    """Whose model it was."""
    history: list[SamplingMessage]
    """The whole conversation with this answer at its end; goes back into `sample()` to continue it."""

    @property
    def text(self) -> str:
        """All text of the answer, joined."""
        return text_of(self.content)

    @property
    def truncated(self) -> bool:
        """Whether ``max_tokens`` cut the answer short."""
        return self.stop_reason == "maxTokens"

    @property
    def tool_uses(self) -> list[ToolUse]:
        """Tools that the model wants called and that were offered without a function."""
        return [block for block in self.content if isinstance(block, ToolUse)]

    def __str__(self) -> str:
        return self.text
