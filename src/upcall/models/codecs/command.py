"""Programs that read a prompt and print an answer: a request as text, or as one JSON object.

Text, for a program that knows nothing of roles: a single message of the user without a system prompt is its own text
and nothing else. Any other conversation is told in sections, of which the last is open::

    [system]
    You are terse.

    [user]
    Hello.

    [assistant]
    Hi.

    [user]
    2 + 2?

    [assistant]

JSON, for a program that does: ``{"messages": [{"role": "user", "content": "2 + 2?"}], "maxTokens": 100}``, with
``systemPrompt`` and ``temperature`` where the request has them, on one line.

Whatever is printed is the answer, white space around it left out. Nothing tells a program to stop at ``maxTokens`` or
at a stop sequence, so both are cut afterwards, the former at an estimate (`BYTES_PER_TOKEN`).
"""

from __future__ import annotations

import json
from typing import Any, Literal, TypeAlias

from upcall.errors import InvalidAnswer, InvalidRequest, UnsupportedContent
from upcall.models.base import Completion
from upcall.models.codecs._answer import completion
from upcall.models.codecs._encoded import Encoded, Notes, start
from upcall.models.codecs._limits import BYTES_PER_TOKEN, shortened
from upcall.models.codecs._numbers import temperature_within
from upcall.models.codecs._stops import divide
from upcall.models.codecs._turns import turns_of
from upcall.wire import AudioContent, ImageContent, SamplingRequest, TextContent, ToolResult, ToolUse

__all__ = ["BYTES_PER_TOKEN", "Form", "decode", "encode", "written"]

Form: TypeAlias = Literal["text", "json"]


def encode(request: SamplingRequest, *, model: str, form: Form) -> Encoded:
    """The request as an object; `written` gives what the program reads.

    Args:
        request: What was asked.
        model: The model string, which is also the name of the model that answers.
        form: In which form the program will read it. Text has no place for a temperature.

    Raises:
        InvalidRequest: The request breaks a rule of the protocol.
        UnsupportedContent: Tools, or anything but text.
    """
    notes = start(request)
    _check(request)
    turns = turns_of(request, notes, is_empty=lambda text: not text.strip())
    messages = []
    for turn in turns:
        texts = [part.block.text for part in turn.parts if isinstance(part.block, TextContent)]
        messages.append({"role": turn.role, "content": "\n\n".join(texts)})
    body: dict[str, Any] = {"messages": messages, "maxTokens": request.max_tokens}
    if request.system_prompt:
        body["systemPrompt"] = request.system_prompt
    elif request.system_prompt is not None:
        notes.add("systemPrompt", "dropped", "Empty text is not sent.")
    temperature = temperature_within(request.temperature, 2.0, notes, refused=form == "text")
    if temperature is not None:
        body["temperature"] = temperature
    _, cut_at = divide(request.stop_sequences, notes, takes=lambda _: False, most=0)
    return Encoded(model=model, body=body, adjustments=notes.all(), cut_at=cut_at)


def _check(request: SamplingRequest) -> None:
    if request.tools:
        raise UnsupportedContent("A command-line model uses no tools.", hint="Ask without tools, or another model.")
    for number, message in enumerate(request.messages):
        for block in message.blocks:
            match block:
                case ImageContent() | AudioContent():
                    what = "images" if isinstance(block, ImageContent) else "audio"
                case ToolUse() | ToolResult():
                    what = "tool uses"
                case TextContent():
                    continue
            raise UnsupportedContent(
                f"messages[{number}].content: a command-line model takes no {what}.",
                hint="Send text alone, or choose another model.",
            )


def written(encoded: Encoded, form: Form) -> bytes:
    """What the program reads, UTF-8.

    Raises:
        InvalidRequest: Text that is no valid Unicode.
    """
    text = json.dumps(encoded.body, ensure_ascii=False) + "\n" if form == "json" else _told(encoded.body)
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise InvalidRequest("The request contains text that is no valid Unicode.", detail=str(error)) from None


def _told(body: dict[str, Any]) -> str:
    system, messages = body.get("systemPrompt"), body["messages"]
    if system is None and [message["role"] for message in messages] == ["user"]:
        return str(messages[0]["content"])
    sections = [("system", system)] if system else []
    sections += [(message["role"], message["content"]) for message in messages]
    told = [f"[{role}]\n{text}\n" for role, text in sections]
    # A last turn of the assistant is left open as it is, to be continued.
    if messages[-1]["role"] == "assistant":
        return "\n".join(told).removesuffix("\n")
    return "\n".join([*told, "[assistant]\n"])


def decode(printed: bytes, request: SamplingRequest, encoded: Encoded, *, stopped: bool = False) -> Completion:
    """What the program printed as a completion. Bytes that are no UTF-8 are replaced.

    Args:
        printed: Its standard output.
        request: What was asked.
        encoded: As it was written.
        stopped: Whether it was stopped because it had printed as much as ``maxTokens`` may be.

    Raises:
        InvalidAnswer: It printed nothing.
    """
    notes = Notes()
    whole = printed.decode("utf-8", "replace").strip()
    if not whole:
        raise InvalidAnswer("The program printed no answer.")
    text, cut = shortened(whole, request.max_tokens)
    if cut or stopped:
        reason = f"The program printed more; the answer is cut at an estimate of {BYTES_PER_TOKEN} bytes a token."
        notes.add("maxTokens", "cut", reason)
    return completion(
        [TextContent(text=text)],
        request,
        encoded,
        notes,
        model=encoded.model,
        stop_reason="maxTokens" if cut or stopped else "endTurn",
        usage=None,
    )
