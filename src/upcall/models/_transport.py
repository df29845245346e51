"""`ProviderModel`: a codec and an official SDK's HTTP client make a `Model`.

States of one object:

- *closed*: no client. The SDK is not even imported before the first request.
- *open*: one client with its pool of connections, bound to the event loop on which it was opened. A request on
  another loop replaces it; `aclose` closes it. Either way the next request opens a new one.

It learns one thing: parameters that the provider called unsupported. Once learned, they are left out from the start.

A request is sent once, since a repeated one may be paid twice; the SDKs' own retries are off (`upcall.models.Retrying`
repeats in sight of a budget). One exception: a 400 that names an unsupported parameter is followed by one request
without it. `Completion.attempts`, or the error's, counts both.
"""

from __future__ import annotations

import importlib
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any, ClassVar, cast

import anyio
import anyio.lowlevel
import anyio.to_thread
import msgspec

from upcall.errors import ConfigurationError, ModelTimedOut, ModelUnavailable, SamplingError
from upcall.models._client import Client
from upcall.models._endpoint import Endpoint, Provider
from upcall.models._failures import failure_of
from upcall.models._reasoning import Reasoning
from upcall.models.base import Completion
from upcall.models.billing import may_be_paid
from upcall.models.codecs import Encoded
from upcall.models.codecs.quirks import refused_parameter
from upcall.wire import SamplingRequest, ToolUse

__all__ = ["DEFAULT_TIMEOUT", "ProviderModel"]

DEFAULT_TIMEOUT = 600.0
"""Seconds for a whole request: a long answer that is not streamed takes minutes."""
_CALLS_IT_UNSUPPORTED = (400, 422)


class _Tally:
    """How often one request was sent."""

    def __init__(self) -> None:
        self.calls = 0


