"""Every provider behind one face, so that what they share is tested on each."""

from __future__ import annotations

import json
from typing import Any

from upcall.models import AnthropicModel, GoogleModel, OpenAIModel, OpenAIResponsesModel
from upcall.wire import SamplingRequest, decode_request

__all__ = ["KEY", "PROVIDERS", "Anthropic", "Google", "OpenAI", "OpenAIResponses", "Provider", "ask"]

KEY = "sk-planted-0123456789abcdef"


def ask(text: str = "Hello.", **members: Any) -> SamplingRequest:
    """A request with one message; ``members`` are in the wire's spelling."""
    message = {"role": "user", "content": {"type": "text", "text": text}}
    return decode_request({"messages": [message], "maxTokens": 50, **members})


class Anthropic:
    """Anthropic's Messages."""

    target = "/v1/messages"
    limit = "max_tokens"
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

    def parameters(self, body: Any) -> dict[str, Any]:
        """Where of a body the parameters are."""
        return dict(body)

    def turns(self, body: Any) -> list[Any]:
        """Where of a body the conversation is."""
        return list(body["messages"])


class OpenAI:
    """OpenAI's Chat Completions."""

    target = "/v1/chat/completions"
    limit = "max_tokens"
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

    def parameters(self, body: Any) -> dict[str, Any]:
        return dict(body)

    def turns(self, body: Any) -> list[Any]:
        return list(body["messages"])


class OpenAIResponses(OpenAI):
    """OpenAI's Responses. It has no parameter for stop sequences."""

    target = "/v1/responses"
    limit = "max_output_tokens"
    stop = ""

    def model(self, url: str, **settings: Any) -> OpenAIResponsesModel:  # type: ignore[override]
        return OpenAIResponsesModel("gpt-5.4-mini", base_url=f"{url}/v1", **{"api_key": KEY, **settings})

    def answer(self, text: str = "Hi.", *, use: dict[str, Any] | None = None) -> dict[str, Any]:
        part = {"type": "output_text", "text": text, "annotations": []}
        output: list[dict[str, Any]] = [
            {"id": "msg_1", "type": "message", "role": "assistant", "status": "completed", "content": [part]}
        ]
        if use is not None:
            called = {"call_id": use["id"], "name": use["name"], "arguments": json.dumps(use["input"])}
            output.append({"id": "fc_1", "type": "function_call", "status": "completed", **called})
        return {
            "id": "resp_1",
            "object": "response",
            "model": "gpt-5.4-mini",
            "status": "completed",
            "output": output,
            "usage": {"input_tokens": 3, "output_tokens": 2, "total_tokens": 5},
        }

    def turns(self, body: Any) -> list[Any]:
        return list(body["input"])


class Google:
    """Google's Gemini."""

    target = "/v1beta/models/gemini-2.5-flash:generateContent"
    limit = "maxOutputTokens"
    stop = "stopSequences"

    def model(self, url: str, **settings: Any) -> GoogleModel:
        return GoogleModel("gemini-2.5-flash", base_url=url, **{"api_key": KEY, **settings})

    def answer(self, text: str = "Hi.", *, use: dict[str, Any] | None = None) -> dict[str, Any]:
        parts: list[dict[str, Any]] = [{"text": text}]
        if use is not None:
            parts.append({"functionCall": {"id": use["id"], "name": use["name"], "args": use["input"]}})
        return {
            "candidates": [{"content": {"role": "model", "parts": parts}, "finishReason": "STOP", "index": 0}],
            "usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": 2, "totalTokenCount": 5},
            "modelVersion": "gemini-2.5-flash",
            "responseId": "r1",
        }

    def error(self, message: str, **members: Any) -> dict[str, Any]:
        return {"error": {"code": 400, "message": message, "status": "SOME_ERROR", **members}}

    def sent_key(self, headers: dict[str, str]) -> str:
        return headers["x-goog-api-key"]

    def parameters(self, body: Any) -> dict[str, Any]:
        return dict(body["generationConfig"])

    def turns(self, body: Any) -> list[Any]:
        return list(body["contents"])


Provider = Anthropic | OpenAI | Google
PROVIDERS: list[Provider] = [Anthropic(), OpenAI(), OpenAIResponses(), Google()]
