"""Taking one change of a text back when the text was changed elsewhere since, line by line."""

from __future__ import annotations

from difflib import SequenceMatcher

__all__ = ["taken_back"]


def taken_back(before: str, after: str, now: str) -> str | None:
    """``now`` without the change from ``before`` to ``after``; ``None`` when its lines were changed again.

    At the very edge of the change, what was added since may come to stand on its other side.
    """
    old, new, found = (text.splitlines(keepends=True) for text in (before, after, now))
    same = SequenceMatcher(None, new, found, autojunk=False).get_matching_blocks()
    pieces: list[str] = []
    done = 0
    for kind, start, end, old_start, old_end in SequenceMatcher(None, new, old, autojunk=False).get_opcodes():
        if kind == "equal":
            continue
        block = next((block for block in same if block.a <= start and end <= block.a + block.size), None)
        if block is None or (at := block.b + start - block.a) < done:
            return None
        pieces += [*found[done:at], *old[old_start:old_end]]
        done = at + end - start
    return "".join([*pieces, *found[done:]])
