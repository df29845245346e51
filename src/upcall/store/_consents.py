"""What people want remembered: one row per key."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from upcall.store._connection import Session
from upcall.store._times import micros, moment
from upcall.store._values import clean
from upcall.store.decisions import Consent

__all__ = ["forget", "holding", "holding_all", "remember"]

_SELECT = "SELECT key, verdict, decided_by, expires_at, note FROM consents"
_REMEMBER = """
INSERT INTO consents (key, verdict, decided_by, expires_at, note) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (key) DO UPDATE SET
    verdict = excluded.verdict, decided_by = excluded.decided_by, expires_at = excluded.expires_at,
    note = excluded.note
WHERE excluded.verdict = 'deny' OR consents.verdict = 'allow' OR consents.expires_at <= ?
"""


def remember(session: Session, consent: Consent, at: datetime) -> Consent:
    """Put it in its place, unless that takes away a no."""
    expires_at = micros(consent.expires_at) if consent.expires_at is not None else None
    key = clean(consent.key)
    row = (key, consent.verdict, clean(consent.by), expires_at, clean(consent.note))
    session.run(_REMEMBER, (*row, micros(at)))
    return _parse(session.rows(" ".join([_SELECT, "WHERE key = ?"]), (key,))[0])


def holding(session: Session, key: str, at: datetime) -> Consent | None:
    """The one for ``key``."""
    sql = " ".join([_SELECT, "WHERE key = ? AND (expires_at IS NULL OR expires_at > ?)"])
    rows = session.rows(sql, (clean(key), micros(at)))
    return _parse(rows[0]) if rows else None


def holding_all(session: Session, at: datetime) -> list[Consent]:
    """All of them."""
    sql = " ".join([_SELECT, "WHERE expires_at IS NULL OR expires_at > ?"])
    return sorted((_parse(row) for row in session.rows(sql, (micros(at),))), key=lambda consent: consent.key)


def forget(session: Session, key: str) -> bool:
    """Remove the one for ``key``."""
    return session.run("DELETE FROM consents WHERE key = ?", (clean(key),)) > 0


def _parse(row: Sequence[Any]) -> Consent:
    key, verdict, by, expires_at, note = row
    return Consent(
        key=key, verdict=verdict, by=by, expires_at=None if expires_at is None else moment(expires_at), note=note
    )
