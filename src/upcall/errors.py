"""Everything upcall raises, as one tree.

::

    UpcallError
    ├── ConfigurationError            the caller's own settings are wrong (a model string, a missing extra)
    ├── ServerUnavailable             an MCP server cannot be started or reached, or went away
    ├── StoreError                    the record cannot be read or written
    └── SamplingError                 a sampling request did not get its answer
        ├── SamplingUnsupported       the client cannot sample, or not in the way the request needs
        ├── SamplingRefused           a person or a policy said no
        │   └── LimitExceeded         the request, or the number of them, is beyond a limit of the policy
        ├── SampleTimedOut            no answer within the time the caller gave
        ├── SampleAbandoned           the client went away and did not come back for the result
        ├── RoundsExhausted           one more round would lose the whole call on the client's side
        ├── TooManyParked             the server holds as many waiting calls as it may
        ├── InvalidRequest            the request breaks a rule of the protocol
        ├── InvalidAnswer             the answer breaks a rule, or is not of the type asked for
        └── ModelError                the model, or its provider, failed
            ├── ModelRejected         the provider will not serve this request as it stands
            ├── UnsupportedContent    the model cannot take what the request contains
            ├── RateLimited           the provider asks to slow down
            ├── AuthenticationFailed  the provider does not accept the key
            ├── ModelTimedOut         the provider did not answer in time
            └── ModelUnavailable      the provider cannot be reached or failed on its side

Two texts, kept apart: ``message`` (with ``hint``) may go to the peer, ``detail`` never leaves this
process. A provider's own words, paths and anything else that could carry a secret belong into ``detail``.
"""

from __future__ import annotations

from typing import Any, ClassVar

__all__ = [
    "AuthenticationFailed",
    "ConfigurationError",
    "InvalidAnswer",
    "InvalidRequest",
    "LimitExceeded",
    "ModelError",
    "ModelRejected",
    "ModelTimedOut",
    "ModelUnavailable",
    "RateLimited",
    "RoundsExhausted",
    "SampleAbandoned",
    "SampleTimedOut",
    "SamplingError",
    "SamplingRefused",
    "SamplingUnsupported",
    "ServerUnavailable",
    "StoreError",
    "TooManyParked",
    "UnsupportedContent",
    "UpcallError",
]

INVALID_REQUEST = -32600
METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602
INTERNAL_ERROR = -32603
REFUSED = -1
"""Code of a person's "no" (2025-11-25, client/sampling, "Error Handling")."""
TIMED_OUT = -32001
MISSING_CLIENT_CAPABILITY = -32021
"""``MissingRequiredClientCapability`` (2026-07-28); HTTP answers it with status 400."""


