"""``maxTokens`` where a provider does not take it: the answer is cut, at an estimate of what a token is."""

from __future__ import annotations

from upcall.models.codecs._stops import AnswerBlock
from upcall.wire import TextContent

__all__ = ["BYTES_PER_TOKEN", "shortened", "within"]

BYTES_PER_TOKEN = 4
"""Of UTF-8: about what English and code come to. A script of three bytes a letter gets more than one token a letter."""


def shortened(text: str, tokens: int) -> tuple[str, bool]:
    """As much of ``text`` as ``tokens`` may be, and whether that is less than all of it."""
    raw = text.encode("utf-8", "surrogatepass")
    if len(raw) <= tokens * BYTES_PER_TOKEN:
        return text, False
    return raw[: tokens * BYTES_PER_TOKEN].decode("utf-8", "ignore"), True


def within(blocks: list[AnswerBlock], tokens: int) -> list[AnswerBlock]:
    """The first text of ``blocks``, cut to ``tokens``; what follows it, tool uses included, is past the limit."""
    for block in blocks:
        if isinstance(block, TextContent):
            return [TextContent(text=shortened(block.text, tokens)[0])]
    return []
