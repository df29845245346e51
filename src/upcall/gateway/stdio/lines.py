"""`Lines`: a stream of bytes in pieces, as lines."""

from __future__ import annotations

__all__ = ["LONGEST", "Lines", "TooLong"]

LONGEST = 1 << 30
"""Bytes of a line. Without any bound, a peer that sends no end of line would fill the memory."""


class TooLong(Exception):
    """A line has more bytes than `LONGEST`."""


class Lines:
    """Splits at ``\\n``. A line may come in any number of pieces; each piece is looked through and copied once."""

    def __init__(self, longest: int = LONGEST) -> None:
        self._longest = longest
        self._begun: list[bytes] = []
        self._length = 0

    def feed(self, piece: bytes) -> list[bytes]:
        """The lines that ``piece`` completes, without their ends.

        Raises:
            TooLong: What has begun is longer than allowed.
        """
        lines = piece.split(b"\n")
        rest = lines.pop()
        if lines and self._begun:
            self._begun.append(lines[0])
            lines[0] = b"".join(self._begun)
            self._begun.clear()
            self._length = 0
        if rest:
            self._begun.append(rest)
            self._length += len(rest)
            if self._length > self._longest:
                raise TooLong
        return lines

    def end(self) -> bytes:
        """What came after the last end of line."""
        rest = b"".join(self._begun)
        self._begun.clear()
        self._length = 0
        return rest
