"""`ProviderModel`: a codec and an official SDK's HTTP client make a `Model`.

States of one object:

- *closed*: no client. The SDK is not even imported before the first request.
- *open*: one client with its pool of connections, bound to the event loop on which it was opened. A request on
  another loop replaces it; `aclose` closes it. Either way the next request opens a new one.

It learns one thing: parameters that the provider called unsupported. Once learned, they are left out from the start.

A request is sent once. Two exceptions, neither of which is billed twice unseen: a 400 that names an unsupported
parameter is followed by one request without it, and ``max_retries`` lets the SDK repeat what failed for passing
reasons. It is 0 unless asked for, since a repeated request may be a second one that is paid.
"""

from __future__ import annotations

import importlib
from abc import ABC, abstractmethod
from collections.abc import Mapping
from types import ModuleType
from typing import Any, ClassVar, cast

import anyio
import anyio.lowlevel
import anyio.to_thread

from upcall.errors import ConfigurationError, ModelTimedOut, ModelUnavailable, SamplingError
from upcall.models._endpoint import Endpoint, Provider
from upcall.models._failures import complaint_of, failure_of
from upcall.models._reasoning import Reasoning
from upcall.models.base import Completion
from upcall.models.codecs import Encoded
from upcall.models.codecs.quirks import PREFILL, refused_parameter
from upcall.wire import SamplingRequest

__all__ = ["DEFAULT_TIMEOUT", "ProviderModel"]

DEFAULT_TIMEOUT = 600.0
"""Seconds for a whole request: a long answer that is not streamed takes minutes."""
_CONNECT_TIMEOUT = 15.0
_CALLS_IT_UNSUPPORTED = (400, 422)


