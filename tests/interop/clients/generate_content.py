"""Google's generateContent, as Gemini CLI speaks it: streamed."""

from __future__ import annotations

import json
from typing import Any

from aiohttp import web

from tests.interop.clients.endpoint import Turn

__all__ = ["GenerateContent"]

_USAGE = {"promptTokenCount": 5, "candidatesTokenCount": 5, "totalTokenCount": 10}


class GenerateContent:
    """See `tests.interop.clients.endpoint.Dialect`."""

    def read(self, path: str, body: Any) -> Turn | None:
        if not path.endswith(":streamGenerateContent"):
            return None
        tools = [each["name"] for tool in body.get("tools", ()) for each in tool.get("functionDeclarations", ())]
        parts = [part for content in body["contents"] for part in content["parts"]]
        results = [part["functionResponse"]["response"] for part in parts if "functionResponse" in part]
        if not results:
            return Turn(tuple(tools))
        failed = "error" in results[-1]
        return Turn(tuple(tools), str(results[-1]["error" if failed else "output"]), failed)

    def call(self, body: Any, tool: str, arguments: dict[str, Any]) -> web.Response:
        return _response({"functionCall": {"name": tool, "args": arguments}})

    def say(self, body: Any, text: str) -> web.Response:
        return _response({"text": text})


def _response(part: dict[str, Any]) -> web.Response:
    candidate = {"index": 0, "content": {"role": "model", "parts": [part]}, "finishReason": "STOP"}
    event = {"candidates": [candidate], "usageMetadata": _USAGE, "modelVersion": "scripted"}
    return web.Response(text=f"data: {json.dumps(event)}\n\n", content_type="text/event-stream")
