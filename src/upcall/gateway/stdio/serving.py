"""`serve`: one client on our own standard input and output, one child; until it ends."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import secrets
import sys
from collections.abc import Callable, Sequence

from upcall.errors import UpcallError
from upcall.gateway.answering import Answering
from upcall.gateway.performing import Elicit
from upcall.gateway.sealing import Sealer
from upcall.gateway.session.actions import Outcome, Refused, Sample
from upcall.gateway.session.session import Session
from upcall.gateway.session.tasks import Tasks
from upcall.gateway.session.terms import Protocol, Terms
from upcall.gateway.settings import Settings
from upcall.gateway.stdio.child import Child
from upcall.gateway.stdio.driver import StdioDriver

__all__ = ["own_pipes", "serve", "session_for"]

_log = logging.getLogger("upcall.gateway")


def serve(child: Child, name: str, read: Callable[[], Settings], *, protocol: Protocol | None = None) -> int:
    """Stand between the client that started us and ``child``; gives the exit code to leave with.

    Args:
        child: The server, started.
        name: What the policy calls it.
        read: Gives the settings. When they cannot be used, that is logged, no sampling is declared, and everything
            else passes.
        protocol: Which revisions may be spoken, when the settings cannot be used.
    """
    reading, writing = own_pipes()
    session, answering = session_for(name, read, keys=(secrets.token_bytes(32),), protocol=protocol)

    async def run() -> int:
        try:
            return await StdioDriver(child, session, answering, reading=reading, writing=writing).run()
        finally:
            await answering.aclose()

    # What is loaded by now is never garbage; the collector need not go through it again and again.
    gc.freeze()
    return asyncio.run(run())


def own_pipes() -> tuple[int, int]:
    """Our standard input and output, for ourselves alone.

    Whatever else reads there finds nothing, and what anybody prints goes to standard error, so that no stray word gets
    between the frames.
    """
    reading, writing = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    sys.stdout.flush()
    os.dup2(2, 1)
    return reading, writing


def session_for(
    name: str,
    read: Callable[[], Settings],
    *,
    keys: Sequence[bytes] | None = None,
    protocol: Protocol | None = None,
) -> tuple[Session, Answering | Closed]:
    """The session of this process with the server ``name``, and who answers for it.

    Args:
        name: Of the server.
        read: Gives the settings.
        keys: Seal what the client carries, instead of the settings' own. A child has our environment, so what stands
            there is no secret from it; with the key it could forge what people have said.
        protocol: Which revisions may be spoken, when the settings cannot be used.
    """
    try:
        answering = Answering(read(), name)
        terms = FollowedTerms(answering)
        terms()  # reads the policy while the server starts
        sealer = answering.sealer() if keys is None else Sealer(keys, name)
        return Session(terms, sealer, tasks=Tasks(name)), answering
    except UpcallError as error:
        _log.error("%s answers no sampling until it is restarted: %s", name, _told(error))
        closed = Terms(server=name, allowed=False, protocol=protocol or "auto")
        return Session(lambda: closed, Sealer([secrets.token_bytes(32)], name)), Closed(error)


class Closed:
    """Answers nothing: the settings cannot be used."""

    def __init__(self, error: UpcallError) -> None:
        self._refused = Refused(error)

    async def answer(self, sample: Sample, elicit: Elicit | None) -> Outcome:
        """Refuse."""
        return self._refused

    async def aclose(self) -> None:
        """Nothing is open."""


class FollowedTerms:
    """The terms of now; while the policy cannot be used, terms without sampling, and the protocol of those before.
    Each new reason is logged once."""

    def __init__(self, answering: Answering) -> None:
        self._answering = answering
        self._said = ""
        self._protocol: Protocol = "auto"

    def __call__(self) -> Terms:
        try:
            terms = self._answering.terms()
        except UpcallError as error:
            if (why := _told(error)) != self._said:
                _log.error("%s answers no sampling for now: %s", self._answering.server, why)
                self._said = why
            return Terms(server=self._answering.server, allowed=False, protocol=self._protocol)
        self._said, self._protocol = "", terms.protocol
        return terms


def _told(error: UpcallError) -> str:
    return " ".join(filter(None, (str(error), error.detail)))
