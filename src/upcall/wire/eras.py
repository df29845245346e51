"""Protocol revisions, and what differs between them for sampling.

*Legacy* revisions (up to 2025-11-25) open with ``initialize`` and let a server send requests on a back
channel. *Modern* ones (2026-07-28 on) carry everything per request, and a server asks by answering
``input_required`` (SEP-2322, SEP-2575).
"""

from __future__ import annotations

from enum import StrEnum

__all__ = ["LATEST_LEGACY", "LATEST_MODERN", "LEGACY_VERSIONS", "MODERN_VERSIONS", "Era", "era_of"]

LEGACY_VERSIONS = ("2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25")
MODERN_VERSIONS = ("2026-07-28",)
LATEST_LEGACY = LEGACY_VERSIONS[-1]
LATEST_MODERN = MODERN_VERSIONS[-1]


class Era(StrEnum):
    """Which of the two ways of asking a connection speaks."""

    LEGACY = "legacy"
    MODERN = "modern"


def era_of(version: str) -> Era:
    """The era of a protocol version. Unknown versions that sort after the last legacy one count as modern."""
    return Era.LEGACY if version <= LATEST_LEGACY else Era.MODERN


def allows_tools(version: str) -> bool:
    """Whether requests of this version may carry tools, and messages a list of blocks (SEP-1577)."""
    return version >= LATEST_LEGACY
