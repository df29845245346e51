"""What wrapped files looked like before: kept in the user's configuration folder, for its owner only.

A file is wrapped in *layers*: once, and again when servers were added. A layer holds the whole text before and after,
and which entries it wrapped. Layers are forgotten when the file is unwrapped.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec

from upcall.gateway.clients._files import replaced
from upcall.host.policy import user_policy_path

__all__ = ["Layer", "forget", "recall", "remember"]


class Layer(msgspec.Struct, frozen=True):
    """One time that a file was wrapped."""

    before: str
    after: str
    entries: list[tuple[str, ...]]


class _Kept(msgspec.Struct, frozen=True):
    file: str
    layers: list[Layer]


def recall(path: Path) -> list[Layer]:
    """The layers of the file at ``path`` (resolved), the oldest first; none when they are lost."""
    try:
        kept = msgspec.json.decode(_place(path).read_bytes(), type=_Kept)
    except (OSError, msgspec.DecodeError):
        return []
    return kept.layers if kept.file == str(path) else []


def remember(path: Path, layers: list[Layer]) -> None:
    """Keep ``layers`` for the file at ``path`` (resolved).

    Raises:
        ConfigurationError: They cannot be written.
    """
    place = _place(path)
    place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    replaced(place, msgspec.json.encode(_Kept(str(path), layers)).decode(), was=None, mode=0o600)


def forget(path: Path) -> None:
    """Forget the file at ``path`` (resolved)."""
    _place(path).unlink(missing_ok=True)


def _place(path: Path) -> Path:
    return user_policy_path().parent / "wrapped" / f"{hashlib.sha256(str(path).encode()).hexdigest()[:32]}.json"
