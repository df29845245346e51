"""What a provider or its SDK says went wrong → the error tree of `upcall.errors`.

What a provider says in its own words goes to ``detail`` alone, cleaned of the credentials.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from time import time
from typing import Literal, NamedTuple

from upcall.errors import (
    AuthenticationFailed,
    InvalidRequest,
    ModelRejected,
    ModelTimedOut,
    ModelUnavailable,
    RateLimited,
    SamplingError,
    UnsupportedContent,
)

__all__ = ["Fault", "failure_of"]

_DETAIL_LENGTH = 2000
_NUMBER = re.compile(r"\d{1,9}(\.\d+)?")
_NO_SUCH_INPUT = re.compile(
    r"(?:image|audio|vision|multimodal|mmproj|tool)[^.]{0,80}(?:not support|unsupported|n't support|not enabled)"
    r"|(?:not support|unsupported|n't support|no endpoints)[^.]{0,80}(?:image|audio|vision|multimodal|tool)",
    re.IGNORECASE | re.DOTALL,
)


class Fault(NamedTuple):
    """A failed request, in no SDK's terms."""

    kind: Literal["status", "timeout", "connection", "text", "body"]
    """A status that says no; no answer in time; no connection, or a broken one; text of ours that is no Unicode; an
    answer that is no JSON object."""
    words: str
    """What the provider or the SDK says."""
    status: int = 0
    headers: Mapping[str, str] = {}
    """The answer's, under names in lower case."""
    sent: bool = True
    """Whether any of the request may have reached the provider."""


def failure_of(fault: Fault, *, title: str, clean: Callable[[str], str]) -> SamplingError:
    """The error of ours, to be raised ``from None``: the SDK's own holds the request's headers."""
    error = _of(fault, title, clean(fault.words)[:_DETAIL_LENGTH])
    if not fault.sent:
        error.unaccounted = 0
    return error


def _of(fault: Fault, title: str, detail: str) -> SamplingError:
    match fault.kind:
        case "status":
            return _of_status(fault, title, f"status {fault.status}, {detail}")
        case "timeout":
            return ModelTimedOut(f"{title} did not answer in time.", detail=detail)
        case "connection":
            return ModelUnavailable(f"{title} cannot be reached, or broke off.", detail=detail)
        case "text":
            return InvalidRequest("The request contains text that is no valid Unicode.", detail=detail)
        case "body":
            return ModelUnavailable(f"{title} answered with something that is no JSON object.", detail=detail)


def _of_status(fault: Fault, title: str, detail: str) -> SamplingError:
    status, complaint = fault.status, fault.words
    # Google answers a wrong key with 400.
    if status in (401, 403) or "API_KEY_INVALID" in complaint:
        return AuthenticationFailed(f"{title} does not accept the key for this model.", detail=detail, status=status)
    if status in (408, 504):
        return ModelTimedOut(f"{title} did not answer in time.", detail=detail, status=status)
    if status == 429 and "insufficient_quota" not in complaint:
        after = _retry_after(fault.headers)
        hint = "" if after is None else f"Try again in {after:.0f} seconds."
        return RateLimited(f"{title} asks to slow down.", hint=hint, detail=detail, status=status, retry_after=after)
    if status in (402, 429):
        return ModelRejected(f"The account's credit with {title} is used up.", detail=detail, status=status)
    if status not in (502, 503, 529) and _NO_SUCH_INPUT.search(complaint):
        return UnsupportedContent(
            "The model cannot take what the request contains.",
            hint="Send neither images, audio nor tools to it, or choose another model.",
            detail=detail,
            status=status,
        )
    if status == 404:
        return ModelRejected(f"{title} does not know the model.", detail=detail, status=status)
    if status == 413:
        return ModelRejected(f"The request is too large for {title}.", detail=detail, status=status)
    if status >= 500:
        return ModelUnavailable(f"{title} failed on its side.", detail=detail, status=status)
    return ModelRejected(f"{title} does not serve this request as it stands.", detail=detail, status=status)


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds, from ``retry-after-ms`` or ``retry-after`` (RFC 9110, 10.2.3: seconds or a date)."""
    milliseconds, given = headers.get("retry-after-ms", ""), headers.get("retry-after", "")
    if _NUMBER.fullmatch(milliseconds):
        return float(milliseconds) / 1000
    if _NUMBER.fullmatch(given):
        return float(given)
    try:
        return max(parsedate_to_datetime(given).timestamp() - time(), 0.0)
    except ValueError:
        return None
