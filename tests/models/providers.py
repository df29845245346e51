"""Both providers behind one face, so that what they share is tested on both."""

from __future__ import annotations

import json
from typing import Any

from upcall.models import AnthropicModel, OpenAIModel
from upcall.wire import SamplingRequest, decode_request

__all__ = ["KEY", "PROVIDERS", "Anthropic", "OpenAI", "Provider", "ask"]

KEY = "sk-planted-0123456789abcdef"


def ask(text: str = "Hello.", **members: Any) -> SamplingRequest:
    """A request with one message; ``members`` are in the wire's spelling."""
    message = {"role": "user", "content": {"type": "text", "text": text}}
    return decode_request({"messages": [message], "maxTokens": 50, **members})


class Anthropic:
    """Anthropic's Messages."""

    target = "/v1/messages"
    stop = "stop_sequences"

    def model(self, url: str, **settings: Any) -> AnthropicModel:
        return AnthropicModel("claude-haiku-4-5", base_url=url, **{"api_key": KEY, **settings})

    def answer(self, text: str = "Hi.", *, use: dict[str, Any] | None = None) -> dict[str, Any]:
        content: list[dict[str, Any]] = [{"type": "text", "text": text}]
        if use is not None:
            content.append({"type": "tool_use", **use})
        return {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": "claude-haiku-4-5",
            "content": content,
            "stop_reason": "tool_use" if use else "end_turn",
            "usage": {"input_tokens": 3, "output_tokens": 2},
        }

    def error(self, message: str, **members: Any) -> dict[str, Any]:
        return {"type": "error", "error": {"type": "some_error", "message": message, **members}}

    def sent_key(self, headers: dict[str, str]) -> str:
        return headers["authorization"].removeprefix("Bearer ")


class OpenAI:
    """OpenAI's Chat Completions."""

    target = "/v1/chat/completions"
    stop = "stop"

    def model(self, url: str, **settings: Any) -> OpenAIModel:
        return OpenAIModel("gpt-4.1-mini", base_url=f"{url}/v1", **{"api_key": KEY, **settings})

    def answer(self, text: str = "Hi.", *, use: dict[str, Any] | None = None) -> dict[str, Any]:
        message: dict[str, Any] = {"role": "assistant", "content": text}
        if use is not None:
            function = {"name": use["name"], "arguments": json.dumps(use["input"])}
            message["tool_calls"] = [{"id": use["id"], "type": "function", "function": function}]
        return {
            "id": "c1",
            "object": "chat.completion",
            "model": "gpt-4.1-mini",
            "choices": [{"index": 0, "message": message, "finish_reason": "tool_calls" if use else "stop"}],
            "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
        }

    def error(self, message: str, **members: Any) -> dict[str, Any]:
        return {"error": {"message": message, "type": "some_error", **members}}

    def sent_key(self, headers: dict[str, str]) -> str:
        return headers["authorization"].removeprefix("Bearer ")


Provider = Anthropic | OpenAI
PROVIDERS: list[Provider] = [Anthropic(), OpenAI()]
