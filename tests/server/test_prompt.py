"""What an author may write for a prompt, and what becomes of it."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import mcp_types as types
import pytest
from mcp.server.mcpserver import Image as SdkImage

from upcall.errors import InvalidRequest
from upcall.server import Audio, Image
from upcall.server._prompt import as_messages, as_preferences
from upcall.wire import (
    AudioContent,
    ImageContent,
    ModelHint,
    ModelPreferences,
    SamplingMessage,
    TextContent,
)

PNG = b"\x89PNG\r\n\x1a\n...."
TEXT = SamplingMessage(role="user", content=TextContent(text="hi"))


@pytest.mark.parametrize(
    "prompt",
    [
        "hi",
        ["hi"],
        ("hi",),
        TEXT,
        [TEXT],
        TextContent(text="hi"),
        {"role": "user", "content": {"type": "text", "text": "hi"}},
        {"type": "text", "text": "hi"},
        types.SamplingMessage(role="user", content=types.TextContent(type="text", text="hi")),
        [types.TextContent(type="text", text="hi")],
    ],
)
def test_every_way_to_say_hi_is_the_same_message(prompt: Any) -> None:
    assert as_messages(prompt) == [TEXT]


def test_each_part_is_a_message_of_its_own_in_its_order() -> None:
    earlier = SamplingMessage(role="assistant", content=TextContent(text="yes?"))
    said = as_messages(["a", earlier, Image(PNG), "b"])
    assert [message.role for message in said] == ["user", "assistant", "user", "user"]
    assert not any(isinstance(message.content, list) for message in said)


@pytest.mark.parametrize(
    ("data", "mime"),
    [
        (PNG, "image/png"),
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"GIF89a", "image/gif"),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 ", "image/webp"),
    ],
)
def test_a_pictures_type_is_read_from_its_first_bytes(data: bytes, mime: str) -> None:
    (message,) = as_messages(Image(data))
    assert message.content == ImageContent(data=base64.b64encode(data).decode(), mime_type=mime)


@pytest.mark.parametrize(
    ("data", "mime"),
    [
        (b"RIFF\x00\x00\x00\x00WAVEfmt ", "audio/wav"),
        (b"ID3\x04", "audio/mpeg"),
        (b"\xff\xfb\x90", "audio/mpeg"),
        (b"OggS", "audio/ogg"),
        (b"fLaC", "audio/flac"),
    ],
)
def test_a_sounds_type_is_read_from_its_first_bytes(data: bytes, mime: str) -> None:
    (message,) = as_messages(Audio(data))
    assert message.content == AudioContent(data=base64.b64encode(data).decode(), mime_type=mime)


def test_a_path_gives_bytes_and_type(tmp_path: Path) -> None:
    path = tmp_path / "x.jpg"
    path.write_bytes(b"anything")
    for source in (path, str(path)):
        image = Image(source)
        assert (image.data, image.type) == (b"anything", "image/jpeg")


def test_a_type_that_is_said_wins() -> None:
    assert Image(b"?", type="image/x-new").type == "image/x-new"


@pytest.mark.parametrize("make", [lambda: Image(b"?"), lambda: Image(b"fLaC"), lambda: Audio(PNG)])
def test_a_type_that_cannot_be_told_is_asked_for(make: Any) -> None:
    with pytest.raises(InvalidRequest, match="type="):
        make()


def test_a_file_that_is_not_there_is_the_systems_own_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Image(tmp_path / "none.png")


def test_a_picture_does_not_print_itself() -> None:
    assert repr(Image(PNG)) == f"Image({len(PNG)} bytes, type='image/png')"


def test_the_sdks_picture_is_a_picture() -> None:
    (message,) = as_messages(SdkImage(data=PNG, format="png"))
    assert message.content == ImageContent(data=base64.b64encode(PNG).decode(), mime_type="image/png")


@pytest.mark.parametrize("wrong", [None, 3, [b"bytes"], [["nested"]], object()])
def test_what_has_no_place_in_a_prompt_is_named(wrong: Any) -> None:
    with pytest.raises(InvalidRequest, match=r"no place|Malformed"):
        as_messages(wrong)


@pytest.mark.parametrize(
    "given",
    [
        "claude",
        ["claude"],
        {"hints": [{"name": "claude"}]},
        ModelPreferences(hints=[ModelHint(name="claude")]),
        types.ModelPreferences(hints=[types.ModelHint(name="claude")]),
    ],
)
def test_every_way_to_prefer_a_model_is_the_same(given: Any) -> None:
    assert as_preferences(given) == ModelPreferences(hints=[ModelHint(name="claude")])
