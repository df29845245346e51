"""`Streams`: what a legacy session says to its client, on which of its HTTP responses. No I/O.

A *stream* is the response to one POST with requests, or the standalone one (GET). It is *open* until its requests are
answered; the standalone one until the session ends. It is *attached* while an HTTP response reads it, and *detached*
before and after: its events wait, and a client that names the last one it has seen (``Last-Event-ID``) gets the rest,
as long as they are kept.

Invariants: a response goes to the stream of its request, progress to that of its token, each once and in order. All
else belongs to no request that we could know of: it goes to one stream that somebody reads, if there is one. What is
not sent yet is dropped only while nobody reads its stream and there is too much; what is sent is kept up to a limit.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, Final

import msgspec

from upcall.gateway.frames import UNREADABLE, Envelope, Id, elements, members, peek

__all__ = ["KEPT", "Stream", "Streams", "requests_in"]

KEPT: Final = 4 << 20
"""Bytes of events that are kept in a session for clients that come back."""
_KEPT_STREAMS: Final = 256
"""Finished streams that are kept."""
_EVENT: Final = 64
"""Bytes that an event takes beside its frame."""

_log = logging.getLogger("upcall.gateway")


class Stream:
    """One of them. ``on_change`` is called when there is something new to read, or nothing more to come."""

    def __init__(self, number: int, ids: Iterable[Id] = (), tokens: Iterable[Id] = ()) -> None:
        self.number = number
        self.unanswered = set(ids)
        self.tokens = set(tokens)
        self.ended = False
        self.last = 0
        """Number of the last event."""
        self.size = 0
        self.reader: Callable[[], None] | None = None
        """Whoever reads it; told when something has changed. A second reader takes it from the first."""
        self._sent: deque[tuple[int, bytes]] = deque()
        self._unsent: deque[tuple[int, bytes]] = deque()

    def put(self, frame: bytes) -> None:
        """Add an event."""
        self.last += 1
        self.size += len(frame) + _EVENT
        self._unsent.append((self.last, frame))
        self._changed()

    def end(self) -> None:
        """Nothing more comes."""
        if not self.ended:
            self.ended = True
            self._changed()

    def take(self) -> tuple[int, bytes] | None:
        """The next event that was not sent, with its number; it counts as sent."""
        if not self._unsent:
            return None
        event = self._unsent.popleft()
        self._sent.append(event)
        return event

    def rewind(self, number: int) -> None:
        """Count everything after this event as not sent, and nothing else."""
        while self._sent and self._sent[-1][0] > number:
            self._unsent.appendleft(self._sent.pop())
        while self._unsent and self._unsent[0][0] <= number:
            self._sent.append(self._unsent.popleft())

    def drop(self, *, unsent: bool) -> int:
        """Forget the oldest event that was sent (or was not); gives the bytes that makes free."""
        events = self._unsent if unsent else self._sent
        freed = len(events.popleft()[1]) + _EVENT if events else 0
        self.size -= freed
        return freed

    @property
    def unsent(self) -> bool:
        """Whether there is something to read."""
        return bool(self._unsent)

    def _changed(self) -> None:
        if self.reader is not None:
            self.reader()


class Streams:
    """Those of one session."""

    def __init__(self, kept: int = KEPT) -> None:
        self._kept = kept
        self._numbers = 0
        self._bytes = 0
        self.standalone = Stream(0)
        self._posts: dict[int, Stream] = {}  # oldest first

    @property
    def backlog(self) -> int:
        """Bytes that somebody reads, but not fast enough."""
        return sum(stream.size for stream in self._all() if stream.reader is not None and stream.unsent)

    @property
    def size(self) -> int:
        """Bytes of all that is kept."""
        return self._bytes

    @property
    def open(self) -> list[Stream]:
        """Those of requests that are not answered."""
        return [stream for stream in self._posts.values() if not stream.ended]

    def opened(self, ids: Iterable[Id], tokens: Iterable[Id]) -> Stream | None:
        """The stream of a POST with these requests; ``None`` when one of the ids waits for an answer already."""
        wanted = list(ids)
        if len(set(wanted)) < len(wanted) or any(stream.unanswered & set(wanted) for stream in self.open):
            return None
        self._numbers += 1
        stream = self._posts[self._numbers] = Stream(self._numbers, wanted, tokens)
        return stream

    def resumed(self, event: str) -> Stream | None:
        """The stream of this event id, rewound to it; ``None`` when it is not kept any more."""
        number, _, position = event.partition("-")
        try:
            stream = self._posts.get(int(number)) if int(number) else self.standalone
            if stream is not None:
                stream.rewind(int(position))
        except ValueError:
            return None
        return stream

    def say(self, frame: bytes) -> None:
        """Put a frame for the client, or each of a batch, on the stream where it belongs."""
        for part in elements(frame) or (frame,):
            self._say(bytes(part))
        self._trim()

    def end(self) -> None:
        """The session is over."""
        for stream in self._all():
            stream.end()

    def forget(self, stream: Stream) -> None:
        """Nobody will ask for this one again."""
        if self._posts.pop(stream.number, None) is not None:
            self._bytes -= stream.size

    def _say(self, frame: bytes) -> None:
        message = peek(frame)
        if message is None:
            if frame.strip():  # such as what a server prints; an event of it would fail the request it comes with
                _log.warning("The server wrote a line that is no message: dropped.")
            return
        if not isinstance(message.method, str):
            for stream in self.open:
                if message.id in stream.unanswered:
                    self._put(stream, frame)
                    stream.unanswered.discard(message.id)
                    if not stream.unanswered:
                        stream.end()
                    return
            return  # an answer to nothing
        self._put(self._place(message), frame)

    def _put(self, stream: Stream, frame: bytes) -> None:
        self._bytes += len(frame) + _EVENT
        stream.put(frame)

    def _place(self, message: Envelope) -> Stream:
        if message.method == "notifications/progress":
            token = _token(members(message.params), "progressToken")
            for stream in reversed(self.open):
                if token in stream.tokens:
                    return stream
        read = [stream for stream in self.open if stream.reader is not None]
        related = message.id is not msgspec.UNSET or message.method in _OF_REQUESTS
        if not read or (self.standalone.reader is not None and (len(read) > 1 or not related)):
            return self.standalone
        return read[-1]

    def _trim(self) -> None:
        while len(self._posts) > _KEPT_STREAMS:
            over = next((stream for stream in self._posts.values() if stream.ended and stream.reader is None), None)
            if over is None:
                break
            self.forget(over)
        for unsent in (False, True):
            for stream in self._all() if self._bytes > self._kept else ():
                while self._bytes > self._kept and (not unsent or stream.reader is None):
                    freed = stream.drop(unsent=unsent)
                    if not freed:
                        break
                    self._bytes -= freed

    def _all(self) -> Iterable[Stream]:
        return [*self._posts.values(), self.standalone]


_OF_REQUESTS: Final = frozenset({"notifications/message", "notifications/cancelled", "notifications/progress"})


def requests_in(frame: bytes) -> tuple[list[Id], list[Id]]:
    """The ids of the requests in a frame, or batch, and their progress tokens."""
    ids: list[Id] = []
    tokens: list[Id] = []
    for part in elements(frame) or (frame,):
        message = peek(part)
        if message is None or not isinstance(message.method, str) or not isinstance(message.id, str | int | float):
            continue
        ids.append(message.id)
        params = members(message.params) if message.params else None
        token = _token(members(params.get("_meta")) if params else None, "progressToken")
        if token is not None:
            tokens.append(token)
    return ids, tokens


def _token(found: dict[str, msgspec.Raw] | None, key: str) -> Any:
    if not found or key not in found:
        return None
    try:
        return msgspec.json.decode(found[key], type=Id)
    except UNREADABLE:
        return None
