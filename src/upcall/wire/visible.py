"""Text of peers, made safe to show: what would act on a screen, or hide on it, becomes something to see.

Prompts, answers, results and names come from a server or a model. Escape sequences could rewrite what was shown
before, and bidirectional or zero-width characters could show a person another text than the model reads.
"""

from __future__ import annotations

import re

__all__ = ["visible"]

_LINE_ENDS = re.compile(r"\r\n|\u2028|\u2029|\x85")
_HIDDEN = (
    "\x80-\x9f\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"  # controls, invisible
    "\ud800-\udfff\ufe00-\ufe0e\U000e0000-\U000e0fff"  # lone surrogates; tags and selectors can carry hidden text
)
_ACTIVE = re.compile(f"[\x00-\x08\x0b-\x1f\x7f{_HIDDEN}]")
"""All but tab and newline of the controls, and what is hidden."""
_JOINED = re.compile(f"(?<=[^\x00-\x7f{_HIDDEN}])[\u200c\u200d](?=[^\x00-\x7f{_HIDDEN}])")
"""Joiners where scripts and emoji need them: between two characters that can be seen and are not ASCII."""


def visible(text: str) -> str:
    """``text`` with control characters as pictures (``␛``) and invisible ones by number (``⟨U+202E⟩``).

    Newlines and tabs stay.
    """
    text = _LINE_ENDS.sub("\n", text)
    kept = {found.start() for found in _JOINED.finditer(text)}
    return _ACTIVE.sub(lambda found: found[0] if found.start() in kept else _picture(found[0]), text)


def _picture(character: str) -> str:
    code = ord(character)
    if code < 0x20:
        return chr(0x2400 + code)
    return "␡" if code == 0x7F else f"⟨U+{code:04X}⟩"
