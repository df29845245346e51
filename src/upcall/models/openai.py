"""`OpenAIModel` and `OpenAIResponsesModel`: OpenAI's models over either of its APIs, and servers that speak it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any, ClassVar

from upcall.models._client import Client, SdkClient
from upcall.models._endpoint import Provider
from upcall.models._transport import ProviderModel
from upcall.models.base import Completion
from upcall.models.codecs import Encoded, openai_chat, openai_responses
from upcall.wire import SamplingRequest, ToolUse

__all__ = ["OPENAI", "OpenAIModel", "OpenAIResponsesModel"]

OPENAI = Provider(
    "OpenAI",
    sdk="openai",
    extra="openai",
    home="https://api.openai.com/v1",
    key_variables=("OPENAI_API_KEY",),
    url_variable="OPENAI_BASE_URL",
)


class _AnyOpenAI(ProviderModel):
    """What both APIs share: the SDK, the key, and an address that shows in the name."""

    _provider = OPENAI
    _key_optional = True
    _path: ClassVar[str]

    @property
    def name(self) -> str:
        """The model string, with ``@<base_url>`` where one was given, without its credentials and query."""
        return super().name + (f"@{self._endpoint.url}" if self._endpoint.is_given else "")

    def _connect(self, sdk: ModuleType) -> Client:
        return SdkClient(sdk, sdk.AsyncOpenAI, self._endpoint, path=self._path, timeout=self._timeout)


class OpenAIModel(_AnyOpenAI):
    """One model of OpenAI's, or of a server that speaks Chat Completions, named as the server names it.

    Needs the extra ``upcall[openai]``, and OpenAI itself needs a key; both are looked for at the first request.

    Args:
        name: The model's name, such as ``gpt-5.4-mini``.
        api_key: The key; ``OPENAI_API_KEY`` when ``None``, which goes to OpenAI or ``OPENAI_BASE_URL`` only. Another
            server gets a placeholder.
        base_url: The server's address with its path, usually ``/v1``. A user and password in it are sent as HTTP
            basic authentication, a query goes along; neither is ever shown.
        timeout: Seconds for a whole request, 600 when ``None``.

    Raises:
        ConfigurationError: ``name`` is empty, or ``base_url`` is no HTTP address.
    """

    _prefix = "openai"
    _path = "/chat/completions"

    def _encode(self, request: SamplingRequest) -> Encoded:
        return openai_chat.encode(
            request,
            model=self._model,
            dialect=openai_chat.OPENAI if self._endpoint.is_home else openai_chat.COMPATIBLE,
            refused=self._refused,
            recall=self._reasoning.recall,
        )

    def _decode(self, body: Mapping[str, Any], request: SamplingRequest, encoded: Encoded) -> Completion:
        return openai_chat.decode(body, request, encoded)

    def _reasoning_of(self, body: dict[str, Any], uses: Sequence[ToolUse]) -> Mapping[str, Any]:
        return openai_chat.reasoning_of(body)


class OpenAIResponsesModel(_AnyOpenAI):
    """One model of OpenAI's over the Responses API, or of a server that speaks it. Arguments as of `OpenAIModel`.

    Each request is complete in itself: nothing is stored at the provider. A reasoning model gets its own reasoning
    back with the tools' results, which Chat Completions cannot do.
    """

    _prefix = "openai-responses"
    _path = "/responses"

    def _encode(self, request: SamplingRequest) -> Encoded:
        return openai_responses.encode(
            request,
            model=self._model,
            dialect=openai_responses.OPENAI if self._endpoint.is_home else openai_responses.COMPATIBLE,
            refused=self._refused,
            recall=self._reasoning.recall,
        )

    def _decode(self, body: Mapping[str, Any], request: SamplingRequest, encoded: Encoded) -> Completion:
        return openai_responses.decode(body, request, encoded)

    def _reasoning_of(self, body: dict[str, Any], uses: Sequence[ToolUse]) -> Mapping[str, Any]:
        return openai_responses.reasoning_of(body)
