"""One SDK's HTTP client behind one face, and `SdkClient`: the SDKs of Anthropic and OpenAI.

Both are built alike, down to the names of their exceptions. Nothing here imports either; the module is handed in.
"""

from __future__ import annotations

import json
from types import ModuleType
from typing import Any, Protocol

from upcall.models._endpoint import Endpoint
from upcall.models._failures import Fault
from upcall.models.codecs import Encoded

__all__ = ["CONNECT_TIMEOUT", "Client", "SdkClient"]

CONNECT_TIMEOUT = 15.0
"""Seconds to reach a provider at all."""


class Client(Protocol):
    """A pool of connections, bound to the event loop on which it was opened."""

    async def post(self, encoded: Encoded) -> object:
        """The provider's answer, parsed where it is JSON. Raises what the SDK raises."""
        ...

    def fault(self, error: Exception) -> Fault:
        """What an exception of `post` says."""
        ...

    async def aclose(self) -> None:
        """Close the connections."""
        ...


class SdkClient:
    """A `Client` on Anthropic's or OpenAI's SDK.

    Args:
        sdk: The SDK's module.
        opener: Its asynchronous client's class.
        endpoint: Where to, and with which key.
        path: What is posted to, below the endpoint's address.
        timeout: Seconds for a whole request.
    """

    def __init__(self, sdk: ModuleType, opener: Any, endpoint: Endpoint, *, path: str, timeout: float) -> None:
        self._sdk: Any = sdk
        self._path = path
        self._client = opener(
            # Without a key the SDKs would look for one of their own in other places.
            api_key=endpoint.key() or "none",
            base_url=endpoint.url,
            timeout=sdk.Timeout(timeout, connect=min(CONNECT_TIMEOUT, timeout)),
            max_retries=0,
            default_query=endpoint.query or None,
            default_headers={"Authorization": f"Basic {endpoint.basic}"} if endpoint.basic else None,
            # The SDK's own wrapper closes itself when it is collected, which fails once its loop is gone.
            http_client=sdk.DefaultAsyncHttpxClient(),
        )

    async def post(self, encoded: Encoded) -> object:
        """The provider's answer, parsed where it is JSON. Raises what the SDK raises."""
        answer: object = await self._client.post(
            self._path,
            body=encoded.body,
            cast_to=dict[str, object],
            options={"headers": encoded.headers} if encoded.headers else {},
        )
        return answer

    def fault(self, error: Exception) -> Fault:
        """What an exception of `post` says."""
        body = getattr(error, "body", None)
        words = json.dumps(body, ensure_ascii=False) if isinstance(body, dict | list) else str(body or error)
        if isinstance(error, self._sdk.APIStatusError) and not isinstance(error, self._sdk.APIResponseValidationError):
            status: Any = error
            return Fault("status", words, status=status.status_code, headers=status.response.headers)
        if isinstance(error, self._sdk.APITimeoutError):
            return Fault("timeout", words)
        if isinstance(error, self._sdk.APIConnectionError):
            return Fault("connection", words)
        return Fault("text" if isinstance(error, UnicodeEncodeError) else "body", words)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.close()
