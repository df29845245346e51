"""One does it for all. See `upcall.store.claims` for states and invariants.

All that writes holds the lock: what one process claims, others may be renewing, settling or dropping.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from upcall.store._connection import Session
from upcall.store._times import micros, moment
from upcall.store._values import clean
from upcall.store.claims import Claim

__all__ = ["claim", "drop", "release", "renew", "settle", "standing", "tidy"]

_SELECT = "SELECT name, holder, result, expires_at FROM claims WHERE name = ? AND expires_at > ?"
_CLAIM = """
INSERT INTO claims (name, about, holder, expires_at) VALUES (?, ?, ?, ?) ON CONFLICT (name) DO NOTHING
"""
_HELD = "WHERE name = ? AND holder = ? AND result IS NULL"


def claim(session: Session, name: str, about: str, holder: str, expires_at: datetime, at: datetime) -> Claim:
    """Hold it, unless somebody does or it is settled; how it stands then."""
    tidy(session, at)
    session.run(_CLAIM, (clean(name), clean(about), clean(holder), micros(expires_at)))
    found = standing(session, name, at)
    return found or Claim(name=name, holder=holder, expires_at=expires_at)  # lapsed as it was made


def standing(session: Session, name: str, at: datetime) -> Claim | None:
    """The one of this name."""
    rows = session.rows(_SELECT, (clean(name), micros(at)))
    return _parse(rows[0]) if rows else None


def renew(session: Session, claim: Claim, expires_at: datetime) -> bool:
    """Move the end of one that is held."""
    sql = " ".join(["UPDATE claims SET expires_at = ?", _HELD])
    return session.run(sql, (micros(expires_at), claim.name, claim.holder)) > 0


def settle(session: Session, claim: Claim, result: str, expires_at: datetime, at: datetime) -> str | None:
    """Lay the result down, unless there is one, whoever holds it by now; the one that is there then."""
    sql = "UPDATE claims SET result = ?, holder = ?, expires_at = ? WHERE name = ? AND result IS NULL"
    session.run(sql, (result, claim.holder, micros(expires_at), claim.name))
    found = standing(session, claim.name, at)
    return None if found is None else found.result


def release(session: Session, claim: Claim) -> bool:
    """End one that is held."""
    return session.run(" ".join(["DELETE FROM claims", _HELD]), (claim.name, claim.holder)) > 0


def drop(session: Session, about: str, expires_at: datetime) -> int:
    """End all about this, so that whoever waits for one sees it."""
    sql = "UPDATE claims SET result = '', expires_at = ? WHERE about = ?"
    return session.run(sql, (micros(expires_at), clean(about)))


def tidy(session: Session, at: datetime) -> None:
    """Drop what is past its time."""
    session.run("DELETE FROM claims WHERE expires_at <= ?", (micros(at),))


def _parse(row: Sequence[Any]) -> Claim:
    name, holder, result, expires_at = row
    return Claim(name=name, holder=holder, result=result, expires_at=moment(expires_at))