class UpcallError(Exception):
    """Base of every error here.

    Args:
        message: What happened, one sentence. Safe to show to a peer.
        hint: What the reader can do about it. Safe to show to a peer.
        detail: The full story, for this process's logs and records only.
        data: JSON-RPC ``data``, when the error goes on the wire.
    """

    code: int = INTERNAL_ERROR
    """JSON-RPC error code under which this error goes on the wire."""
    label: ClassVar[str] = "error"
    """Short, stable name for records and exit messages."""

    def __init__(self, message: str, *, hint: str = "", detail: str = "", data: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.detail = detail
        self.data = data

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()

    def to_wire(self) -> dict[str, Any]:
        """The JSON-RPC error object: ``{"code", "message"}`` and ``"data"`` where there is some."""
        wire: dict[str, Any] = {"code": self.code, "message": str(self)}
        if self.data is not None:
            wire["data"] = self.data
        return wire


class ConfigurationError(UpcallError):
    """The caller's own settings cannot work: an unknown model string, a missing extra or key."""

    label = "configuration"


class ServerUnavailable(UpcallError):
    """An MCP server cannot be started or reached, does not speak the protocol, or went away mid-way."""

    label = "server_unavailable"


class StoreError(UpcallError):
    """The record cannot be read or written: disk full, file locked or damaged, database gone.

    After one of these nothing of the operation is in the record, unless the connection broke while the database
    was committing: then its outcome is unknown, and ``detail`` says so.
    """

    label = "store"


class SamplingError(UpcallError):
    """A sampling request did not get its answer. Catch this to cover every case below."""

    label = "failed"
    attempts: int = 0
    """Calls of a provider that were made before it was raised, as far as the model that raised it knows. Each may be
    paid, and none has a usage."""
    unaccounted: int | None = None
    """Those of ``attempts`` that may in fact have been paid; ``None`` where nobody has told them apart."""


class SamplingUnsupported(SamplingError):
    """The client did not declare what the request needs, or cannot be reached, and there is no fallback.

    ``required`` names the capability to declare, in the shape of ``ClientCapabilities``.
    """

    code = MISSING_CLIENT_CAPABILITY
    label = "unsupported"

    def __init__(self, message: str, *, required: dict[str, Any], hint: str = "", detail: str = "") -> None:
        super().__init__(message, hint=hint, detail=detail, data={"requiredCapabilities": required})
        self.required = required


class SamplingRefused(SamplingError):
    """A person or a policy on the answering side said no."""

    code = REFUSED
    label = "refused"


class LimitExceeded(SamplingRefused):
    """The request, or the number of requests, is beyond a limit of the policy; nothing was spent.

    ``limit`` is the policy's key for it (``limits.prompt_chars``). The message says what was too much; which rule
    set the limit, and how to raise it, stands in ``detail``.
    """

    label = "limit_exceeded"

    def __init__(self, message: str, *, limit: str, hint: str = "", detail: str = "") -> None:
        super().__init__(message, hint=hint, detail=detail)
        self.limit = limit


class SampleTimedOut(SamplingError):
    """No answer came within the time that the caller gave."""

    code = TIMED_OUT
    label = "timed_out"


class SampleAbandoned(SamplingError):
    """The client never came back for the result; raised inside the waiting body so that it can clean up."""

    label = "abandoned"


class RoundsExhausted(SamplingError):
    """The client would give up the whole call at the next round (2026-07-28: ten rounds in the SDKs)."""

    label = "rounds_exhausted"


class TooManyParked(SamplingError):
    """The server already holds as many waiting calls as its cap allows."""

    label = "too_many_parked"


class InvalidRequest(SamplingError):
    """The request breaks a rule of the protocol; nothing was asked of any model."""

    code = INVALID_PARAMS
    label = "invalid_request"


class InvalidAnswer(SamplingError):
    """The answer breaks a rule of the protocol, or is not of the type that was asked for."""

    label = "invalid_answer"


class ModelError(SamplingError):
    """The model, or the provider that runs it, failed. ``status`` is the HTTP status where there was one."""

    label = "model_error"

    def __init__(self, message: str, *, hint: str = "", detail: str = "", status: int | None = None) -> None:
        super().__init__(message, hint=hint, detail=detail)
        self.status = status


class ModelRejected(ModelError):
    """The provider will not serve this request as it stands (bad parameter, unknown model, too long)."""

    label = "model_rejected"


class UnsupportedContent(ModelError):
    """The model cannot take what the request contains (audio, an image, tools)."""

    code = INVALID_PARAMS
    label = "unsupported_content"


class RateLimited(ModelError):
    """The provider asks to slow down. ``retry_after`` is in seconds, ``None`` where it did not say."""

    label = "rate_limited"

    def __init__(
        self,
        message: str,
        *,
        hint: str = "",
        detail: str = "",
        status: int | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message, hint=hint, detail=detail, status=status)
        self.retry_after = retry_after


class AuthenticationFailed(ModelError):
    """The provider does not accept the key, or the key may not use this model."""

    label = "authentication_failed"


class ModelTimedOut(ModelError):
    """The provider did not answer in time."""

    code = TIMED_OUT
    label = "model_timed_out"


class ModelUnavailable(ModelError):
    """The provider cannot be reached, or failed on its side."""

    label = "model_unavailable"
