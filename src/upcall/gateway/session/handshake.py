"""What ``initialize`` has settled (up to 2025-11-25), so that a session can go on in a process that did not see it.

Written it is short, and of characters that stand anywhere: two digits for what is declared, then the version.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec

__all__ = ["Handshake", "read", "written"]

_VERSION: Final = re.compile(r"[0-9A-Za-z-]{0,32}")
_WRITTEN: Final = re.compile(rf"([0-9a-f]{{2}})({_VERSION.pattern})")


class Handshake(msgspec.Struct, frozen=True, kw_only=True):
    """Who can do what in a session. The order of the fields is how it is written."""

    sampling: bool = False
    """Of the client; the next two are parts of it."""
    sampling_tools: bool = False
    sampling_context: bool = False
    form: bool = False
    """Whether the client can put a form to a person, in a version that knows it."""
    url: bool = False
    """Whether it can send a person to a URL."""
    ours: bool = False
    """Whether the server's sampling requests are answered by the gateway."""
    tools: bool = False
    """Whether the gateway has declared sampling with tools."""
    version: str | None = None
    """The server's choice, or the client's wish as long as that is not known."""


_FLAGS: Final = tuple(name for name in Handshake.__struct_fields__ if name != "version")


def written(handshake: Handshake | None) -> str:
    """As text, empty for none. A version that no revision could have is left out."""
    if handshake is None:
        return ""
    flags = sum(getattr(handshake, name) << place for place, name in enumerate(_FLAGS))
    version = handshake.version or ""
    return f"{flags:02x}{version if _VERSION.fullmatch(version) else ''}"


def read(text: str) -> Handshake | None:
    """What `written` was given; ``None`` for none, and for what it did not write."""
    found = _WRITTEN.fullmatch(text)
    if found is None:
        return None
    flags = int(found[1], 16)
    said = {name: bool(flags >> place & 1) for place, name in enumerate(_FLAGS)}
    return Handshake(**said, version=found[2] or None)
