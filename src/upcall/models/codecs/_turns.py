"""Messages, reduced to alternating turns that a provider takes.

Rules, in the order in which they apply:

1. Empty text goes.
2. Images and sounds of the assistant move to the user's next turn; no provider takes them in the assistant's.
3. Messages left with nothing go, and neighbours of the same role become one turn.
4. Where the model refuses a prefill, a last turn of the assistant is followed by one of the user.

Afterwards roles alternate, and no turn is empty. Providers want the results of tools first in their turn; the codecs
see to that.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from upcall.errors import UnsupportedContent
from upcall.models.codecs._encoded import Notes
from upcall.wire import AudioContent, ContentBlock, ImageContent, Role, SamplingRequest, TextContent

__all__ = ["Part", "Turn", "turns_of"]

CONTINUE = "Continue exactly where your last message ends."


class Part(NamedTuple):
    """A block with its place in the request, such as ``messages[2].content[0]``."""

    where: str
    block: ContentBlock


class Turn(NamedTuple):
    """One or more messages of the same role. ``parts`` is never empty."""

    role: Role
    parts: list[Part]


def turns_of(
    request: SamplingRequest, notes: Notes, *, is_empty: Callable[[str], bool], prefill: bool = True
) -> list[Turn]:
    """The conversation as alternating turns.

    Args:
        request: A valid request.
        notes: Takes what was dropped, moved and merged.
        is_empty: Whether the provider refuses a text as empty.
        prefill: Whether the model takes a last turn of the assistant, to be continued.

    Raises:
        UnsupportedContent: Nothing but empty text in the whole request.
    """
    turns: list[Turn] = []
    moved: list[Part] = []
    for number, message in enumerate(request.messages):
        kept, strays = _parts_of(number, request, notes, is_empty)
        if message.role == "assistant":
            if kept and moved:
                _append(turns, "user", moved, notes)
                moved = []
            _append(turns, "assistant", kept, notes)
            moved = [*moved, *strays]
        elif kept:
            _append(turns, "user", [*moved, *kept], notes)
            moved = []
    _append(turns, "user", moved, notes)
    if not turns:
        raise UnsupportedContent("The request contains nothing but empty text.")
    if turns[-1].role == "assistant" and not prefill:
        notes.add("messages", "emulated", "The model does not continue a text of its own; it is asked to in words.")
        turns.append(Turn("user", [Part("messages", TextContent(text=CONTINUE))]))
    return turns


def _parts_of(
    number: int, request: SamplingRequest, notes: Notes, is_empty: Callable[[str], bool]
) -> tuple[list[Part], list[Part]]:
    """Parts of one message that stay with it, and those that move to the user's next turn."""
    message = request.messages[number]
    kept: list[Part] = []
    strays: list[Part] = []
    for index, block in enumerate(message.blocks):
        where = f"messages[{number}].content" + (f"[{index}]" if isinstance(message.content, list) else "")
        if isinstance(block, TextContent) and is_empty(block.text):
            notes.add(where, "dropped", "Empty text is not sent.")
        elif message.role == "assistant" and isinstance(block, ImageContent | AudioContent):
            notes.add(where, "converted", "Only the user may show images and sounds; it moves to the user's next turn.")
            strays.append(Part(where, TextContent(text="[From the assistant's last message:]")))
            strays.append(Part(where, block))
        else:
            kept.append(Part(where, block))
    return kept, strays


def _append(turns: list[Turn], role: Role, parts: list[Part], notes: Notes) -> None:
    if not parts:
        return
    if turns and turns[-1].role == role:
        notes.add(parts[0].where.partition(".")[0], "merged", "Neighbouring messages of one role are sent as one.")
        turns[-1].parts.extend(parts)
    else:
        turns.append(Turn(role, list(parts)))
