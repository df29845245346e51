"""Anthropic's Messages API, as Claude Code speaks it: streamed where the request asks for that."""

from __future__ import annotations

import json
from typing import Any

from aiohttp import web

from tests.interop.clients.endpoint import Turn

__all__ = ["Messages"]

_USAGE = {"input_tokens": 5, "output_tokens": 5}


class Messages:
    """See `tests.interop.clients.endpoint.Dialect`."""

    def read(self, path: str, body: Any) -> Turn | None:
        if not path.endswith("/v1/messages"):
            return None
        tools = tuple(tool["name"] for tool in body.get("tools", ()))
        content = body["messages"][-1]["content"]
        results = [block for block in content if isinstance(block, dict) and block["type"] == "tool_result"]
        if not results:
            return Turn(tools)
        said = results[-1]["content"]
        text = said if isinstance(said, str) else "\n".join(block.get("text", "") for block in said)
        return Turn(tools, text, results[-1].get("is_error") is True)

    def call(self, body: Any, tool: str, arguments: dict[str, Any]) -> web.Response:
        start = {"type": "tool_use", "id": "toolu_1", "name": tool, "input": {}}
        delta = {"type": "input_json_delta", "partial_json": json.dumps(arguments)}
        return _response(body, start, delta, start | {"input": arguments}, "tool_use")

    def say(self, body: Any, text: str) -> web.Response:
        start = {"type": "text", "text": ""}
        return _response(body, start, {"type": "text_delta", "text": text}, start | {"text": text}, "end_turn")


def _response(body: Any, start: Any, delta: Any, whole: Any, stop: str) -> web.Response:
    message = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": body["model"],
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": _USAGE,
    }
    if not body.get("stream"):
        return web.json_response(message | {"content": [whole], "stop_reason": stop})
    events = [
        {"type": "message_start", "message": message},
        {"type": "content_block_start", "index": 0, "content_block": start},
        {"type": "content_block_delta", "index": 0, "delta": delta},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": stop, "stop_sequence": None}, "usage": _USAGE},
        {"type": "message_stop"},
    ]
    text = "".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events)
    return web.Response(text=text, content_type="text/event-stream")
