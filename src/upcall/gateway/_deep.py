"""The members of an object whose values nest deeper than the JSON parser goes."""

from __future__ import annotations

import re

import msgspec
from msgspec import Raw

__all__ = ["deep_envelope"]

_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*+"|[\[\]{},:]', re.DOTALL)
_key = msgspec.json.Decoder(str)


def deep_envelope(text: bytes) -> dict[str, Raw] | None:
    """The members of an object, each as it is written; ``None`` for anything else.

    Goes by brackets, commas and colons alone, so it takes any depth, in time proportional to the length. What
    is within a member is not checked to be JSON beyond its brackets being even in number.
    """
    found: dict[str, Raw] = {}
    depth = 0
    key: str | None = None
    start = end = 0
    for token in _TOKEN.finditer(text):
        mark = text[token.start()]
        if depth == 0 and (mark != 0x7B or text[: token.start()].strip()):
            return None
        if mark in b"{[":
            depth += 1
        elif mark in b"}]":
            depth -= 1
        if depth == 1 and key is None and mark == 0x22:
            try:
                key = _key.decode(token.group())
            except (msgspec.DecodeError, UnicodeDecodeError):
                return None
        elif depth == 1 and mark == 0x3A:
            start = token.end()
        elif key is not None and ((depth == 1 and mark == 0x2C) or depth == 0):
            found[key] = Raw(text[start : token.start()].strip())
            key = None
        if depth == 0:
            end = token.end()
            break
    return found if end and not text[end:].strip() else None
