"""An MCP server that answers at once, whatever the era: ``python -m benchmarks.relays.echo stdio|http [PORT]``."""

from __future__ import annotations

import os
import sys

import msgspec

__all__ = ["answer"]

_TEXT = "Sampling works."
_HELLO = {
    "protocolVersion": "2025-11-25",
    "capabilities": {"tools": {}},
    "serverInfo": {"name": "echo", "version": "1"},
}


class _Request(msgspec.Struct):
    method: str = ""
    id: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


_decode = msgspec.json.Decoder(_Request).decode
_encode = msgspec.json.Encoder().encode
_TOOL = {"name": "plain", "inputSchema": {"type": "object", "properties": {"text": {"type": "string"}}}}
_TOOLS = {"resultType": "complete", "tools": [_TOOL], "ttlMs": 0, "cacheScope": "private"}
_CALLED = {"resultType": "complete", "content": [{"type": "text", "text": _TEXT}], "isError": False}
_RESULTS: dict[str, object] = {"initialize": _HELLO, "tools/list": _TOOLS}


def answer(frame: bytes) -> bytes:
    """What it says to a frame; nothing to a notification."""
    request = _decode(frame)
    if request.id is msgspec.UNSET:
        return b""
    result = _RESULTS.get(request.method, _CALLED)
    return _encode({"jsonrpc": "2.0", "id": request.id, "result": result})


def _stdio() -> None:
    rest = b""
    while piece := os.read(0, 1 << 16):
        *lines, rest = (rest + piece).split(b"\n")
        if out := b"".join(said + b"\n" for line in lines if (said := answer(line))):
            os.write(1, out)


def _over_http(body: bytes) -> tuple[bytes, bytes]:
    said = answer(body)
    return (b"200 OK\r\ncontent-type: application/json" if said else b"202 Accepted"), said


if __name__ == "__main__":
    if sys.argv[1] == "stdio":
        _stdio()
    else:
        from benchmarks.relays.tiny_http import serve

        serve(_over_http, int(sys.argv[2]) if len(sys.argv) > 2 else 0)
