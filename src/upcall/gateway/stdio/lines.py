"""`Lines`: a stream of bytes in pieces, as lines."""

from __future__ import annotations

__all__ = ["LONGEST", "Lines", "TooLong"]

LONGEST = 1 << 30
"""Bytes of a line. Without any bound, a peer that sends no end of line would fill the memory."""


class TooLong(Exception):
    """A line has more bytes than `LONGEST`."""


class Lines:
    """Splits at ``\\n``. A line may come in any number of pieces; each piece is looked through once."""

    def __init__(self, longest: int = LONGEST) -> None:
        self._longest = longest
        self._begun = bytearray()  # pieces that are kept one by one would leave the heap in pieces, too

    def feed(self, piece: bytes) -> list[bytes]:
        """The lines that ``piece`` completes, without their ends.

        Raises:
            TooLong: What has begun is longer than allowed.
        """
        lines = piece.split(b"\n")
        rest = lines.pop()
        if lines and self._begun:
            self._begun += lines[0]
            lines[0] = self.end()
        if rest:
            self._begun += rest
            if len(self._begun) > self._longest:
                raise TooLong
        return lines

    def end(self) -> bytes:
        """What came after the last end of line."""
        rest = bytes(self._begun)
        self._begun = bytearray()
        return rest
