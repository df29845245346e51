"""What `Retrying` and `Alternates` share: counting calls that failed, and saying so without a secret."""

from __future__ import annotations

import msgspec

from upcall.errors import InvalidRequest, SamplingError, UnsupportedContent
from upcall.models.base import Adjustment, Completion
from upcall.models.billing import may_be_paid

__all__ = ["Tries", "told"]


def told(error: SamplingError) -> str:
    """``error`` in a record: its class and its message, which a peer may read; never its detail."""
    return f"{type(error).__name__}: {error.message}"


class Tries:
    """What became of one request so far."""

    def __init__(self) -> None:
        self.calls = 0
        self.unaccounted = 0
        self.told: list[Adjustment] = []

    def add(self, error: SamplingError) -> None:
        """Count the calls behind ``error``. A model that counts none made one, unless the request never left."""
        self.unaccounted += may_be_paid(error)
        self.calls += error.attempts or (0 if isinstance(error, InvalidRequest | UnsupportedContent) else 1)

    def failed(self, error: SamplingError) -> SamplingError:
        """``error`` with the counts of all that was tried."""
        error.attempts, error.unaccounted = self.calls, self.unaccounted
        return error

    def completed(self, completion: Completion, *, answered_by: str = "") -> Completion:
        """``completion`` with what was tried before it."""
        return msgspec.structs.replace(
            completion,
            attempts=self.calls + completion.attempts,
            unaccounted=self.unaccounted + completion.unaccounted,
            adjustments=(*self.told, *completion.adjustments),
            answered_by=completion.answered_by or answered_by,
        )
