"""OpenAI's Responses API, as Codex speaks it: streamed. A tool's name here is ``NAMESPACE.TOOL``, or ``TOOL`` alone."""

from __future__ import annotations

import json
from typing import Any

from aiohttp import web

from tests.interop.clients.endpoint import Turn

__all__ = ["Responses"]

_USAGE = {"input_tokens": 5, "output_tokens": 5, "total_tokens": 10}


class Responses:
    """See `tests.interop.clients.endpoint.Dialect`. The API does not mark results of tools as errors."""

    def read(self, path: str, body: Any) -> Turn | None:
        if not path.endswith("/responses"):
            return None
        tools = []
        for tool in body.get("tools", ()):
            if tool["type"] == "namespace":
                tools += [f"{tool['name']}.{each['name']}" for each in tool["tools"]]
            elif tool["type"] == "function":
                tools.append(tool["name"])
        results = [item["output"] for item in body["input"] if item["type"] == "function_call_output"]
        if not results:
            return Turn(tuple(tools))
        said = results[-1]
        return Turn(tuple(tools), said if isinstance(said, str) else "\n".join(block.get("text", "") for block in said))

    def call(self, body: Any, tool: str, arguments: dict[str, Any]) -> web.Response:
        namespace, _, name = tool.rpartition(".")
        item = {"type": "function_call", "call_id": "call_1", "name": name, "arguments": json.dumps(arguments)}
        return _response({**item, "namespace": namespace} if namespace else item)

    def say(self, body: Any, text: str) -> web.Response:
        return _response({"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": text}]})


def _response(item: dict[str, Any]) -> web.Response:
    events: list[dict[str, Any]] = [
        {"type": "response.created", "response": {"id": "resp_1"}},
        {"type": "response.output_item.done", "output_index": 0, "item": {"id": "item_1", **item}},
        {"type": "response.completed", "response": {"id": "resp_1", "usage": _USAGE}},
    ]
    text = "".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events)
    return web.Response(text=text, content_type="text/event-stream")