class ProviderModel(ABC):
    """What `AnthropicModel` and `OpenAIModel` share; they add the codec."""

    _provider: ClassVar[Provider]
    _key_optional: ClassVar[bool] = False
    """Whether a server other than the provider's own may do without a key."""

    def __init__(
        self, model: str, *, api_key: str | None, base_url: str | None, timeout: float | None, max_retries: int
    ) -> None:
        if not model:
            raise ConfigurationError(f"The name of {self._provider.title}'s model is missing.")
        self._model = model
        self._endpoint = Endpoint(self._provider, base_url=base_url, api_key=api_key)
        self._timeout = DEFAULT_TIMEOUT if timeout is None else timeout
        self._max_retries = max_retries
        self._reasoning = Reasoning()
        self._refused: frozenset[str] = frozenset()
        self._sdk: ModuleType | None = None
        self._client: Any = None
        self._loop: object = None

    @property
    def name(self) -> str:
        """The model string: the provider's prefix and the model's name."""
        return f"{self._provider.sdk}/{self._model}"

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r})"

    @abstractmethod
    def _encode(self, request: SamplingRequest) -> Encoded:
        """The request's body, without the parameters in ``self._refused``."""

    @abstractmethod
    def _decode(self, body: Mapping[str, Any], request: SamplingRequest, encoded: Encoded) -> Completion:
        """The answer's meaning."""

    @abstractmethod
    def _reasoning_of(self, body: dict[str, Any]) -> Mapping[str, Any]:
        """What of the answer the provider wants back, by tool use id; called after `_decode`."""

    async def complete(self, request: SamplingRequest) -> Completion:
        """Complete ``request`` once.

        Raises:
            ConfigurationError: The extra or the key is missing; found out at the first request.
            InvalidRequest: The request breaks a rule of the protocol.
            InvalidAnswer: The provider's answer is not of its own format, or a tool's arguments are no JSON object.
            ModelError: Any other failure, as the narrowest class that fits.
        """
        encoded = self._encode(request)
        try:
            with anyio.fail_after(self._timeout):
                sdk, client = await self._open()
                body, encoded = await self._ask(sdk, client, request, encoded)
        except TimeoutError:
            raise ModelTimedOut(f"{self._title} did not answer within {self._timeout:g} seconds.") from None
        completion = self._decode(body, request, encoded)
        self._reasoning.keep(completion.result.tool_uses, self._reasoning_of(body))
        return completion

    async def aclose(self) -> None:
        """Close the connections. The next request opens new ones."""
        client, self._client = self._client, None
        if client is not None and self._loop == anyio.lowlevel.current_token():
            await client.close()

    @property
    def _title(self) -> str:
        home = self._endpoint.is_home
        return self._provider.title if home else f"The {self._provider.title}-compatible server"

    @property
    def lacks_key(self) -> bool:
        """Whether the key that this model needs is nowhere to be found."""
        optional = self._key_optional and not self._endpoint.is_home
        return not optional and self._endpoint.key() is None and self._endpoint.basic is None

    async def _open(self) -> tuple[ModuleType, Any]:
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
            endpoint = self._endpoint
            self._client = getattr(self._sdk, self._provider.client)(
                # Without a key the SDKs would look for one of their own in other places.
                api_key=endpoint.key() or "none",
                base_url=endpoint.url,
                timeout=self._sdk.Timeout(self._timeout, connect=min(_CONNECT_TIMEOUT, self._timeout)),
                max_retries=self._max_retries,
                default_query=endpoint.query or None,
                default_headers={"Authorization": f"Basic {endpoint.basic}"} if endpoint.basic else None,
                # The SDK's own wrapper closes itself when it is collected, which fails once its loop is gone.
                http_client=self._sdk.DefaultAsyncHttpxClient(),
            )
            self._loop = loop
        return self._sdk, self._client

    async def _import(self) -> ModuleType:
        name = self._provider.sdk
        try:
            # Takes a second or so; the event loop goes on meanwhile.
            return await anyio.to_thread.run_sync(importlib.import_module, name)
        except ImportError as error:
            raise ConfigurationError(
                f"The package {name!r} is not installed.",
                hint=f"Run `pip install 'upcall[{name}]'`.",
                detail=str(error),
            ) from None

    async def _ask(
        self, sdk: ModuleType, client: Any, request: SamplingRequest, encoded: Encoded
    ) -> tuple[dict[str, Any], Encoded]:
        """The provider's answer, and the request as it was sent in the end."""
        try:
            return await self._post(client, encoded), encoded
        except Exception as error:
            refused = self._refused_in(error, encoded)
            if refused is None:
                raise self._failure(error, sdk) from None
            self._refused |= {refused}
        encoded = self._encode(request)
        try:
            return await self._post(client, encoded), encoded
        except Exception as error:
            raise self._failure(error, sdk) from None

    async def _post(self, client: Any, encoded: Encoded) -> dict[str, Any]:
        answer = await client.post(
            self._provider.path,
            body=encoded.body,
            cast_to=dict[str, object],
            options={"headers": encoded.headers} if encoded.headers else {},
        )
        if not isinstance(answer, dict):
            raise ModelUnavailable(
                f"{self._title} answered with something that is no JSON object.",
                detail=self._endpoint.clean(f"{type(answer).__name__}: {str(answer)[:500]}"),
            )
        return cast("dict[str, Any]", answer)

    def _failure(self, error: Exception, sdk: ModuleType) -> SamplingError:
        if isinstance(error, ModelUnavailable):
            return error
        return failure_of(error, sdk, title=self._title, clean=self._endpoint.clean)

    def _refused_in(self, error: Exception, encoded: Encoded) -> str | None:
        """The parameter that the provider refuses with ``error``, where it is one that can be left out."""
        if getattr(error, "status_code", None) not in _CALLS_IT_UNSUPPORTED:
            return None
        sent = {"temperature", "stop", "stop_sequences", "max_tokens", "max_completion_tokens"} & encoded.body.keys()
        if encoded.body["messages"][-1]["role"] == "assistant":
            sent.add(PREFILL)
        return refused_parameter(complaint_of(error), sent)
