"""Content blocks and requests of the wire, in a few words for a person. They take and give plain JSON.

Nothing here is made safe to show: pass it through `upcall.wire.visible` where it is shown.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

__all__ = ["blocks_of", "in_words", "limits_of", "preferences_of", "tools_of"]


def blocks_of(content: Any) -> list[dict[str, Any]]:
    """Content as a list of blocks, however it was written."""
    return content if isinstance(content, list) else [content]


def in_words(block: Mapping[str, Any]) -> str:
    """One content block: its text, or what it is and how large."""
    match block:
        case {"type": "text", "text": text}:
            return str(text)
        case {"type": "image" | "audio" as kind, "data": data, "mimeType": mime}:
            return f"[{kind}, {mime}, {_size(data)}]"
        case {"type": "resource_link", "uri": uri}:
            return f"[resource {uri}]"
        case {"type": "resource", "resource": {"uri": uri, **contents}}:
            return f"[resource {uri}]\n{contents['text']}" if "text" in contents else f"[resource {uri}, binary]"
        case {"type": "tool_use", "name": name, "input": given}:
            return f"[use tool {name} {_json(given)}]"
        case {"type": "tool_result", "content": content}:
            what = "error" if block.get("isError") else "result"
            return f"[tool {what}] " + "\n".join(map(in_words, blocks_of(content)))
    return _json(block)


def limits_of(request: Mapping[str, Any]) -> str:
    """How long and how the answer may be."""
    said = [f"{request.get('maxTokens')} tokens"]
    if request.get("temperature") is not None:
        said.append(f"temperature {request['temperature']:g}")
    if request.get("stopSequences"):
        said.append("stops at " + ", ".join(map(_json, request["stopSequences"])))
    if request.get("includeContext") not in (None, "none"):
        said.append(f"includes context of {request['includeContext']}")
    return ", ".join(said)


def preferences_of(request: Mapping[str, Any]) -> str:
    """Which model the server would like; empty when it does not say."""
    wished: Mapping[str, Any] = request.get("modelPreferences") or {}
    said = [str(hint["name"]) for hint in wished.get("hints") or () if hint.get("name")]
    for name in ("intelligence", "speed", "cost"):
        if (weight := wished.get(f"{name}Priority")) is not None:
            said.append(f"{name} {weight:g}")
    return ", ".join(said)


def tools_of(request: Mapping[str, Any]) -> str:
    """The tools that the model may use; empty when there are none."""
    names = ", ".join(str(tool.get("name")) for tool in request.get("tools") or ())
    mode = (request.get("toolChoice") or {}).get("mode")
    return f"{names} ({mode})" if mode else names


def _size(data: str) -> str:
    size = len(data) * 3 // 4
    return f"{size} bytes" if size < 1000 else f"{size / 1000:.0f} kB"


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
