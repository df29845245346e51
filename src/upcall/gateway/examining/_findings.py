"""What an examination gives: values, fit to be shown, without secrets. Texts of servers in them are hostile all the
same: whoever shows them makes them visible first."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, TypeAlias

import msgspec

from upcall.gateway.examining._signs import Sign

__all__ = ["Finding", "Level", "Options", "Report"]

Level: TypeAlias = Literal["ok", "info", "note", "missing"]
"""``info``: nothing is wrong; ``note``: something may be; ``missing``: something is."""


class Finding(msgspec.Struct, frozen=True):
    """One thing that was looked at."""

    level: Level
    topic: str
    """``start``, ``config``, ``wrap``, ``policy``, ``protocol``, ``model``, ``limits``, ``approval``, ``store``,
    ``budget``."""
    text: str
    remedy: str = ""
    """What to do about it."""
    lines: tuple[str, ...] = ()
    """What the server said about it."""


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What the command line says, before what a config does."""

    policy: Path | None = None
    model: str | None = None
    store: str | None = None
    seconds: float = 20.0
    """For each start of a server."""


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """One server, examined."""

    name: str
    """The policy's name for it."""
    entry: str
    """Its name in the config; empty when it is in none."""
    file: str | None
    shown: str
    """Its command or address."""
    server: str
    """What it calls itself."""
    era: str | None
    version: str
    tools: int
    """How many it has for a client that can sample."""
    samples: tuple[Sign, ...]
    """Those that sample."""
    findings: tuple[Finding, ...]

    @property
    def fine(self) -> bool:
        """Whether nothing is missing."""
        return all(one.level != "missing" for one in self.findings)
