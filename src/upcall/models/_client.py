"""One SDK's HTTP client behind one face, and `SdkClient`: the SDKs of Anthropic and OpenAI.

Both are built alike, down to the names of their exceptions. Nothing here imports either; the module is handed in.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from types import ModuleType
from typing import Any, Protocol
from urllib.parse import urlencode

from upcall.models._endpoint import Endpoint
from upcall.models._failures import Fault
from upcall.models.codecs import Encoded

__all__ = ["CONNECT_TIMEOUT", "Client", "SdkClient", "was_sent", "with_query"]

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


def with_query(endpoint: Endpoint) -> Callable[[Any], Awaitable[None]]:
    """A hook of the HTTP client that adds the address's query to what is sent, and not to the request's URL, which is
    written to logs: a query may hold a key."""
    query = urlencode(endpoint.query).encode()

    async def add(request: Any) -> None:
        # Those of a redirected request are still in place.
        request.extensions = {name: value for name, value in request.extensions.items() if name != "target"}
        if query and endpoint.is_at(str(request.url)):
            path = request.url.raw_path
            request.extensions["target"] = path + (b"&" if b"?" in path else b"?") + query

    return add


def was_sent(error: BaseException) -> bool:
    """Whether any of a request may have gone out before ``error``, an exception of the HTTP client or caused by one."""
    import httpx2

    never = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout)
    return not (isinstance(error, never) or isinstance(error.__cause__, never))


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
            default_headers={"Authorization": f"Basic {endpoint.basic}"} if endpoint.basic else None,
            # The SDK's own wrapper closes itself when it is collected, which fails once its loop is gone.
            http_client=sdk.DefaultAsyncHttpxClient(event_hooks={"request": [with_query(endpoint)]}),
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
            return Fault("timeout", words, sent=was_sent(error))
        if isinstance(error, self._sdk.APIConnectionError):
            return Fault("connection", words, sent=was_sent(error))
        return Fault("text" if isinstance(error, UnicodeEncodeError) else "body", words)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.close()
