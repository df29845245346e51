"""`Session`: what becomes of each frame between one client and one server.

A session has two states of its own: what ``initialize`` has settled, such as whether sampling requests of a legacy
server are taken; and, from the first request on, whether it is held at the legacy revisions (`Terms.protocol`), where
what comes of 2026-07-28 is answered here as an older server would, and goes no further. On 2026-07-28 everything is
settled with each request. Which era a frame is of is seen from the frame alone. What is open is with its parts: the
client's requests (`Calls`), a legacy server's sampling requests and our questions for them (`Taken`), a modern
server's rounds (`Rounds`) and the samplings of its tasks (`Tasking`).

Invariants: a frame that is not about sampling goes through once, as the same object, in order. A frame that cannot be
read goes through, too. The client gets one response to each of its requests, as far as the server gives one; ids of
ours reach it on questions of ours alone. What concerns a lane stays on it. No frame of a peer makes any of this raise.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from msgspec import UNSET, Raw
from msgspec.structs import replace

from upcall.errors import ServerUnavailable
from upcall.gateway import frames
from upcall.gateway.frames import Envelope
from upcall.gateway.session import _batches, legacy_only
from upcall.gateway.session._calls import Call, Calls
from upcall.gateway.session._declaring import in_initialize, in_meta, version_of
from upcall.gateway.session._names import Names
from upcall.gateway.session._progress import PROGRESS, Progress
from upcall.gateway.session._round import SAMPLING
from upcall.gateway.session._rounds import Rounds
from upcall.gateway.session._taken import Taken
from upcall.gateway.session._tasking import LISTEN, NOTICE, TASKS, Tasking
from upcall.gateway.session.actions import Action, Lane, Outcome, ToClient, ToServer
from upcall.gateway.session.handshake import Handshake
from upcall.gateway.session.tasks import Tasks
from upcall.gateway.session.terms import Terms

if TYPE_CHECKING:
    from upcall.gateway.sealing import Sealer

__all__ = ["Session"]

_CANCELLED = "notifications/cancelled"


class Session:
    """One connection: on stdio the whole process, on HTTP one ``Mcp-Session-Id`` (legacy) or one POST (2026-07-28).

    Sans-IO: the caller carries out the actions in order, and brings the outcome of each `Sample`.

    Args:
        terms: Gives the terms that hold now.
        sealer: Seals what the client keeps between two rounds.
        principal: Who the client is, as the transport knows it; sealed states open for the same one alone.
        now: The time, in seconds since the epoch.
        tasks: What is known of the server's tasks, where several sessions of it share that; else one has its own.
    """

    def __init__(
        self,
        terms: Callable[[], Terms],
        sealer: Sealer,
        *,
        principal: str = "",
        now: Callable[[], float] = time.time,
        tasks: Tasks | None = None,
    ) -> None:
        self._terms = terms
        self._handshake: Handshake | None = None
        self._replays = False
        self._version: str | None = None
        self._legacy_only: bool | None = None
        self._names = Names()
        self._calls = Calls()
        self._taken = Taken(self._calls, self._names)
        self._rounds = Rounds(self._calls, self._names, sealer, principal, now)
        own = Tasks(now=now) if tasks is None else tasks
        self._tasking = Tasking(self._calls, self._names, own, principal, now)
        self._progress = Progress()

    @property
    def open(self) -> int:
        """Requests of the client that are not answered yet."""
        return len(self._calls)

    @property
    def version(self) -> str | None:
        """The protocol version: negotiated (legacy), or of the last request (2026-07-28)."""
        return self._version

    @property
    def handshake(self) -> Handshake | None:
        """What ``initialize`` has settled; ``None`` while there was none."""
        return None if self._handshake is None else replace(self._handshake, version=self._version)

    def resume(self, handshake: Handshake) -> None:
        """Go on with a session of which another process saw the ``initialize``."""
        self._handshake, self._version = handshake, handshake.version

    def from_client(self, frame: bytes, lane: Lane = None) -> list[Action]:
        """A frame of the client, as it came on this lane."""
        if lane is not None:
            self._replays = True
        envelope = frames.peek(frame)
        if envelope is None:
            return _batches.each(frame, lane, ToServer, self._client_message)
        return self._client_envelope(frame, envelope, lane)

    def from_server(self, frame: bytes, lane: Lane = None) -> list[Action]:
        """A frame of the server, as it came on this lane."""
        envelope = frames.peek(frame)
        if envelope is None:
            return _batches.each(frame, lane, ToClient, self._server_message)
        return self._server_envelope(frame, envelope, lane)

    def answered(self, number: int, outcome: Outcome) -> list[Action]:
        """The outcome of a `Sample`. One that was stopped meanwhile, or is unknown, changes nothing."""
        found = self._taken.answered(number, outcome)
        if found is None:
            found = self._tasking.answered(number, outcome)
        return self._rounds.answered(number, outcome) if found is None else found

    def beat(self) -> list[Action]:
        """Signs of life, for calls that wait for samples: progress, for a client that asked for it with a
        ``progressToken``. To be called every few seconds while samples are under way."""
        waiting = {id(call) for call in (*self._rounds.held, *self._taken.around)}
        return [told for call in self._calls if id(call) in waiting for told in self._progress.beat(call)]

    def elicit(self, number: int, question: int, params: bytes) -> list[Action]:
        """Ask the client, for a sample that asks ``inline``; the answer comes as `Elicited`.

        Args:
            number: Of the `Sample`.
            question: The caller's own number for it.
            params: JSON of the ``params`` of ``elicitation/create``.
        """
        return self._taken.elicit(number, question, params)

    def client_gone(self, lane: Lane = None) -> list[Action]:
        """Nobody reads this lane any more; ``None``: the client is gone altogether.

        Requests of 2026-07-28 are cancelled (spec, "Cancellation": closing the response stream). A legacy request
        goes on when its lane closes, as the client may resume.
        """
        found: list[Action] = []
        for call in self._calls:
            if lane is None or call.lane == lane:
                if call.modern:
                    found += self._rounds.dropped(call)
                elif lane is None:
                    self._calls.close(call)
        if lane is None:
            found += self._taken.client_gone()
            found += self._tasking.ended()
        return found

    def server_gone(self, reason: str, lane: Lane = None) -> list[Action]:
        """Nothing more comes on this lane; ``None``: the server is gone altogether.

        Each request of the client that waits for it gets an error. On a lane, a request that is held here, between two
        rounds, does not wait.

        Args:
            reason: Goes to the client.
            lane: Where.
        """
        error = ServerUnavailable(reason)
        ended = [call for call in self._calls if lane is None or (call.lane == lane and call.upstream is not None)]
        found = self._taken.gone(lane, ended)
        for call in ended:
            found += self._rounds.failed(call, error)
        return found if lane is not None else found + self._tasking.ended()

    def _client_message(self, frame: bytes, lane: Lane) -> list[Action]:
        envelope = frames.peek(frame)
        return [ToServer(frame, lane)] if envelope is None else self._client_envelope(frame, envelope, lane)

    def _client_envelope(self, frame: bytes, envelope: Envelope, lane: Lane) -> list[Action]:
        method, id = envelope.method, envelope.id
        if method is UNSET:
            found = self._taken.response(envelope)
            return [ToServer(frame, lane)] if found is None else found
        if self._legacy_only is None:
            self._legacy_only = self._terms().protocol == "legacy"
        if self._legacy_only and legacy_only.is_of_modern_era(envelope):
            refused = legacy_only.refusal(frame, envelope)
            return [] if refused is None else [ToClient(refused, lane)]
        if id is UNSET:
            if method == _CANCELLED and isinstance(envelope.params, Raw):
                return self._client_cancelled(frame, envelope.params, lane)
            return [ToServer(frame, lane)]
        if id is None:
            return [ToServer(frame, lane)]
        call = Call(id, lane, method, frame, id)
        self._calls.add(call)
        if self._progress and b"progressToken" in frame:
            self._progress.opened(call)
        if b"clientCapabilities" in frame and not self._legacy_only:
            declared = in_meta(frame, envelope.params, self._terms())
            if declared is not None:
                call.frame, call.version, call.modern = declared.frame, declared.version, True
                call.ours, call.deferrable = declared.ours, declared.elicits
                self._version = declared.version or self._version
                if call.ours and method in TASKS:
                    found = self._tasking.opened(call)
                    if found is not None:
                        return found
                return self._rounds.opened(call)
        if method == "initialize":
            call.frame, self._handshake = in_initialize(frame, envelope.params, self._terms())
            self._version = self._handshake.version
            return [ToServer(call.frame, lane)]
        return [ToServer(frame, lane)]

    def _client_cancelled(self, frame: bytes, params: Raw, lane: Lane) -> list[Action]:
        call = self._calls.named(frames.request_id(params), lane)
        if call is None:
            return [ToServer(frame, lane)]
        if call.modern:
            return self._rounds.cancelled(call, frame, params, lane)
        self._calls.close(call)
        return [ToServer(frame, lane), *self._taken.call_cancelled(call)]

    def _server_message(self, frame: bytes, lane: Lane) -> list[Action]:
        envelope = frames.peek(frame)
        return [ToClient(frame, lane)] if envelope is None else self._server_envelope(frame, envelope, lane)

    def _server_envelope(self, frame: bytes, envelope: Envelope, lane: Lane) -> list[Action]:
        method, id = envelope.method, envelope.id
        if method is UNSET:
            return self._server_response(frame, envelope, lane)
        if id is UNSET:
            if method == _CANCELLED and self._taken and isinstance(envelope.params, Raw):
                found = self._taken.cancelled(frames.request_id(envelope.params))
                return [ToClient(frame, lane)] if found is None else found
            if method == PROGRESS and isinstance(envelope.params, Raw):
                self._progress.told(envelope.params)
            elif method == NOTICE and isinstance(envelope.params, Raw):
                return self._noticed(frame, envelope.params, lane)
        elif method == SAMPLING and id is not None and (settled := self._handshake) is not None and settled.ours:
            return self._taken.take(
                frame, envelope, lane, version=self._version, elicits=settled.form, replays=self._replays
            )
        return [ToClient(frame, lane)]

    def _noticed(self, frame: bytes, params: Raw, lane: Lane) -> list[Action]:
        for call in self._calls:
            if call.method == LISTEN and call.ours and lane in (None, call.lane):
                built, found = self._tasking.noticed(call, frame, params)
                if built is not frame or found:
                    return [ToClient(built, lane), *found]
        return [ToClient(frame, lane)]

    def _server_response(self, frame: bytes, envelope: Envelope, lane: Lane) -> list[Action]:
        id = envelope.id
        call = self._rounds.of(id) or self._calls.waiting(id, lane)
        if call is not None and lane not in (None, call.lane) and (call.modern or self._rounds.is_late(id, lane)):
            call = None  # a legacy one may be answered on a resumed stream
        if call is None:
            return [] if self._rounds.is_late(id, lane) else [ToClient(frame, lane)]
        if call.modern:
            if not call.ours or (call.method != "tools/call" and call.method != "tasks/get"):
                return self._rounds.responded(call, frame, envelope)
            frame, found = self._tasking.responded(call, frame, envelope)
            return [*self._rounds.responded(call, frame, envelope), *found]
        self._calls.close(call)
        if call.method == "initialize":
            self._version = version_of(envelope.result) or self._version
        return [ToClient(frame, call.lane if lane is None else lane)]
