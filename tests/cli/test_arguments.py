"""Arguments of a tool, from words and a schema."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import click
import pytest

from upcall.cli._arguments import WrongCall, fit, parameters_of, read_words

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "text": {"type": "string", "description": "What to read."},
        "count": {"type": "integer", "default": 3},
        "rate": {"type": "number"},
        "deep": {"type": "boolean"},
        "tags": {"anyOf": [{"type": "array", "items": {"type": "string"}}, {"type": "null"}]},
        "options": {"type": "object"},
        "mixed": {"type": ["integer", "string"]},
        "point": {"$ref": "#/$defs/Point"},
        "level": {"enum": [1, 2, 3]},
        "loop": {"$ref": "#/$defs/Loop"},
        "any": {},
    },
    "required": ["text"],
    "$defs": {
        "Point": {"type": "object", "description": "Where."},
        "Loop": {"anyOf": [{"$ref": "#/$defs/Loop"}, {"type": "integer"}]},
    },
}
TOOL: dict[str, Any] = {"name": "read", "inputSchema": SCHEMA}


def fitted(*words: str, given: dict[str, Any] | None = None, tool: dict[str, Any] = TOOL) -> dict[str, Any]:
    return fit(tool, read_words(words), {"text": ""} if given is None else given)


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("text=5", "5"),
        ("text=", ""),
        ("text=a=b:=c", "a=b:=c"),
        ("text={}", "{}"),
        ("count=-7", -7),
        ("rate=2", 2),
        ("rate=2.5e3", 2500.0),
        ("deep=true", True),
        ("deep=False", False),
        ('tags=["a", "b"]', ["a", "b"]),
        ("tags=null", None),
        ('options={"a": 1}', {"a": 1}),
        ("mixed=12", 12),
        ("mixed=twelve", "twelve"),
        ('point={"x": 1}', {"x": 1}),
        ("level=2", 2),
        ("loop=4", 4),
        ("any=12", "12"),
        ("any:=12", 12),
        ("text:=[1, null]", [1, None]),
        ("text=@@home", "@home"),
    ],
)
def test_a_value_is_read_as_its_schema_says(word: str, value: Any) -> None:
    name = word.split("=")[0].rstrip(":")
    read = fitted(word)[name]
    assert read == value
    assert type(read) is type(value)


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("count=many", "count must be an integer, not 'many'"),
        ("count=2.5", "count must be an integer"),
        ("count=true", "count must be an integer"),
        ("rate=NaN", "rate must be a number"),
        ("deep=1", "deep must be true or false"),
        ("tags=a,b", "tags must be a JSON array, not 'a,b'. Write tags:='[…]'."),
        ("txt=a", "read has no parameter 'txt'. Did you mean 'text'?"),
    ],
)
def test_a_value_that_does_not_fit_is_told_with_the_parameters(word: str, reason: str) -> None:
    with pytest.raises(WrongCall) as caught:
        fitted(word)
    assert caught.value.message.startswith(reason)
    assert "Parameters of read:\n  text     string, required: What to read.\n" in caught.value.message
    assert caught.value.exit_code == 2


def test_what_must_be_given_and_is_not_is_named() -> None:
    with pytest.raises(WrongCall, match=r"^read needs text\."):
        fitted("count=1", given={})


def test_words_override_the_object_that_was_given() -> None:
    assert fitted("count=1", given={"text": "a", "count": 9}) == {"text": "a", "count": 1}


def test_a_tool_may_allow_any_other_argument() -> None:
    tool = {"name": "open", "inputSchema": {"type": "object", "additionalProperties": True}}
    assert fitted("whatever=1", given={}, tool=tool) == {"whatever": "1"}


@pytest.mark.parametrize("tool", [{"name": "bare"}, {"name": "bare", "inputSchema": {"type": "object"}}])
def test_a_tool_without_parameters_takes_none(tool: dict[str, Any]) -> None:
    assert fitted(given={}, tool=tool) == {}
    with pytest.raises(WrongCall, match="has no parameter 'x'"):
        fitted("x=1", given={}, tool=tool)


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["text"], "is no argument; write key=value"),
        (["=a"], "is no argument"),
        (["text:=[1"], "takes JSON"),
        (["text=a", "text:=1"], "text is given twice"),
    ],
)
def test_a_word_of_another_form_is_refused(words: list[str], reason: str) -> None:
    with pytest.raises(click.UsageError, match=reason):
        read_words(words)


def test_a_file_is_read_as_text_and_then_by_the_schema(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("Grüße\n", encoding="utf-8")
    (tmp_path / "tags").write_text('["a"]')
    read = fitted(f"text=@{tmp_path / 'text'}", f"tags=@{tmp_path / 'tags'}")
    assert read == {"text": "Grüße\n", "tags": ["a"]}


def test_standard_input_is_a_file_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"piped")))
    assert fitted("text=@-") == {"text": "piped"}


def test_a_file_that_cannot_be_read_says_why(tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    for path, reason in (("missing", "No such file"), ("", "directory"), ("binary", "not UTF-8")):
        with pytest.raises(click.UsageError, match=reason) as caught:
            read_words([f"text=@{tmp_path / path}"])
        assert "write text=@@" in caught.value.message


def test_parameters_are_told_in_words() -> None:
    assert dict(parameters_of(TOOL)) == {
        "text": "string, required: What to read.",
        "count": "integer, default 3",
        "rate": "number",
        "deep": "boolean",
        "tags": "array of string",
        "options": "object",
        "mixed": "integer or string",
        "point": "object: Where.",
        "level": "1 or 2 or 3",
        "loop": "integer",
        "any": "anything",
    }
