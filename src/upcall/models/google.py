"""`GoogleModel`: Google's Gemini models over the Gemini API."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any

from upcall.models._client import CONNECT_TIMEOUT, Client, was_sent, with_query
from upcall.models._endpoint import Endpoint, Provider
from upcall.models._failures import Fault
from upcall.models._transport import ProviderModel
from upcall.models.base import Completion
from upcall.models.codecs import Encoded
from upcall.models.codecs import gemini as codec
from upcall.wire import SamplingRequest, ToolUse

__all__ = ["GOOGLE", "GoogleModel"]

GOOGLE = Provider(
    "Google",
    sdk="google.genai",
    extra="google",
    home="https://generativelanguage.googleapis.com",
    key_variables=("GEMINI_API_KEY", "GOOGLE_API_KEY"),
    url_variable="GOOGLE_GEMINI_BASE_URL",
)

_API_VERSION = "v1beta"
"""The one that knows tools, system instructions and schemas."""
_RETRY_DELAY = re.compile(r'"retryDelay":\s*"(\d{1,9}(?:\.\d{1,9})?)s"')


class GoogleModel(ProviderModel):
    """One of Google's models, named as the Gemini API names it.

    Needs the extra ``upcall[google]`` and a key; both are looked for at the first request.

    Args:
        name: The model's name, such as ``gemini-3.5-flash``.
        api_key: The key; ``GEMINI_API_KEY`` or ``GOOGLE_API_KEY`` when ``None``, which goes to Google or
            ``GOOGLE_GEMINI_BASE_URL`` only.
        base_url: Another server that speaks the Gemini API, without ``/v1beta``.
        timeout: Seconds for a whole request, 600 when ``None``.

    Raises:
        ConfigurationError: ``name`` is empty, or ``base_url`` is no HTTP address.
    """

    _provider = GOOGLE
    _prefix = "google"

    def _connect(self, sdk: ModuleType) -> Client:
        return _GenaiClient(sdk, self._endpoint, timeout=self._timeout)

    def _encode(self, request: SamplingRequest) -> Encoded:
        return codec.encode(request, model=self._model, refused=self._refused, recall=self._reasoning.recall)

    def _decode(self, body: Mapping[str, Any], request: SamplingRequest, encoded: Encoded) -> Completion:
        return codec.decode(body, request, encoded)

    def _reasoning_of(self, body: dict[str, Any], uses: Sequence[ToolUse]) -> Mapping[str, Any]:
        return codec.reasoning_of(body, uses)


class _GenaiClient:
    """A `Client` on Google's SDK.

    The SDK has no call for a raw body. It lays one over a request of its own (``extra_body``), whose contents here are
    a placeholder, and gives the answer back unread (``should_return_http_response``).
    """

    def __init__(self, sdk: ModuleType, endpoint: Endpoint, *, timeout: float) -> None:
        import httpx2
        from google.genai import errors

        self._http_error: Any = httpx2
        self._api_error: Any = errors.APIError

        async def connect_soon(request: Any) -> None:
            request.extensions["timeout"]["connect"] = min(CONNECT_TIMEOUT, timeout)

        # Of our own, so that it is closed when we say so; the SDK's is closed by its finaliser.
        self._http = httpx2.AsyncClient(
            headers={"Authorization": f"Basic {endpoint.basic}"} if endpoint.basic else None,
            event_hooks={"request": [connect_soon, with_query(endpoint)]},
        )
        self._client: Any = sdk.Client(
            # Whatever the environment says: Vertex AI takes other keys, at other addresses.
            vertexai=False,
            # Without a key the SDK would look for one of its own in other places.
            api_key=endpoint.key() or "none",
            http_options={
                "base_url": endpoint.url,
                "api_version": _API_VERSION,
                "timeout": int(timeout * 1000),
                "httpx_async_client": self._http,
            },
        )

    async def post(self, encoded: Encoded) -> object:
        """The provider's answer, parsed. Raises what the SDK raises, or a `ValueError` where it is no JSON."""
        # The SDK would send half a surrogate pair escaped; this is where it is found.
        json.dumps(encoded.body, ensure_ascii=False).encode()
        answer = await self._client.aio.models.generate_content(
            model=encoded.model,
            contents="-",
            config={"http_options": {"extra_body": encoded.body}, "should_return_http_response": True},
        )
        body: object = json.loads(answer.sdk_http_response.body)
        return body

    def fault(self, error: Exception) -> Fault:
        """What an exception of `post` says."""
        if isinstance(error, self._api_error):
            problem: Any = error
            words = json.dumps(problem.details, ensure_ascii=False)
            return Fault("status", words, status=problem.code, headers=_headers(problem.response, words))
        words = f"{type(error).__name__}: {error}"
        if isinstance(error, self._http_error.TimeoutException):
            return Fault("timeout", words, sent=was_sent(error))
        if isinstance(error, self._http_error.TransportError):
            return Fault("connection", words, sent=was_sent(error))
        return Fault("text" if isinstance(error, UnicodeEncodeError) else "body", words)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()


def _headers(response: Any, words: str) -> Mapping[str, str]:
    """The answer's headers. How long to wait is in its body here (``google.rpc.RetryInfo``)."""
    headers = {name.lower(): value for name, value in response.headers.items()}
    if found := _RETRY_DELAY.search(words):
        headers.setdefault("retry-after", found[1])
    return headers
