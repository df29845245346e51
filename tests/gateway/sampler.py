"""A server of 2025-06-18 in a few lines, whose only tool asks the client's model and says what came of it."""

from __future__ import annotations

import json
import sys
from typing import Any


def send(frame: dict[str, Any]) -> None:
    print(json.dumps({"jsonrpc": "2.0", **frame}), flush=True)


def main() -> None:
    """Serve until standard input ends."""
    waiting: dict[str, Any] = {}
    declared = False
    for line in sys.stdin:
        frame = json.loads(line)
        if frame.get("method") == "initialize":
            declared = "sampling" in frame["params"]["capabilities"]
            info = {"protocolVersion": "2025-06-18", "capabilities": {}, "serverInfo": {"name": "s", "version": "1"}}
            send({"id": frame["id"], "result": info})
        elif frame.get("method") == "tools/call" and not declared:
            send({"id": frame["id"], "result": {"content": [{"type": "text", "text": "no sampling"}]}})
        elif frame.get("method") == "tools/call":
            waiting[f"s{frame['id']}"] = frame["id"]
            asked = {"role": "user", "content": {"type": "text", "text": frame["params"]["arguments"]["text"]}}
            params = {"messages": [asked], "maxTokens": 50}
            send({"id": f"s{frame['id']}", "method": "sampling/createMessage", "params": params})
        elif frame.get("id") in waiting and "method" not in frame:
            said = frame["result"]["content"]["text"] if "result" in frame else frame["error"]["message"]
            send({"id": waiting.pop(frame["id"]), "result": {"content": [{"type": "text", "text": said}]}})


if __name__ == "__main__":
    main()
