"""`AnthropicModel`: Anthropic's models over the Messages API."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any

from upcall.models._client import Client, SdkClient
from upcall.models._endpoint import Provider
from upcall.models._transport import ProviderModel
from upcall.models.base import Completion
from upcall.models.codecs import Encoded
from upcall.models.codecs import anthropic as codec
from upcall.wire import SamplingRequest, ToolUse

__all__ = ["ANTHROPIC", "AnthropicModel"]

ANTHROPIC = Provider(
    "Anthropic",
    sdk="anthropic",
    extra="anthropic",
    home="https://api.anthropic.com",
    key_variables=("ANTHROPIC_API_KEY",),
    url_variable="ANTHROPIC_BASE_URL",
)


class AnthropicModel(ProviderModel):
    """One model of Anthropic's, named as Anthropic names it.

    Needs the extra ``upcall[anthropic]`` and a key; both are looked for at the first request.

    Args:
        name: The model's name, such as ``claude-sonnet-5``.
        api_key: The key; ``ANTHROPIC_API_KEY`` when ``None``, which goes to Anthropic or ``ANTHROPIC_BASE_URL`` only.
        base_url: Another server that speaks the Messages API, without ``/v1``.
        timeout: Seconds for a whole request, 600 when ``None``.

    Raises:
        ConfigurationError: ``name`` is empty, or ``base_url`` is no HTTP address.
    """

    _provider = ANTHROPIC
    _prefix = "anthropic"

    def _connect(self, sdk: ModuleType) -> Client:
        return SdkClient(sdk, sdk.AsyncAnthropic, self._endpoint, path="/v1/messages", timeout=self._timeout)

    def _encode(self, request: SamplingRequest) -> Encoded:
        return codec.encode(request, model=self._model, refused=self._refused, recall=self._reasoning.recall)

    def _decode(self, body: Mapping[str, Any], request: SamplingRequest, encoded: Encoded) -> Completion:
        return codec.decode(body, request, encoded)

    def _reasoning_of(self, body: dict[str, Any], uses: Sequence[ToolUse]) -> Mapping[str, Any]:
        return codec.reasoning_of(body)
