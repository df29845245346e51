"""`Counters`: limits on how many. One object for all servers, no clock of its own.

A request is *admitted* once, when it arrives: it counts in the last 60 seconds of its server and in the tool call it
belongs to. A tool call is *open* from the first request that names it until nothing has been heard of it for
`FORGOTTEN` seconds, or until `REMEMBERED` others of its server were heard of since. A server that wants to be forgotten
so needs that many more calls of its clients, each of which is held to the limit itself. How many requests run at one
time is the matter of whoever calls the models.

Where several processes share a store, they count the minutes together there (`upcall.store.Rate`), and one that has no
room there is *taken back* here: it has counted nowhere. Tool calls are counted here, and by whoever carries one from
process to process.

Invariants: what is refused has counted nowhere, and opens no call; memory is bounded by the limits, `REMEMBERED` and
the number of servers; no server can have the calls of another forgotten.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Hashable
from contextlib import suppress
from typing import TYPE_CHECKING

from upcall.errors import LimitExceeded

if TYPE_CHECKING:
    from upcall.host.policy import Rules

__all__ = ["FORGOTTEN", "MINUTE", "REMEMBERED", "Counters", "check_result", "too_many_a_minute"]

MINUTE = 60.0
"""Seconds that ``per_minute`` looks back."""
FORGOTTEN = 3600.0
"""Seconds without a request, after which a tool call is taken to be over."""
REMEMBERED = 10_000
"""Open calls of one server, at most."""
_IN_A_CALL = "sampling requests in one call"


class _Call:
    __slots__ = ("samples", "seen")

    def __init__(self) -> None:
        self.samples = 0
        self.seen = 0.0


class Counters:
    """Counts requests by server and tool call. Times are seconds on one monotonic clock, and never go back."""

    def __init__(self) -> None:
        self._recent: dict[str, deque[float]] = {}
        self._calls: dict[str, dict[Hashable, _Call]] = {}  # by server; least recently heard of first

    def admit(self, rules: Rules, *, at: float, call: Hashable | None = None) -> None:
        """A request has arrived.

        Args:
            rules: Of the server that asks.
            at: Now.
            call: Whatever tells one tool call of this server from another; ``None`` when this side cannot tell.

        Raises:
            LimitExceeded: ``samples_per_call`` or ``per_minute``; for the latter the hint says when to try again.
        """
        counted = self._call(rules.server, call, at)
        if counted is not None:
            _check(rules, "samples_per_call", counted.samples + 1, _IN_A_CALL)
        recent = self._recent.setdefault(rules.server, deque())
        while recent and recent[0] <= at - MINUTE:
            recent.popleft()
        most = rules.limits.per_minute
        if most is not None and len(recent) >= most:
            # Room comes once so many have grown old that fewer than ``most`` are left.
            wait = recent[len(recent) - most] + MINUTE - at
            raise too_many_a_minute(rules, count=len(recent) + 1, wait=wait)
        if most is None:
            recent.clear()
        else:
            recent.append(at)
        if counted is not None:
            counted.samples += 1
            calls = self._calls[rules.server]
            calls[call] = counted
            if len(calls) > REMEMBERED:
                del calls[next(iter(calls))]

    def take_back(self, rules: Rules, *, at: float, call: Hashable | None = None) -> None:
        """A request that was admitted has been refused by a limit after all; the arguments are those of `admit`."""
        with suppress(KeyError, ValueError):  # forgotten meanwhile
            self._recent[rules.server].remove(at)
        counted = self._calls[rules.server].get(call)
        if counted is not None:
            counted.samples -= 1

    def _call(self, server: str, call: Hashable | None, at: float) -> _Call | None:
        calls = self._calls.setdefault(server, {})
        while calls and (oldest := next(iter(calls.items())))[1].seen <= at - FORGOTTEN:
            del calls[oldest[0]]
        if call is None:
            return None
        counted = calls.pop(call, None)
        if counted is None:
            counted = _Call()
        else:
            calls[call] = counted  # heard of last
        counted.seen = at
        return counted


def too_many_a_minute(rules: Rules, *, count: int, wait: float) -> LimitExceeded:
    """The refusal of a request that is one too many.

    Args:
        rules: Of the server that asks.
        count: Requests of the last minute, with this one.
        wait: Seconds until there is room.
    """
    hint = f"Try again in {math.ceil(wait)} seconds."
    return _exceeded(rules, "per_minute", count, "sampling requests within a minute", hint)


def check_result(rules: Rules, *, requests: int, round: int | None = None, so_far: int | None = None) -> None:
    """Hold one ``input_required`` result to the limits.

    Args:
        rules: Of the server that asks.
        requests: Sampling requests in the result.
        round: Which result of its call it is, from 1; ``None`` when this side cannot tell.
        so_far: Sampling requests in its call up to and with this result; ``None`` when this side cannot tell.

    Raises:
        LimitExceeded: ``requests_per_result``, ``rounds_per_call`` or ``samples_per_call``.
    """
    _check(rules, "requests_per_result", requests, "sampling requests in one result")
    if round is not None:
        _check(rules, "rounds_per_call", round, "rounds of sampling in one call")
    if so_far is not None:
        _check(rules, "samples_per_call", so_far, _IN_A_CALL)


def _check(rules: Rules, key: str, count: int, what: str) -> None:
    most: int | None = getattr(rules.limits, key)
    if most is not None and count > most:
        raise _exceeded(rules, key, count, what)


def _exceeded(rules: Rules, key: str, count: int, what: str, hint: str = "") -> LimitExceeded:
    most: int = getattr(rules.limits, key)
    detail = f"limits.{key} of {rules.server}: {count} {what}, allowed: {most}. {rules.remedy(f'limits.{key}')}"
    return LimitExceeded(
        f"Too many {what}: at most {most:,} are taken.", limit=f"limits.{key}", hint=hint, detail=detail
    )
