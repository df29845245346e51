"""A tool's arguments from the words of a command line, by the tool's input schema.

========== =====================================================================================
``k=text`` as the schema says: number, boolean, JSON for arrays and objects, otherwise the text
``k:=json`` JSON, whatever the schema says
``k=@file`` the file's text (``@-``: standard input), then as above; ``k=@@x`` is the text ``@x``
========== =====================================================================================
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import click
import msgspec

from upcall.wire import visible

__all__ = ["Word", "WrongCall", "fit", "nearest", "parameters_of", "read_words"]

_WORD = re.compile(r"([^=]+?)(:=|=)(.*)", re.DOTALL)
_LITERALS = {"true": True, "false": False}
_KINDS = {
    "string": "a text",
    "integer": "an integer",
    "number": "a number",
    "boolean": "true or false",
    "null": "null",
    "array": "a JSON array",
    "object": "a JSON object",
}


class Word(msgspec.Struct, frozen=True):
    """One argument as it was given: JSON to be taken as it is, or a text to be read by the schema."""

    name: str
    value: Any
    is_json: bool


class WrongCall(click.ClickException):
    """The server has no such tool, or it takes other arguments."""

    exit_code = 2


def read_words(words: Iterable[str]) -> list[Word]:
    """The arguments on the command line, files read.

    Raises:
        click.UsageError: A word of another form, broken JSON, a file that cannot be read, a name given twice.
    """
    read = [_read(word) for word in words]
    names = [word.name for word in read]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise click.UsageError(f"{twice} is given twice.")
    return read


def fit(tool: Mapping[str, Any], words: Sequence[Word], given: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments for ``tool``: ``given``, overridden by ``words``.

    Raises:
        WrongCall: One does not fit its type, is unknown, or is missing; the tool's parameters are listed.
    """
    schema = tool.get("inputSchema") or {}
    properties: Mapping[str, Any] = schema.get("properties") or {}
    try:
        arguments = dict(given)
        for word in words:
            arguments[word.name] = word.value if word.is_json else _value(word, properties.get(word.name, {}), schema)
        if not schema.get("additionalProperties"):
            for name in arguments:
                if name not in properties:
                    raise WrongCall(f"{tool['name']} has no parameter {name!r}.{nearest(name, properties)}")
        missing = [name for name in schema.get("required") or () if name not in arguments]
        if missing:
            raise WrongCall(f"{tool['name']} needs {', '.join(missing)}.")
    except WrongCall as error:
        rows = parameters_of(tool)
        width = max((len(name) for name, _ in rows), default=0)
        listed = "\n".join(f"  {name:{width}}  {what}" for name, what in rows) or "  none"
        raise WrongCall(visible(f"{error.message}\n\nParameters of {tool['name']}:\n{listed}")) from None
    return arguments


