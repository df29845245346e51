"""Samples that several gateways may be shown, those of tasks, are asked by one of them, whichever the client polls.

A sample is *claimed* in the store that the replicas share, by the first that is shown it, and *settled* with its
outcome, which the others wait for and take up. A claim is renewed while the model thinks; when its replica dies it
lapses, and one that waits claims it in its turn. A sample whose task is over is asked by nobody any more
(`Store.drop_claims`).

Invariants: as long as the store can be reached and a replica is not held up for longer than a claim lasts, one model
call is made for a sample, and all replicas have the same outcome. What is kept of an outcome is sealed for this one
sample with the state key, so the store cannot read or change it, and is gone after minutes, or when the task ends. A
store that fails keeps no sample from being asked.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import msgspec
from msgspec import UNSET, Raw, UnsetType

from upcall.errors import InvalidRequest, LimitExceeded, SampleAbandoned, SamplingRefused, StoreError
from upcall.gateway.session.actions import Answered, Once, Outcome, Refused

if TYPE_CHECKING:
    from upcall.gateway.sealing import Sealer
    from upcall.store import Claim, Store

__all__ = ["CLAIM_SECONDS", "OUTCOME_BYTES", "Claiming"]

CLAIM_SECONDS: Final = 30.0
"""After which the claim of a replica that died lapses; also how long the end of a task is remembered."""
KEPT_SECONDS: Final = 600.0
"""How long an outcome is kept: it is needed until the server has been told, at the latest with the next poll."""
OUTCOME_BYTES: Final = 64 * 1024 * 1024
"""A longer outcome is not kept; the claim lapses, and the server has been told by then."""
_BEATS: Final = 3
_LEAVING_SECONDS: Final = 2.0
"""For giving a claim back when the gateway closes; else it lapses."""
_FIRST_LOOK, _LONGEST_LOOK = 0.05, 1.0
"""Seconds between two looks at a sample that another replica asks: at first, and in the long run."""
_PURPOSE: Final = "upcall outcome"
"""Stands for the method in what is sealed; no request of a client has it."""

_log = logging.getLogger("upcall.gateway")


class _Kept(msgspec.Struct, omit_defaults=True):
    result: Raw | UnsetType = UNSET
    message: str = ""
    hint: str = ""


_kept = msgspec.json.Decoder(_Kept)


class Claiming:
    """Asks for one server.

    Args:
        store: The replicas share it.
        sealer: Seals outcomes; theirs has the same keys.
        seconds: How long a claim lasts unless it is renewed.
    """

    def __init__(self, store: Store, sealer: Sealer, *, seconds: float = CLAIM_SECONDS) -> None:
        self._store = store
        self._sealer = sealer
        self._seconds = seconds

    async def outcome(self, once: Once, ask: Callable[[], Awaitable[Outcome]]) -> Outcome:
        """The outcome of a sample: of ``ask``, or of another replica. Raises nothing but cancellation."""
        holder = secrets.token_hex(12)
        while True:
            try:
                claim = await self._store.claim(once.name, about=once.task, holder=holder, ttl=self._seconds)
            except StoreError as error:
                _log.warning("A sample of a task could not be claimed: %s %s", error, error.detail)
                return await ask()
            if claim.result is None and claim.holder == holder:
                return await self._asked(once, claim, ask)
            result = claim.result if claim.result is not None else await self._waited(once)
            if result is not None:
                return self._opened(once, result) or await ask()

    async def over(self, task: str) -> None:
        """The task has come to its end."""
        try:
            await self._store.drop_claims(task, self._seconds)
        except StoreError as error:
            _log.warning("What is kept of a task could not be dropped yet: %s %s", error, error.detail)

    async def _waited(self, once: Once) -> str | None:
        """What another replica settles it with; ``None`` when its claim ends without."""
        pause = _FIRST_LOOK
        while True:
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, _LONGEST_LOOK)
            try:
                claim = await self._store.claimed(once.name)
            except StoreError as error:
                _log.debug("What another gateway asks cannot be seen: %s %s", error, error.detail)
                continue
            if claim is None or claim.result is not None:
                return None if claim is None else claim.result

    async def _asked(self, once: Once, claim: Claim, ask: Callable[[], Awaitable[Outcome]]) -> Outcome:
        asking = asyncio.ensure_future(ask())
        dropped = asyncio.create_task(self._dropped(claim))
        try:
            await asyncio.wait((asking, dropped), return_when=asyncio.FIRST_COMPLETED)
            if not asking.done() and dropped.exception() is None:
                return _over()
            return await self._settled(once, claim, await asking)
        except BaseException:
            with suppress(TimeoutError, StoreError):
                async with asyncio.timeout(_LEAVING_SECONDS):
                    await self._store.release_claim(claim)
            raise
        finally:
            asking.cancel()
            dropped.cancel()
            await asyncio.wait((asking, dropped))

    async def _dropped(self, claim: Claim) -> None:
        """Renews the claim until nobody needs it."""
        while True:
            await asyncio.sleep(self._seconds / _BEATS)
            try:
                if await self._store.renew_claim(claim, self._seconds) is None:
                    found = await self._store.claimed(claim.name)
                    if found is not None and found.result == "":
                        return
            except StoreError as error:
                _log.error("The claim of a sample could not be renewed yet: %s %s", error, error.detail)

    async def _settled(self, once: Once, claim: Claim, outcome: Outcome) -> Outcome:
        try:
            mine = self._sealed(once, outcome)
            kept = await self._store.settle_claim(claim, mine, KEPT_SECONDS)
        except (StoreError, LimitExceeded) as error:
            _log.warning("An answer for a task could not be kept for other gateways: %s %s", error, error.detail)
            return outcome
        if kept is None or kept == mine:
            return outcome
        return self._opened(once, kept) or outcome

    def _sealed(self, once: Once, outcome: Outcome) -> str:
        if isinstance(outcome, Answered):
            kept = _Kept(result=Raw(outcome.result))
        elif isinstance(outcome, Refused):
            kept = _Kept(message=outcome.error.message, hint=outcome.error.hint)
        else:
            raise TypeError("a task's client cannot be asked")
        content, digest = msgspec.json.encode(kept), bytes.fromhex(once.name)
        return self._sealer.seal(content, principal="", method=_PURPOSE, digest=digest, now=time.time())

    def _opened(self, once: Once, result: str) -> Outcome | None:
        """``None`` when somebody else's key sealed it."""
        if not result:
            return _over()
        try:
            digest = bytes.fromhex(once.name)
            content = self._sealer.open(result, principal="", method=_PURPOSE, digest=digest, now=time.time())
        except InvalidRequest:
            _log.warning("What another gateway has kept of a task does not open: have they the same state key?")
            return None
        kept = _kept.decode(content)
        if kept.result is not UNSET:
            return Answered(bytes(kept.result), elsewhere=True)
        return Refused(SamplingRefused(kept.message, hint=kept.hint))


def _over() -> Refused:
    return Refused(SampleAbandoned("The task is over."))
