"""``maxTokens`` where a provider does not take it: the answer is cut, at an estimate of what a token is."""

from __future__ import annotations

from itertools import takewhile

from upcall.models.codecs._stops import AnswerBlock
from upcall.wire import TextContent

__all__ = ["BYTES_PER_TOKEN", "shortened", "within"]

BYTES_PER_TOKEN = 4
"""Of UTF-8: about what English and code come to. A script of three bytes a letter gets more than one token a letter."""


def shortened(text: str, tokens: int) -> tuple[str, bool]:
    """As much of ``text`` as ``tokens`` may be, and whether that is less than all of it."""
    kept = _first(text, tokens * BYTES_PER_TOKEN)
    return kept, kept != text


def _first(text: str, size: int) -> str:
    raw = text.encode("utf-8", "surrogatepass")
    return text if len(raw) <= size else raw[:size].decode("utf-8", "ignore")


def within(blocks: list[AnswerBlock], tokens: int, *, of: int | None) -> list[AnswerBlock]:
    """The text that ``blocks`` begin with, cut to ``tokens``; what follows it, tool uses included, is past the limit.

    Args:
        blocks: An answer that is longer than that, or may be.
        tokens: The limit.
        of: How many tokens the provider counted in ``blocks``: where they are short ones, less of the text is left.
    """
    leading = takewhile(lambda block: isinstance(block, TextContent), blocks)
    text = "".join(block.text for block in leading if isinstance(block, TextContent))
    size = len(text.encode("utf-8", "surrogatepass"))
    most = min(tokens * BYTES_PER_TOKEN, size * tokens // of if of else size)
    kept = _first(text, most)
    return [TextContent(text=kept)] if kept else []
