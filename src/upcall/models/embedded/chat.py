"""A sampling request as the chat that llama.cpp's server takes. Pure.

The server speaks OpenAI's chat protocol, so the codec for that does the work. Before it comes what a small text
model needs: tools and past tool turns in other words (`upcall.models.embedded.emulation`), and a system prompt.
"""

from __future__ import annotations

import json
import re
from typing import Any

import msgspec

from upcall.errors import UnsupportedContent
from upcall.models.codecs import Encoded, openai_chat
from upcall.models.codecs._encoded import Notes, start
from upcall.models.codecs._results import readable
from upcall.models.embedded.emulation import Emulation, emulate
from upcall.wire import AudioContent, ContentBlock, ImageContent, SamplingRequest, TextContent, ToolResult, ToolUse

__all__ = ["Chat", "chat_of"]

_SYSTEM_PROMPT = "You are a helpful assistant."
_CONTROL_TOKEN = re.compile(r"<\|(?=[\w-]+\|>)")


class Chat(msgspec.Struct, frozen=True, kw_only=True):
    """What goes to the server, the texts that end its answer, and how to read that."""

    encoded: Encoded
    stop: tuple[str, ...]
    emulation: Emulation


def chat_of(request: SamplingRequest) -> Chat:
    """The chat for ``request``.

    Raises:
        InvalidRequest: The request breaks a rule of the protocol.
        UnsupportedContent: The messages contain an image, a sound or another file that is not text.
    """
    notes = start(request)
    emulation = emulate(request)
    told = _Told(request, notes)
    if not request.system_prompt:
        notes.add("systemPrompt", "converted", f"It answers badly without one, so it got {_SYSTEM_PROMPT!r}.")
    system = "\n\n".join(filter(None, (request.system_prompt or _SYSTEM_PROMPT, emulation.instructions)))
    plain = msgspec.structs.replace(
        request,
        messages=told.messages(),
        system_prompt=told.text(system),
        tools=None,
        tool_choice=None,
        stop_sequences=None,
        metadata=None,
        include_context=None,
    )
    encoded = openai_chat.encode(plain, model="local", dialect=openai_chat.COMPATIBLE)
    body = {"temperature": 0.0, **encoded.body}
    if emulation.schema is not None:
        shape = {"name": "tool_call", "strict": True, "schema": emulation.schema}
        body["response_format"] = {"type": "json_schema", "json_schema": shape}
    stop = tuple(filter(None, request.stop_sequences or ())) if emulation.schema is None else ()
    adjustments = (*emulation.adjustments, *notes.all(), *encoded.adjustments)
    return Chat(encoded=Encoded(model="local", body=body, adjustments=adjustments), stop=stop, emulation=emulation)


class _Told:
    """The messages of a request with everything in them told as text."""

    def __init__(self, request: SamplingRequest, notes: Notes) -> None:
        self._request = request
        self._notes = notes
        self._names = {
            block.id: block.name
            for message in request.messages
            for block in message.blocks
            if isinstance(block, ToolUse)
        }

    def messages(self) -> list[Any]:
        return [
            msgspec.structs.replace(
                message,
                content=[
                    TextContent(text=self.text(self._block(block, f"messages[{number}].content[{index}]")))
                    for index, block in enumerate(message.blocks)
                ],
            )
            for number, message in enumerate(self._request.messages)
        ]

    def text(self, text: str) -> str:
        """``text``, unable to fake a turn."""
        if not _CONTROL_TOKEN.search(text):
            return text
        reason = "Text that the model would read as a control token, which could fake a turn, is written apart."
        self._notes.add("messages", "converted", reason)
        return _CONTROL_TOKEN.sub("< |", text)

    def _block(self, block: ContentBlock, where: str) -> str:
        match block:
            case TextContent():
                return block.text
            case ToolUse():
                self._notes.add("messages", "emulated", "Past tool uses and results are told to it as text.")
                return f"I call {block.name} with {json.dumps(block.input, ensure_ascii=False)}."
            case ToolResult():
                return self._result(block, where)
            case ImageContent() | AudioContent():
                raise _text_only(block)

    def _result(self, result: ToolResult, where: str) -> str:
        lines = [f"{self._names.get(result.tool_use_id, 'The tool')} {'failed' if result.is_error else 'gave back'}:"]
        for _, part in readable(result, where, self._notes):
            if not isinstance(part, TextContent):
                raise _text_only(part)
            lines.append(part.text)
        return "\n".join(lines)


def _text_only(block: ImageContent | AudioContent) -> UnsupportedContent:
    kind = "an image" if isinstance(block, ImageContent) else "a sound"
    return UnsupportedContent(
        f"The embedded model reads text only, and the request contains {kind}.", hint="Use a provider's model for it."
    )
