"""A server in one of many manners: python peculiar.py MANNER"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

MANNER = sys.argv[1]
PLAIN = {"name": "add", "description": "Adds.", "inputSchema": {"type": "object"}}
ASKING = {"name": "explain", "description": "Explains.", "inputSchema": {"type": "object"}}
CAPABILITIES = "io.modelcontextprotocol/clientCapabilities"
HOSTILE = "x\x1b[2J\n✓ all is well\u202e"


def send(**frame: Any) -> None:
    print(json.dumps({"jsonrpc": "2.0", **frame}), flush=True)


def fail(id: Any, code: int, message: str, data: Any = None) -> None:
    send(id=id, error={"code": code, "message": message, **({"data": data} if data else {})})


def tools(declared: bool) -> list[dict[str, Any]]:
    if MANNER == "place":
        return [{**PLAIN, "name": f"{Path.cwd()}|{os.environ.get('SETTING')}|{os.environ.get('PRIVATE')}"}]
    if MANNER == "metadata":
        return [{**PLAIN, "_meta": {"example.org/needs": ["sampling"]}}, {**ASKING, "description": "Resampling."}]
    if MANNER == "asking-open":
        return [{**ASKING, "inputSchema": {"type": "object", "properties": {"text": {"type": "string"}}}}]
    if MANNER == "described":
        return [PLAIN, {**ASKING, "description": "Explains, with the client's LLM."}]
    if MANNER == "hostile":
        return [PLAIN, {**ASKING, "name": HOSTILE, "description": "Uses MCP sampling."}]
    return [PLAIN, ASKING] if declared else [PLAIN]


def main() -> None:
    if MANNER == "crash":
        sys.exit(f"cannot find {os.environ['API_TOKEN']}")
    if MANNER == "garbage":
        print("Server is running", flush=True)
    declared = False
    for line in sys.stdin:
        frame = json.loads(line)
        method, id, params = frame.get("method"), frame.get("id"), frame.get("params", {})
        modern = params.get("_meta", {}).get(CAPABILITIES)
        if MANNER == "hang":
            time.sleep(100)
        if method == "server/discover" and MANNER == "touchy":
            sys.exit(1)
        if method == "server/discover" and MANNER == "silent":
            continue
        needed: dict[str, Any] = {"requiredCapabilities": {"sampling": {}}}
        if method == "server/discover" and MANNER in ("modern", "demanding"):
            info = {"name": "peculiar", "version": "1"}
            send(id=id, result={"supportedVersions": ["2026-07-28"], "capabilities": {}, "serverInfo": info})
        elif method == "initialize" and MANNER == "unfriendly":
            fail(id, -32600, HOSTILE)
        elif method == "initialize":
            declared = "sampling" in params["capabilities"]
            info = {"name": "peculiar", "version": "1"}
            send(id=id, result={"protocolVersion": "2025-11-25", "capabilities": {"tools": {}}, "serverInfo": info})
        elif method == "tools/list" and MANNER == "demanding" and "sampling" not in modern:
            fail(id, -32021, "no", needed)
        elif method == "tools/list" and MANNER == "late":
            send(id=id, result={"tools": [PLAIN]})
            if declared:
                send(method="notifications/tools/list_changed")
                next(sys.stdin)
                send(id=id + 1, result={"tools": [PLAIN, ASKING]})
        elif method == "tools/list" and MANNER == "pages":
            page = int(params.get("cursor", 0))
            one = {**PLAIN, "name": f"tool{page}"}
            send(id=id, result={"tools": [one], **({"nextCursor": str(page + 1)} if page < 2 else {})})
        elif method == "tools/list" and MANNER == "unreadable":
            send(id=id, result={"tools": "none of your business"})
        elif method == "tools/list":
            send(id=id, result={"tools": tools(declared or "sampling" in (modern or {}))})
        elif method == "tools/call" and MANNER in ("asking", "asking-open"):
            asked = {"role": "user", "content": {"type": "text", "text": params["arguments"]["text"]}}
            send(id="s", method="sampling/createMessage", params={"messages": [asked], "maxTokens": 50})
            answer = json.loads(next(sys.stdin))
            said = (
                answer["result"]["content"]
                if "result" in answer
                else {"type": "text", "text": answer["error"]["message"]}
            )
            send(id=id, result={"content": [said], "isError": "error" in answer})
        elif method == "tools/call":
            raise AssertionError("nobody was to call a tool")
        elif id is not None:
            fail(id, -32601, "no such method")


if __name__ == "__main__":
    main()
