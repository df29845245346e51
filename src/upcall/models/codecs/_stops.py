"""Stop sequences: which of them are sent, and the cut at those that are not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from upcall.models.codecs._encoded import Notes
from upcall.wire import AudioContent, ImageContent, TextContent, ToolUse

__all__ = ["AnswerBlock", "cut", "divide"]

AnswerBlock: TypeAlias = TextContent | ImageContent | AudioContent | ToolUse


def divide(
    asked: Sequence[str] | None, notes: Notes, *, takes: Callable[[str], bool], most: int | None
) -> tuple[list[str], tuple[str, ...]]:
    """Split stop sequences into those to send and those to cut at afterwards.

    Args:
        asked: The request's stop sequences.
        notes: Takes what is emulated or dropped.
        takes: Whether the model takes this sequence at all.
        most: How many it takes; ``None`` for any number.
    """
    unique = list(dict.fromkeys(asked or ()))
    wanted = [sequence for sequence in unique if sequence]
    if len(wanted) < len(unique):
        notes.add("stopSequences", "dropped", "An empty stop sequence stops nothing.")
    sent = [sequence for sequence in wanted if takes(sequence)][:most]
    left = tuple(sequence for sequence in wanted if sequence not in sent)
    if left:
        count = f"{len(left)} of {len(wanted)} stop sequences" if sent else "The stop sequences"
        notes.add("stopSequences", "emulated", f"{count} cannot be sent; the answer is cut at them afterwards.")
    return sent, left


def cut(blocks: list[AnswerBlock], at: Sequence[str]) -> tuple[list[AnswerBlock], bool]:
    """The blocks up to the first of the sequences ``at`` in their text, and whether there was one.

    What would have come after the stop, other blocks included, goes with it. Neighbouring texts are one text here.
    """
    kept: list[AnswerBlock] = []
    for block in blocks:
        last = kept[-1] if kept else None
        if isinstance(block, TextContent) and isinstance(last, TextContent):
            kept[-1] = TextContent(text=last.text + block.text)
        else:
            kept.append(block)
    if not at:
        return kept, False
    for index, block in enumerate(kept):
        if isinstance(block, TextContent):
            ends = [end for end in (block.text.find(sequence) for sequence in at) if end >= 0]
            if ends:
                shortened = block.text[: min(ends)]
                return [*kept[:index], *([TextContent(text=shortened)] if shortened else [])], True
    return kept, False
