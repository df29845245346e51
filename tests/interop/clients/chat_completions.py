"""OpenAI's Chat Completions API, as opencode speaks it: streamed."""

from __future__ import annotations

import json
from typing import Any

from aiohttp import web

from tests.interop.clients.endpoint import Turn

__all__ = ["ChatCompletions"]

_USAGE = {"prompt_tokens": 5, "completion_tokens": 5, "total_tokens": 10}


class ChatCompletions:
    """See `tests.interop.clients.endpoint.Dialect`. A result of a tool is not marked as an error in this format."""

    def read(self, path: str, body: Any) -> Turn | None:
        if not path.endswith("/chat/completions"):
            return None
        tools = tuple(tool["function"]["name"] for tool in body.get("tools", ()))
        last = body["messages"][-1]
        return Turn(tools, last["content"]) if last["role"] == "tool" else Turn(tools)

    def call(self, body: Any, tool: str, arguments: dict[str, Any]) -> web.Response:
        function = {"name": tool, "arguments": json.dumps(arguments)}
        return _response({"tool_calls": [{"index": 0, "id": "call_1", "type": "function", "function": function}]})

    def say(self, body: Any, text: str) -> web.Response:
        return _response({"content": text})


def _response(delta: dict[str, Any]) -> web.Response:
    reason = "tool_calls" if "tool_calls" in delta else "stop"
    choices = [
        {"index": 0, "delta": {"role": "assistant", **delta}, "finish_reason": None},
        {"index": 0, "delta": {}, "finish_reason": reason},
    ]
    common = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "scripted", "usage": _USAGE}
    events = [json.dumps({**common, "choices": [choice]}) for choice in choices]
    text = "".join(f"data: {event}\n\n" for event in [*events, "[DONE]"])
    return web.Response(text=text, content_type="text/event-stream")
