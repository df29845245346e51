"""What `Retrying` and `Alternates` share: counting calls that failed, and saying so without a secret."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from upcall.errors import InvalidRequest, SamplingError, UnsupportedContent
from upcall.models.base import Adjustment, Completion

__all__ = ["completed", "spent", "told"]


def spent(error: SamplingError) -> int:
    """Calls of a provider behind ``error``. A model that counts none made one, unless the request never left."""
    return error.attempts or (0 if isinstance(error, InvalidRequest | UnsupportedContent) else 1)


def told(error: SamplingError) -> str:
    """``error`` in a record: its class and its message, which a peer may read; never its detail."""
    return f"{type(error).__name__}: {error.message}"


def completed(completion: Completion, before: int, tried: Sequence[Adjustment], *, answered_by: str = "") -> Completion:
    """``completion`` after ``before`` other calls, of which ``tried`` tells."""
    return msgspec.structs.replace(
        completion,
        attempts=before + completion.attempts,
        adjustments=(*tried, *completion.adjustments),
        answered_by=completion.answered_by or answered_by,
    )
