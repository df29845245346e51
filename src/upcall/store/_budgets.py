"""Counting budgets. See `upcall.store.budgets` for states and invariants.

All of it happens in transactions that hold the budgets' lock, so what is read here does not change meanwhile.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from upcall.store._connection import Session
from upcall.store._times import micros, moment
from upcall.store._values import clean, whole
from upcall.store.budgets import WINDOWS, Amount, Exceeded, Limit, Measure, Reservation, Spent, Window, window_of

__all__ = ["new_reservation", "release", "renew", "reserve", "settle", "spent", "tidy"]

_NOTHING = Amount(calls=0)
_MEASURES: tuple[Measure, ...] = ("calls", "tokens", "micro_usd")

_RESERVE = "INSERT INTO reservations (id, key, calls, tokens, micro_usd, reserved_at, expires_at) VALUES"
_COUNT = "INSERT INTO budget_use (key, span, since, calls, tokens, micro_usd) VALUES"
_ADDING = """
ON CONFLICT (key, span, since) DO UPDATE SET
    calls = budget_use.calls + excluded.calls,
    tokens = budget_use.tokens + excluded.tokens,
    micro_usd = budget_use.micro_usd + excluded.micro_usd
"""

_KEPT = {"minute": timedelta(days=1), "hour": timedelta(days=40)}
"""How long the numbers of short windows are kept; those of longer ones stay."""
_KEPT_EXPIRED = timedelta(days=7)
"""How long an expired reservation can still be settled."""

_Place = tuple[str, Window]


def new_reservation(amount: Amount, at: datetime, ttl: float) -> Reservation:
    """One that is not set aside yet."""
    return Reservation(id=secrets.token_hex(12), amount=_bounded(amount), expires_at=at + timedelta(seconds=ttl))


def reserve(session: Session, reservation: Reservation, limits: Sequence[Limit], at: datetime) -> Exceeded | None:
    """Set it aside under all limits, or say which one is in the way."""
    asked = reservation.amount
    places = {(clean(limit.key), limit.window) for limit in limits}
    settled = _settled(session, places, at)
    reserved = _reserved(session, places, at)
    for limit in limits:
        place = clean(limit.key), limit.window
        for measure in _MEASURES:
            allowed = getattr(limit, measure)
            used, open_, more = (getattr(amount, measure) for amount in (settled[place], reserved[place], asked))
            if allowed is not None and used + open_ + more > allowed:
                resets_at = window_of(limit.window, at)[1]
                return Exceeded(
                    limit=limit, measure=measure, used=used, reserved=open_, asked=more, resets_at=resets_at
                )
    keys = sorted({key for key, _ in places})
    if keys:
        row = (asked.calls, asked.tokens, asked.micro_usd, micros(at), micros(reservation.expires_at))
        marks = ", ".join(["(?, ?, ?, ?, ?, ?, ?)"] * len(keys))
        session.run(" ".join([_RESERVE, marks]), [value for key in keys for value in (reservation.id, key, *row)])
    return None


def renew(session: Session, reservation: Reservation, expires_at: datetime) -> bool:
    """Move its end."""
    sql = "UPDATE reservations SET expires_at = ? WHERE id = ?"
    return session.run(sql, (micros(expires_at), reservation.id)) > 0


def release(session: Session, reservation: str) -> bool:
    """Drop it."""
    return session.run("DELETE FROM reservations WHERE id = ?", (reservation,)) > 0


def settle(session: Session, reservation: Reservation, actual: Amount) -> bool:
    """Count ``actual`` in every window that the reservation began in, and drop it."""
    sql = "DELETE FROM reservations WHERE id = ? RETURNING key, reserved_at"
    began = session.rows(sql, (reservation.id,))
    if not began:
        return False
    actual = _bounded(actual)
    rows = [
        (key, window, micros(window_of(window, moment(reserved_at))[0]), actual.calls, actual.tokens, actual.micro_usd)
        for key, reserved_at in began
        for window in WINDOWS
    ]
    marks = ", ".join(["(?, ?, ?, ?, ?, ?)"] * len(rows))
    session.run(" ".join([_COUNT, marks, _ADDING]), [value for row in rows for value in row])
    return True


def spent(session: Session, keys: Sequence[str], at: datetime) -> list[Spent]:
    """Each key in each window."""
    cleaned = [clean(key) for key in dict.fromkeys(keys)]
    places: list[_Place] = [(key, window) for key in cleaned for window in WINDOWS]
    settled = _settled(session, places, at)
    reserved = _reserved(session, places, at)
    found = []
    for place in places:
        since, resets_at = window_of(place[1], at)
        key, window = place
        found.append(
            Spent(
                key=key,
                window=window,
                since=since,
                resets_at=resets_at,
                settled=settled[place],
                reserved=reserved[place],
            )
        )
    return found


def tidy(session: Session, at: datetime) -> None:
    """Drop numbers that no window needs any more."""
    for window, kept in _KEPT.items():
        session.run("DELETE FROM budget_use WHERE span = ? AND since < ?", (window, micros(at - kept)))
    session.run("DELETE FROM reservations WHERE expires_at < ?", (micros(at - _KEPT_EXPIRED),))


def _settled(session: Session, places: Iterable[_Place], at: datetime) -> dict[_Place, Amount]:
    starts = {(key, window): micros(window_of(window, at)[0]) for key, window in places}
    found = dict.fromkeys(starts, _NOTHING)
    keys, since = sorted({key for key, _ in starts}), sorted(set(starts.values()))
    sql = " ".join(
        [
            "SELECT key, span, since, calls, tokens, micro_usd FROM budget_use",
            f"WHERE key IN ({_marks(keys)}) AND since IN ({_marks(since)})",
        ]
    )
    for key, window, start, *numbers in session.rows(sql, [*keys, *since]) if keys else ():
        if starts.get((key, window)) == start:
            found[key, window] = _amount(numbers)
    return found


def _reserved(session: Session, places: Iterable[_Place], at: datetime) -> dict[_Place, Amount]:
    ordered = sorted(set(places))
    if not ordered:
        return {}
    one = " ".join(
        [
            "SELECT CAST(coalesce(sum(calls), 0) AS BIGINT), CAST(coalesce(sum(tokens), 0) AS BIGINT),",
            "CAST(coalesce(sum(micro_usd), 0) AS BIGINT) FROM reservations",
            "WHERE key = ? AND expires_at > ? AND reserved_at >= ?",
        ]
    )
    # In one round trip. The number in front of each keeps equal rows apart and in order.
    parts = [one.replace("SELECT", f"SELECT {number},", 1) for number in range(len(ordered))]
    now = micros(at)
    parameters = [value for key, window in ordered for value in (key, now, micros(window_of(window, at)[0]))]
    rows = session.rows(" UNION ALL ".join(parts), parameters)
    return {ordered[number]: _amount(numbers) for number, *numbers in rows}


def _marks(values: Sequence[object]) -> str:
    return ", ".join("?" * len(values))


def _amount(numbers: Sequence[Any]) -> Amount:
    calls, tokens, micro_usd = numbers
    return Amount(calls=calls, tokens=tokens, micro_usd=micro_usd)


def _bounded(amount: Amount) -> Amount:
    return Amount(calls=whole(amount.calls), tokens=whole(amount.tokens), micro_usd=whole(amount.micro_usd))
