"""Which calls of a provider may have been paid although they failed. Of those that nobody knows of, all."""

from __future__ import annotations

from upcall.errors import (
    AuthenticationFailed,
    InvalidRequest,
    ModelError,
    ModelRejected,
    RateLimited,
    SamplingError,
    SamplingRefused,
    UnsupportedContent,
)

__all__ = ["may_be_paid"]

_UNPAID = (AuthenticationFailed, InvalidRequest, ModelRejected, RateLimited, SamplingRefused, UnsupportedContent)
"""Failures of a call by which nothing was generated."""


def may_be_paid(error: Exception) -> int:
    """How many of the calls behind ``error`` may have been paid: as many as it says (`SamplingError.unaccounted`).

    Where it does not say, all calls before the last; and the last one, unless the provider answered that it gives
    nothing. An exception that is no `SamplingError` may be anything, and counts as one.
    """
    if not isinstance(error, SamplingError):
        return 1
    if error.unaccounted is not None:
        return error.unaccounted
    # A status is an answer of the provider's: that it gives none.
    unpaid = isinstance(error, _UNPAID) or (isinstance(error, ModelError) and error.status is not None)
    return max(error.attempts - 1, 0) + (0 if unpaid else 1)
