"""Answers of a type: what the model is asked for, and how its answer is read.

Where the route has tools in sampling, the model must call one whose input *is* the answer. Where it has not, the
model is asked for JSON text. Either way a text that contains the right JSON is taken, because models mix the two
up; and either way a wrong answer goes back with the error, as a turn that the protocol allows.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from string import ascii_letters
from typing import Any, Generic, TypeVar

from pydantic import PydanticUserError, TypeAdapter, ValidationError

from upcall.errors import ConfigurationError, InvalidAnswer
from upcall.server._tools import brief_schema, explained
from upcall.wire import Tool

__all__ = ["Goal", "NotYet"]

T = TypeVar("T")

TOOL_NAME = "submit_result"
_WRAPPED = "value"
_OPENING = re.compile(r"[{\[]")


class NotYet(Exception):
    """The answer is not of the type; the text says why, for the model to read."""


class Goal(Generic[T]):
    """One ``result_type``.

    Args:
        result_type: Anything pydantic understands: a model, a dataclass, ``list[int]``, ``Literal[...]`` …

    Raises:
        ConfigurationError: It does not understand this one.
    """

    def __init__(self, result_type: Any) -> None:
        try:
            self._adapter: TypeAdapter[T] = TypeAdapter(result_type)
            self.schema = brief_schema(self._adapter.json_schema())
        except (NameError, PydanticUserError) as error:
            raise ConfigurationError(
                f"result_type {result_type!r} cannot be described to a model.",
                hint="Give it a type that JSON can carry.",
                detail=str(error),
            ) from error
        # A tool's input is an object and must say so, so any other type travels inside one; a recursive one, too.
        self._wraps = self.schema.get("type") != "object"
        self._plain_text = self._is_text(self.schema)

    @property
    def tool(self) -> Tool:
        """The tool whose input is the answer."""
        schema = self.schema
        if self._wraps:
            inner = {key: value for key, value in schema.items() if key != "$defs"}
            schema = {"type": "object", "properties": {_WRAPPED: inner}, "required": [_WRAPPED]}
            if "$defs" in self.schema:
                schema["$defs"] = self.schema["$defs"]
        return Tool(name=TOOL_NAME, description="Give the final answer. Call this exactly once.", input_schema=schema)

    @property
    def instruction(self) -> str:
        """What a system prompt says where there are no tools."""
        return f"Answer with JSON only, no other text, that matches this JSON Schema:\n{json.dumps(self.schema)}"

    def from_tool(self, given: dict[str, Any]) -> T:
        """The answer in a tool's input.

        Raises:
            NotYet: It is not of the type.
        """
        if self._wraps and set(given) == {_WRAPPED}:
            given = given[_WRAPPED]
        return self._validated(given)

    def from_text(self, text: str) -> T:
        """The answer in a text: bare JSON, fenced JSON, or JSON with words around it.

        Raises:
            NotYet: There is none of the type in it. The reason is about the likeliest candidate.
        """
        reason: NotYet | None = None
        for candidate in _candidates(text):
            try:
                return self._validated(candidate)
            except NotYet as error:
                reason = reason or error
        if self._plain_text:
            try:
                return self._validated(text.strip())
            except NotYet:
                return self._validated(text.strip().strip("\"'`").rstrip("."))
        raise reason or NotYet("The answer contains no JSON.")

    def give_up(self, reason: str) -> InvalidAnswer:
        """The error after the last try."""
        return InvalidAnswer(f"The model did not answer with the type asked for: {reason}")

    def _validated(self, value: Any) -> T:
        try:
            return self._adapter.validate_json(json.dumps(value))
        except ValidationError as error:
            raise NotYet(explained(error)) from None
        except RecursionError:
            raise NotYet("it is nested too deeply") from None

    @staticmethod
    def _is_text(schema: dict[str, Any]) -> bool:
        choices = schema.get("enum", [schema["const"]] if "const" in schema else [])
        return schema.get("type") == "string" or (bool(choices) and all(isinstance(c, str) for c in choices))


def _candidates(text: str) -> Iterator[Any]:
    """JSON values in a text, likeliest first: fenced ones, the whole, the first object or list anywhere in it.

    The text is a stranger's, so no part of it is read twice in search of the last of these.
    """
    for source in (*_fenced(text), text):
        try:
            yield json.loads(source)
        except (ValueError, RecursionError):
            continue
    decoder = json.JSONDecoder()
    at = 0
    while (opening := _OPENING.search(text, at)) is not None:
        try:
            yield decoder.raw_decode(text, opening.start())[0]
        except json.JSONDecodeError as error:
            at = max(error.pos, opening.end())
        except (ValueError, RecursionError):  # an endless number, an endless nesting
            return
        else:
            return


def _fenced(text: str) -> Iterator[str]:
    """What stands between pairs of triple backticks, without the language's name."""
    for block in text.split("```")[1:-1:2]:
        yield block.lstrip(ascii_letters)
