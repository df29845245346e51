"""A server with tasks, by the schema of the extension (SEP-2663): the official SDKs have none yet. On its pipes, or as
an ASGI app that insists on the headers.

Its tool ``research`` becomes a task, which asks for one sampling and ends with the answer.
"""

from __future__ import annotations

import json
import sys
from typing import Any

__all__ = ["Server"]

_TIMES = {"createdAt": "2026-08-01T00:00:00Z", "lastUpdatedAt": "2026-08-01T00:00:01Z", "ttlMs": 60000}


class Server:
    def __init__(self) -> None:
        self.tasks: dict[str, dict[str, Any]] = {}
        self.updates: list[dict[str, Any]] = []
        self.wrong: list[str] = []
        self.deaf = False
        """Whether it takes nothing in of what it is told about tasks."""

    def respond(self, message: dict[str, Any]) -> dict[str, Any] | None:
        if "id" not in message:
            return None
        try:
            result = self._result(message["method"], message["params"])
        except KeyError as unknown:
            error = {"code": -32602, "message": f"Unknown: {unknown}"}
            return {"jsonrpc": "2.0", "id": message["id"], "error": error}
        return {"jsonrpc": "2.0", "id": message["id"], "result": result}

    def _result(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        if method == "tools/call":
            assert "sampling" in params["_meta"]["io.modelcontextprotocol/clientCapabilities"]
            id = f"task-{len(self.tasks)}"
            text = {"type": "text", "text": params["arguments"]["question"]}
            asked = {"messages": [{"role": "user", "content": text}], "maxTokens": 20}
            self.tasks[id] = {
                "taskId": id,
                "status": "input_required",
                **_TIMES,
                "inputRequests": {"k": {"method": "sampling/createMessage", "params": asked}},
            }
            return {"resultType": "task", "taskId": id, "status": "working", **_TIMES}
        task = self.tasks[params["taskId"]]
        if method == "tasks/update":
            self.updates.append(params)
            if not self.deaf and task.pop("inputRequests", None):
                content = [params["inputResponses"]["k"]["content"]]
                task.update(status="completed", result={"resultType": "complete", "content": content})
            return {"resultType": "complete"}
        if method == "tasks/cancel":
            if not self.deaf:
                task.pop("inputRequests", None)
                task["status"] = "cancelled"
            return {"resultType": "complete"}
        return {"resultType": "complete", **task}

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body, more = b"", True
        while more:
            event = await receive()
            body, more = body + event.get("body", b""), event.get("more_body", False)
        headers = dict(scope["headers"])
        message = json.loads(body)
        named = message["params"].get("taskId") or message["params"].get("name")
        if headers.get(b"mcp-method") != message["method"].encode() or headers.get(b"mcp-name") != named.encode():
            self.wrong.append(f"{message['method']}: {headers}")
        response = json.dumps(self.respond(message)).encode()
        start = {"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]}
        await send(start)
        await send({"type": "http.response.body", "body": response})


if __name__ == "__main__":
    server = Server()
    for line in sys.stdin:
        answer = server.respond(json.loads(line))
        if answer is not None:
            print(json.dumps(answer), flush=True)