class ProviderModel(ABC):
    """What models of every provider share; a subclass adds its SDK's client and its codec."""

    _provider: ClassVar[Provider]
    _prefix: ClassVar[str]
    """Of its model strings."""
    _key_optional: ClassVar[bool] = False
    """Whether a server other than the provider's own may do without a key."""

    def __init__(
        self, name: str, *, api_key: str | None = None, base_url: str | None = None, timeout: float | None = None
    ) -> None:
        if not name:
            raise ConfigurationError(f"The name of {self._provider.title}'s model is missing.")
        self._model = name
        self._endpoint = Endpoint(self._provider, base_url=base_url, api_key=api_key)
        self._timeout = DEFAULT_TIMEOUT if timeout is None else timeout
        self._reasoning = Reasoning()
        self._refused: frozenset[str] = frozenset()
        self._sdk: ModuleType | None = None
        self._client: Client | None = None
        self._loop: object = None

    @property
    def name(self) -> str:
        """The model string: the provider's prefix and the model's name."""
        return f"{self._prefix}/{self._model}"

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r})"

    @abstractmethod
    def _connect(self, sdk: ModuleType) -> Client:
        """A new client of the SDK."""

    @abstractmethod
    def _encode(self, request: SamplingRequest) -> Encoded:
        """The request's body, without the parameters in ``self._refused``."""

    @abstractmethod
    def _decode(self, body: Mapping[str, Any], request: SamplingRequest, encoded: Encoded) -> Completion:
        """The answer's meaning."""

    @abstractmethod
    def _reasoning_of(self, body: dict[str, Any], uses: Sequence[ToolUse]) -> Mapping[str, Any]:
        """What of the answer, which was decoded to ``uses``, the provider wants back, by tool use id."""

    async def complete(self, request: SamplingRequest) -> Completion:
        """Complete ``request`` once.

        Raises:
            ConfigurationError: The extra or the key is missing; found out at the first request.
            InvalidRequest: The request breaks a rule of the protocol.
            InvalidAnswer: The provider's answer is not of its own format, or a tool's arguments are no JSON object.
            ModelError: Any other failure, as the narrowest class that fits.
        """
        tally = _Tally()
        try:
            body, encoded = await self._answer_to(request, self._encode(request), tally)
            completion = self._decode(body, request, encoded)
        except SamplingError as error:
            # Of two calls the first was turned down.
            error.unaccounted = min(may_be_paid(error), tally.calls)
            error.attempts = tally.calls
            error.detail = self._endpoint.clean(error.detail)
            raise
        uses = completion.result.tool_uses
        self._reasoning.keep(uses, self._reasoning_of(body, uses))
        return msgspec.structs.replace(completion, attempts=tally.calls)

    async def aclose(self) -> None:
        """Close the connections. The next request opens new ones."""
        client, self._client = self._client, None
        if client is not None and self._loop == anyio.lowlevel.current_token():
            await client.aclose()

    @property
    def _title(self) -> str:
        home = self._endpoint.is_home
        return self._provider.title if home else f"The {self._provider.title}-compatible server"

    @property
    def provider(self) -> Provider:
        """Whose protocol it speaks."""
        return self._provider

    @property
    def lacks_key(self) -> bool:
        """Whether the key that this model needs is nowhere to be found."""
        optional = self._key_optional and not self._endpoint.is_home
        return not optional and self._endpoint.key() is None and self._endpoint.basic is None

    async def _open(self) -> Client:
        if self.lacks_key:
            raise ConfigurationError(
                f"There is no key for {self._title}.",
                hint=f"Set {self._provider.key_variable}"
                + (
                    "." if self._endpoint.is_home else f" together with {self._provider.url_variable}, or pass api_key."
                ),
            )
        if self._sdk is None:
            self._sdk = await self._import()
        loop = anyio.lowlevel.current_token()
        if self._client is None or self._loop != loop:
            self._client = self._connect(self._sdk)
            self._loop = loop
        return self._client

    async def _import(self) -> ModuleType:
        try:
            # Takes a second or so; the event loop goes on meanwhile.
            return await anyio.to_thread.run_sync(importlib.import_module, self._provider.sdk)
        except ImportError as error:
            raise ConfigurationError(
                f"The package {self._provider.sdk!r} is not installed.",
                hint=f"Run `pip install 'upcall[{self._provider.extra}]'`.",
                detail=str(error),
            ) from None

    async def _answer_to(
        self, request: SamplingRequest, encoded: Encoded, tally: _Tally
    ) -> tuple[dict[str, Any], Encoded]:
        """As `_ask`, in time."""
        try:
            with anyio.fail_after(self._timeout):
                return await self._ask(await self._open(), request, encoded, tally)
        except TimeoutError:
            raise ModelTimedOut(f"{self._title} did not answer within {self._timeout:g} seconds.") from None

    async def _ask(
        self, client: Client, request: SamplingRequest, encoded: Encoded, tally: _Tally
    ) -> tuple[dict[str, Any], Encoded]:
        """The provider's answer, and the request as it was sent in the end."""
        try:
            return await self._post(client, encoded, tally), encoded
        except Exception as error:
            refused = self._refused_in(error, client, encoded)
            if refused is None:
                raise self._failure(error, client) from None
            self._refused |= {refused}
        encoded = self._encode(request)
        try:
            return await self._post(client, encoded, tally), encoded
        except Exception as error:
            raise self._failure(error, client) from None

    async def _post(self, client: Client, encoded: Encoded, tally: _Tally) -> dict[str, Any]:
        tally.calls += 1
        answer = await client.post(encoded)
        if not isinstance(answer, dict):
            raise ModelUnavailable(
                f"{self._title} answered with something that is no JSON object.",
                detail=f"{type(answer).__name__}: {str(answer)[:500]}",
            )
        return cast("dict[str, Any]", answer)

    def _failure(self, error: Exception, client: Client) -> SamplingError:
        if isinstance(error, ModelUnavailable):
            return error
        return failure_of(client.fault(error), title=self._title, clean=self._endpoint.clean)

    def _refused_in(self, error: Exception, client: Client, encoded: Encoded) -> str | None:
        """The parameter that the provider refuses with ``error``, where it is one that can be left out."""
        if isinstance(error, ModelUnavailable):
            return None
        fault = client.fault(error)
        if fault.kind != "status" or fault.status not in _CALLS_IT_UNSUPPORTED:
            return None
        return refused_parameter(fault.words, encoded.negotiable)
