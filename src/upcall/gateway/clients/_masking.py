"""A config's text with its secrets masked, for a diff that is shown.

Masked are all values of ``env`` and of headers, values whose name says that they are secret, arguments after such an
option, and what has the form of a well-known key; in comments, too. A value that only names a variable (``${TOKEN}``,
``$TOKEN``) stays.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

import tomlkit

from upcall.gateway.clients._entries import HEADER_KEYS, has_secret, is_secret_name
from upcall.gateway.clients._json_file import JsonFile
from upcall.gateway.clients._jsonc import Edit, Node, spliced
from upcall.gateway.clients._toml_file import TomlFile

__all__ = ["MASK", "masked", "masked_command"]

MASK = "••••"
_KEPT_IN = ("env", *HEADER_KEYS)
_PLACEHOLDER = re.compile(r"\$\{[^{}]*\}|\$\w+|%\w+%")
_SETTING = re.compile(r"(?P<q>[\"']?)(?P<name>[\w.-]+)(?P=q)\s*[:=]\s*(?P<v>[\"'])(?P<value>.*?)(?P=v)")
_KEY = re.compile(
    r"\b(?:sk-|gh[a-z]_|github_pat_|xox[a-z]-|glpat-|AKIA|AIza|hf_|eyJ)[\w.-]{8,}|(?i:\bbearer\s+)[^\s\"'$]{6,}"
)


def masked(file: JsonFile | TomlFile) -> str:
    """The text of ``file`` with its secrets masked. For the eye: it need not be a config any more."""
    if isinstance(file, JsonFile):
        text = spliced(file.text, _edits(file.root, hidden=False))
    else:
        document = tomlkit.parse(file.text)
        _hide(document, hidden=False)
        text = tomlkit.dumps(document)
    text = _SETTING.sub(_of_setting, text)
    return _KEY.sub(MASK, text)


def masked_command(words: Sequence[str]) -> list[str]:
    """A command line with the secrets in it masked."""
    return [_KEY.sub(MASK, word) for word in _arguments(list(words))]


def _edits(node: Node, *, hidden: bool) -> Iterator[Edit]:
    for member in node.members:
        inside = hidden or member.name in _KEPT_IN
        if isinstance(member.node.value, str):
            yield from _edit(member.node, _text(member.node.value, hidden=inside or is_secret_name(member.name)))
        else:
            yield from _edits(member.node, hidden=inside)
    texts = [item.value if isinstance(item.value, str) else "" for item in node.items]
    for item, shown in zip(node.items, _arguments(texts), strict=True):
        if isinstance(item.value, str):
            yield from _edit(item, shown)
        else:
            yield from _edits(item, hidden=hidden)


def _edit(node: Node, shown: str) -> Iterator[Edit]:
    if shown != node.value:
        yield Edit(node.start, node.end, json.dumps(shown, ensure_ascii=False))


def _hide(table: Any, *, hidden: bool) -> None:
    for key in list(table):
        value, inside = table[key], hidden or key in _KEPT_IN
        if isinstance(value, str):
            shown = _text(str(value), hidden=inside or is_secret_name(key))
            if shown != value:
                table[key] = shown
        elif isinstance(value, dict):
            _hide(value, hidden=inside)
        elif isinstance(value, list):
            for number, shown in enumerate(_arguments([item if isinstance(item, str) else "" for item in value])):
                if isinstance(value[number], str) and shown != value[number]:
                    value[number] = shown


def _text(text: str, *, hidden: bool) -> str:
    if not hidden or _PLACEHOLDER.fullmatch(text) or not text:
        return MASK if has_secret(text) else text
    name, colon, value = text.partition(": ")
    if colon and re.fullmatch(r"[\w-]+", name):  # a header, as the gateway reads it
        return f"{name}: {value if _PLACEHOLDER.fullmatch(value.removeprefix('Bearer ')) else MASK}"
    return text if _PLACEHOLDER.fullmatch(text.removeprefix("Bearer ")) else MASK


def _arguments(texts: list[str]) -> Iterator[str]:
    expected = False
    for text in texts:
        name, equals, value = text.partition("=")
        if expected and not text.startswith("-"):
            yield _text(text, hidden=True)
            expected = False
            continue
        expected = text.startswith("-") and not equals and is_secret_name(text)
        if equals and value and is_secret_name(name):
            yield f"{name}={_text(value, hidden=True)}"
        else:
            yield _text(text, hidden=False)


def _of_setting(found: re.Match[str]) -> str:
    if not is_secret_name(found["name"]) or not found["value"] or MASK in found["value"]:
        return found[0]
    if _PLACEHOLDER.fullmatch(found["value"].removeprefix("Bearer ")):
        return found[0]
    at = found.start("value") - found.start()
    return f"{found[0][:at]}{MASK}{found['v']}"
