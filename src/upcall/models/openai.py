"""`OpenAIModel`: OpenAI's models, and every server that speaks Chat Completions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from upcall.models._endpoint import Provider
from upcall.models._transport import ProviderModel
from upcall.models.base import Completion
from upcall.models.codecs import Encoded
from upcall.models.codecs import openai_chat as codec
from upcall.wire import SamplingRequest

__all__ = ["OPENAI", "OpenAIModel"]

OPENAI = Provider(
    "OpenAI", sdk="openai", client="AsyncOpenAI", path="/chat/completions", home="https://api.openai.com/v1"
)


class OpenAIModel(ProviderModel):
    """One model of OpenAI's, or of a server that speaks its protocol, named as the server names it.

    Needs the extra ``upcall[openai]``, and OpenAI itself needs a key; both are looked for at the first request.

    Args:
        name: The model's name, such as ``gpt-5.4-mini``.
        api_key: The key; ``OPENAI_API_KEY`` when ``None``, which goes to OpenAI or ``OPENAI_BASE_URL`` only. Another
            server gets a placeholder.
        base_url: The server's address with its path, usually ``/v1``. A user and password in it are sent as HTTP
            basic authentication, a query goes along; neither is ever shown.
        timeout: Seconds for a whole request, 600 when ``None``.
        max_retries: How often the SDK may repeat a request that failed for passing reasons. Each may be paid.

    Raises:
        ConfigurationError: ``name`` is empty, or ``base_url`` is no HTTP address.
    """

    _provider = OPENAI
    _key_optional = True

    def __init__(
        self,
        name: str,
        *,
        api_key: str | None = None,
        base_url: str | None = None,
        timeout: float | None = None,
        max_retries: int = 0,
    ) -> None:
        super().__init__(name, api_key=api_key, base_url=base_url, timeout=timeout, max_retries=max_retries)
        self._dialect = codec.OPENAI if self._endpoint.is_home else codec.COMPATIBLE
        self._shown = f"@{self._endpoint.url}" if base_url and not self._endpoint.is_home else ""

    @property
    def name(self) -> str:
        """``openai/<name>``, and ``@<base_url>`` where one was given, without its credentials and query."""
        return super().name + self._shown

    def _encode(self, request: SamplingRequest) -> Encoded:
        return codec.encode(
            request,
            model=self._model,
            dialect=self._dialect,
            refused=self._refused,
            recall=self._reasoning.recall,
        )

    def _decode(self, body: Mapping[str, Any], request: SamplingRequest, encoded: Encoded) -> Completion:
        return codec.decode(body, request, encoded)

    def _reasoning_of(self, body: dict[str, Any]) -> Mapping[str, Any]:
        return codec.reasoning_of(body)
