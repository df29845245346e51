"""`Origin`: where a value of the policy comes from."""

from __future__ import annotations

import re
from collections.abc import Iterable

import msgspec

__all__ = ["BUILT_IN", "Origin", "dotted", "quoted"]

BUILT_IN = "built-in"
"""Section of what no file says."""


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """A place in a policy file, or the built-in defaults. For this side's eyes only: it names a path."""

    section: str
    """``default``, ``server.logs`` …, or `BUILT_IN`."""
    key: str
    """The key inside the section: ``decision``, ``limits.max_tokens`` …"""
    file: str | None = None
    """The policy file; ``None`` for the built-in defaults, and for a policy that was never a file."""
    line: int | None = None

    @property
    def is_built_in(self) -> bool:
        """Whether no file says so."""
        return self.section == BUILT_IN

    def __str__(self) -> str:
        if self.is_built_in:
            return "built-in default"
        place = f"{self.file or 'policy'}:{self.line}" if self.line is not None else (self.file or "policy")
        return f"{place} {self.section}.{self.key}" if self.key else f"{place} {self.section}"


def dotted(keys: Iterable[str | int]) -> str:
    """Keys as one writes them in TOML: ``server."my logs".limits``; positions count from 1: ``budget #2``."""
    text = ""
    for key in keys:
        if isinstance(key, int):
            text += f" #{key + 1}"
        else:
            text += ("." if text else "") + _written(key)
    return text


def quoted(text: str) -> str:
    """``text`` as a TOML string on one line; what does not print is written by number, so that it acts on nothing."""
    return '"' + "".join(map(_character, text)) + '"'


def _written(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else quoted(key)


def _character(character: str) -> str:
    if character in '"\\':
        return f"\\{character}"
    if character.isprintable():
        return character
    code = ord(character)
    return f"\\u{code:04X}" if code < 0x10000 else f"\\U{code:08X}"
