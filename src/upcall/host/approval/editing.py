"""The form in which a person edits a request or a reply: JSON, made readable, and back.

It is the JSON of the wire with three differences, each undone on the way back:

* a text of several lines is an array of its lines;
* characters that are not shown, or that act on a screen, are written as escapes (``\\u202e``);
* the data of images and sounds is a stand-in (``<image 1, image/png, 12 kB>``), which may be moved or removed.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from difflib import unified_diff
from typing import Any, overload

from upcall.errors import InvalidAnswer, InvalidRequest
from upcall.wire import SamplingRequest, SamplingResult, decode_request, decode_result, encode, visible

__all__ = ["difference", "read_edited", "to_edit"]

_DIFF_HEAD = 2
_CONTEXT = 2


def to_edit(value: SamplingRequest | SamplingResult) -> str:
    """``value`` as a person edits it."""
    media: dict[str, str] = {}
    form = _walked(encode(value), _split, lambda block: _stand_in(block, media))
    text = json.dumps(form, indent=2, ensure_ascii=False)
    return "\n".join(map(_shown, text.split("\n"))) + "\n"


@overload
def read_edited(text: str, original: SamplingRequest) -> SamplingRequest: ...
@overload
def read_edited(text: str, original: SamplingResult) -> SamplingResult: ...
def read_edited(text: str, original: SamplingRequest | SamplingResult) -> SamplingRequest | SamplingResult:
    """What ``text`` says, where ``original`` is what `to_edit` was given.

    Raises:
        InvalidRequest, InvalidAnswer: It is no JSON, or no request, or no result; the message says where.
    """
    broken = InvalidRequest if isinstance(original, SamplingRequest) else InvalidAnswer
    media: dict[str, str] = {}
    _walked(encode(original), _kept, lambda block: _stand_in(block, media))
    try:
        form = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise broken(f"This is no JSON: {error}.") from None
    plain = _walked(form, _joined, lambda block: _restored(block, media))
    return decode_request(plain) if isinstance(original, SamplingRequest) else decode_result(plain)


def difference(before: SamplingRequest | SamplingResult, after: SamplingRequest | SamplingResult) -> list[str]:
    """The lines that differ, with ``+``, ``-`` or a blank in front, and ``⋯`` between places."""
    lines = unified_diff(to_edit(before).splitlines(), to_edit(after).splitlines(), lineterm="", n=_CONTEXT)
    return ["⋯" if line.startswith("@@") else line for line in list(lines)[_DIFF_HEAD:]][1:]


def _walked(form: Any, text: Callable[[Any], Any], block: Callable[[dict[str, Any]], dict[str, Any]]) -> Any:
    """``form`` with its texts, and its media blocks, put through the functions; only where the wire has them."""
    if not isinstance(form, dict):
        return form
    found = dict(form)
    if "systemPrompt" in found:
        found["systemPrompt"] = text(found["systemPrompt"])
    if isinstance(found.get("messages"), list):
        found["messages"] = [_walked(message, text, block) for message in found["messages"]]
    content = found.get("content")
    if isinstance(content, list):
        found["content"] = [_walked(part, text, block) for part in content]
    elif isinstance(content, dict):
        found["content"] = _walked(content, text, block)
    match found.get("type"):
        case "text":
            found["text"] = text(found.get("text"))
        case "image" | "audio":
            found = block(found)
    return found


def _split(text: Any) -> Any:
    return text.split("\n") if isinstance(text, str) and "\n" in text else text


def _joined(text: Any) -> Any:
    if isinstance(text, list) and all(isinstance(line, str) for line in text):
        return "\n".join(text)
    return text


def _kept(text: Any) -> Any:
    return text


def _stand_in(block: dict[str, Any], media: dict[str, str]) -> dict[str, Any]:
    data = str(block.get("data"))
    size = f"{len(data) * 3 // 4:,} bytes"
    name = f"<{block['type']} {len(media) + 1}, {size}>"
    media[name] = data
    return {**block, "data": name}


def _restored(block: dict[str, Any], media: dict[str, str]) -> dict[str, Any]:
    data = block.get("data")
    return {**block, "data": media.get(data, data)} if isinstance(data, str) else block


def _shown(line: str) -> str:
    if visible(line) == line:
        return line
    return "".join(one if visible(one) == one else json.dumps(one)[1:-1] for one in line)
