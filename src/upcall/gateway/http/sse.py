"""Server-sent events, cut out of a stream as they come, each with its own bytes. No I/O.

A parser holds the *rest*: bytes after the last event that it gave. Invariants: joined, the `Event.raw` of all
events and the rest are the stream; so whoever writes them on has passed the stream on. An event is given with the chunk
that ends it, and a comment line between events with the chunk that ends the line.

Rules: WHATWG HTML, "Server-sent events", 9.2.5 and 9.2.6. Ends of lines are ``\\n``, ``\\r\\n`` or ``\\r``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec

__all__ = ["Event", "EventTooLarge", "Parser", "comment", "with_ids", "written"]

EVENT_BYTES: Final = 256 * 1024 * 1024
"""Longest event, in bytes."""
_COLON: Final = 0x3A
_BOM: Final = b"\xef\xbb\xbf"


class EventTooLarge(Exception):
    """An event is longer than the parser was made for."""


class Event(msgspec.Struct, frozen=True):
    """One event, or what stands between two: a comment, an empty line."""

    raw: bytes
    """As it came, with its end."""
    data: bytes | None = None
    """Its data, lines joined by ``\\n``; ``None`` when it has no ``data`` field."""
    kind: bytes | None = None
    """Its ``event`` field."""
    id: bytes | None = None
    retry: bytes | None = None


class Parser:
    """Takes chunks, gives events.

    Args:
        event_bytes: Longest event to hold while its end is awaited.
    """

    def __init__(self, event_bytes: int = EVENT_BYTES) -> None:
        self._limit = event_bytes
        self._rest = bytearray()
        self._line = 0  # where its last line begins
        self._after_cr = False

    @property
    def rest(self) -> bytes:
        """What came after the last event: an event cut short by the end of the stream."""
        return bytes(self._rest)

    def feed(self, chunk: bytes) -> list[Event]:
        """Take in the next bytes, and give the events that they complete.

        Raises:
            EventTooLarge: An event is longer than the limit.
        """
        events: list[Event] = []
        if not chunk:
            return events
        if self._after_cr and chunk[:1] == b"\n":  # the other half of an end of line
            chunk = chunk[1:]
            if self._rest:
                self._rest += b"\n"
                self._line += 1
            else:
                events.append(Event(b"\n"))
        seen, buffer = len(self._rest), chunk
        if seen:
            self._rest += chunk
            buffer = self._rest  # type: ignore[assignment]
        start, line = 0, self._line
        while end := _end_of_line(buffer, max(line, seen)):
            empty = buffer[line] in b"\r\n"
            if empty or (line == start and buffer[line] == _COLON):
                events.append(_parsed(bytes(memoryview(buffer)[start:end])))
                start = end
            line = end
        self._after_cr = chunk[-1:] == b"\r"
        if seen:
            del self._rest[:start]
        else:
            self._rest = bytearray(buffer[start:])
        self._line = line - start
        if len(self._rest) > self._limit:
            raise EventTooLarge
        return events


def _end_of_line(buffer: bytes, start: int) -> int:
    """Where the line that goes on at ``start`` ends; 0 when it does not yet."""
    newline = buffer.find(b"\n", start)
    feed = buffer.find(b"\r", start, newline if newline >= 0 else len(buffer))
    if feed >= 0:
        return newline + 1 if newline == feed + 1 else feed + 1
    return newline + 1


def _parsed(raw: bytes) -> Event:
    text = raw.removeprefix(_BOM)
    if text[:1] in b":\r\n":
        return Event(raw)
    data: list[bytes] = []
    fields: dict[bytes, bytes] = {}
    for line in text.splitlines():
        colon = line.find(b":")
        colon = len(line) if colon < 0 else colon
        name, value = line[:colon], line[colon + 1 + (line[colon + 1 : colon + 2] == b" ") :]
        if name == b"data":
            data.append(value)
        elif name in (b"event", b"id", b"retry"):
            fields[name] = value
    return Event(
        raw,
        (data[0] if len(data) == 1 else b"\n".join(data)) if data else None,
        fields.get(b"event"),
        fields.get(b"id"),
        fields.get(b"retry"),
    )


def with_ids(event: Event, changed: Callable[[bytes], bytes]) -> Event:
    """The event with other ids in it, and every other byte as it was. An id stays that is empty, or that readers ignore
    because it holds a NUL."""

    def other(value: bytes) -> bytes:
        return changed(value) if value and b"\0" not in value else value

    parts = []
    for number, line in enumerate(event.raw.splitlines(keepends=True)):
        start = len(_BOM) if number == 0 and line.startswith(_BOM) else 0
        if line.startswith(b"id:", start):
            start += 4 if line[start + 3 : start + 4] == b" " else 3
            end = len(line.rstrip(b"\r\n"))
            parts += [line[:start], other(line[start:end]), line[end:]]
        else:
            parts.append(line)
    id = None if event.id is None else other(event.id)
    return Event(b"".join(parts), event.data, event.kind, id, event.retry)


def written(
    data: bytes, *, kind: bytes | None = b"message", id: bytes | None = None, retry: bytes | None = None
) -> bytes:
    """An event with this data (any ends of lines in it become ``data`` fields of their own)."""
    parts = []
    if kind is not None:
        parts.append(b"event: " + kind + b"\n")
    if id is not None:
        parts.append(b"id: " + id + b"\n")
    if retry is not None:
        parts.append(b"retry: " + retry + b"\n")
    if b"\n" in data or b"\r" in data:
        parts += [b"data: " + line + b"\n" for line in (data.splitlines() or [b""])]
    else:
        parts += [b"data: ", data, b"\n"]
    parts.append(b"\n")
    return b"".join(parts)


def comment(text: bytes = b"ping") -> bytes:
    """A comment, which every reader ignores: a sign of life."""
    return b": " + text + b"\n\n"