def parameters_of(tool: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Name of each parameter, and in words its type, whether it must be given, and what it is for."""
    schema = tool.get("inputSchema") or {}
    required = set(schema.get("required") or ())
    rows = []
    for name, part in (schema.get("properties") or {}).items():
        resolved = _resolved(part, schema)
        said = [_type_in_words(part, schema)]
        if name in required:
            said.append("required")
        elif resolved.get("default") is not None:
            said.append(f"default {json.dumps(resolved['default'], ensure_ascii=False)}")
        about = str(resolved.get("description") or "").strip()
        rows.append((str(name), ", ".join(said) + (f": {about}" if about else "")))
    return rows


def nearest(name: str, known: Iterable[str]) -> str:
    """`` Did you mean 'x'?``, or nothing."""
    near = get_close_matches(name, list(known), n=1)
    return f" Did you mean {near[0]!r}?" if near else ""


def _read(word: str) -> Word:
    found = _WORD.fullmatch(word)
    if found is None:
        raise click.UsageError(f"{word!r} is no argument; write key=value, key:=json or key=@file.")
    name, operator, text = found.groups()
    if operator == ":=":
        try:
            return Word(name, json.loads(text), True)
        except ValueError as error:
            raise click.UsageError(f"{name}:= takes JSON, and {text!r} is none ({error}).") from None
    if text.startswith("@@"):
        return Word(name, text[1:], False)
    return Word(name, _file(name, text[1:]) if text.startswith("@") else text, False)


def _file(name: str, path: str) -> str:
    try:
        data = sys.stdin.buffer.read() if path == "-" else Path(path).expanduser().read_bytes()
        return data.decode()
    except OSError as error:
        reason = error.strerror or type(error).__name__
    except UnicodeDecodeError:
        reason = "it is not UTF-8 text"
    hint = f"; for a text that begins with @, write {name}=@@{path}"
    raise click.UsageError(f"{name}=@{path}: the file cannot be read: {reason}{hint}.")


def _value(word: Word, part: Any, schema: Mapping[str, Any]) -> Any:
    """A text as the first of the schema's types that it can be; strings come last, since everything is one."""
    kinds = list(dict.fromkeys(_kinds(part, schema)))
    for kind in sorted(kinds, key=lambda kind: kind == "string"):
        try:
            return _parsed(word.value, kind)
        except ValueError:
            continue
    if not kinds:
        return word.value
    wanted = [_KINDS[kind] for kind in kinds if kind != "null"] or ["null"]
    raise WrongCall(
        f"{word.name} must be {' or '.join(wanted)}, not {word.value[:80]!r}."
        + (f" Write {word.name}:='[…]'." if "array" in kinds else "")
    )


def _parsed(text: str, kind: str) -> Any:
    """``text`` as a value of that JSON type.

    Raises:
        ValueError: It is none.
    """
    if kind == "string":
        return text
    if kind == "boolean" and text.lower() in _LITERALS:
        return _LITERALS[text.lower()]
    value = json.loads(text, parse_constant=_no_constant)
    kinds = {bool: "boolean", int: "integer", float: "number", list: "array", dict: "object", type(None): "null"}
    got = kinds.get(type(value))
    if got == kind or (got == "integer" and kind == "number"):
        return value
    raise ValueError(got)


def _no_constant(name: str) -> Any:
    raise ValueError(name)


def _kinds(part: Any, schema: Mapping[str, Any], depth: int = 4) -> Iterator[str]:
    resolved = _resolved(part, schema)
    for option in _choices(resolved, depth):
        yield from _kinds(option, schema, depth - 1)
    declared = resolved.get("type")
    yield from (kind for kind in ([declared] if isinstance(declared, str) else declared or ()) if kind in _KINDS)
    if declared is None:
        examples = resolved.get("enum") or ([resolved["const"]] if "const" in resolved else [])
        names = {str: "string", bool: "boolean", int: "integer", float: "number", type(None): "null"}
        yield from (names[type(example)] for example in examples if type(example) in names)


def _choices(resolved: Mapping[str, Any], depth: int) -> list[Any]:
    """What a value may be instead; nothing at the end of ``depth``, for a schema may go round in circles."""
    return [*(resolved.get("anyOf") or ()), *(resolved.get("oneOf") or ())] if depth else []


def _type_in_words(part: Any, schema: Mapping[str, Any], depth: int = 4) -> str:
    resolved = _resolved(part, schema)
    if choices := resolved.get("enum"):
        return " or ".join(json.dumps(choice, ensure_ascii=False) for choice in choices)
    options = [
        _type_in_words(option, schema, depth - 1) for option in _choices(resolved, depth) if option != {"type": "null"}
    ]
    kinds = options or [kind for kind in _kinds(part, schema) if kind != "null"]
    if kinds == ["array"] and (of := list(_kinds(resolved.get("items", {}), schema))):
        return f"array of {' or '.join(of)}"
    return " or ".join(dict.fromkeys(kinds)) or "anything"


def _resolved(part: Any, schema: Mapping[str, Any], depth: int = 8) -> Mapping[str, Any]:
    """``part`` with its ``$ref`` into the same document followed."""
    if not isinstance(part, Mapping):
        return {}
    reference = part.get("$ref")
    if not isinstance(reference, str) or not reference.startswith("#/") or not depth:
        return part
    found: Any = schema
    for key in reference[2:].split("/"):
        found = found.get(key.replace("~1", "/").replace("~0", "~")) if isinstance(found, Mapping) else None
    return {**_resolved(found, schema, depth - 1), **{key: value for key, value in part.items() if key != "$ref"}}
