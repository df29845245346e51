"""Texts of strangers on the command line: made safe to show (`upcall.wire.visible`), and cut where they are long."""

from __future__ import annotations

from upcall.wire.visible import visible

__all__ = ["clipped", "visible"]


def clipped(text: str, most: int) -> str:
    """The first ``most`` characters of ``text``, and how many more there are."""
    left = len(text) - most
    return text if left <= 0 else f"{text[:most]} … and {left:,} more characters (--full shows them)"
