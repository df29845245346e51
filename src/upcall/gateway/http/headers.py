"""What a message says in headers: the ones a client repeats from it, and what of them a server holds it to. No I/O.

On 2026-07-28 a request over HTTP repeats its version, its method, its tool, prompt or URI, and the arguments that the
tool's ``inputSchema`` marks with ``x-mcp-header``. Whoever reads the body compares (2026-07-28, basic/transports,
"Streamable HTTP"; error ``-32020``). Earlier revisions know ``MCP-Protocol-Version`` and ``Mcp-Session-Id`` only.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from upcall.gateway._decoding import decoded as parsed
from upcall.gateway.frames import UNREADABLE, members, peek

__all__ = [
    "HEADER_MISMATCH",
    "LEGACY_VERSIONS",
    "Said",
    "ToolHeaders",
    "decoded",
    "encoded",
    "is_modern",
    "mismatch",
    "repeated",
    "said",
    "status_for",
    "status_of",
]

LEGACY_VERSIONS: Final = frozenset({"2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"})
"""Those with an ``initialize``."""
HEADER_MISMATCH: Final = -32020
_TASKS: Final = ("tasks/get", "tasks/update", "tasks/cancel")
_NAMED: Final = {"tools/call": "name", "prompts/get": "name", "resources/read": "uri", **dict.fromkeys(_TASKS, "task")}
_STATUS: Final = {-32700: 400, -32600: 400, -32602: 400, HEADER_MISMATCH: 400, -32021: 400, -32022: 400, -32601: 404}
_PLAIN: Final = re.compile(r"[\x20-\x7e]*")
_WRAPPED: Final = re.compile(r"=\?base64\?(.*)\?=")
_TOKEN: Final = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_WHOLE: Final = re.compile(r"(-?[0-9]+)(?:\.0*)?")
_PREFIX: Final = "mcp-param-"
_TOOLS: Final = 10_000
"""Tools with marks that are known; a server may name others each time it is asked."""


def is_modern(version: str | None) -> bool:
    """Whether this is a revision without ``initialize``: 2026-07-28 or later."""
    return version is not None and version >= "2026-07-28"


def status_of(code: int | None) -> int:
    """HTTP status of a modern response: of this JSON-RPC error code, or of a result (``None``)."""
    return _STATUS.get(code, 200) if code is not None else 200


def status_for(frame: bytes) -> int:
    """The same of a response that the gateway sends as JSON: 200 for all but an error that has its own."""
    message = peek(frame)
    error = members(message.error) if message is not None else None
    try:
        return status_of(int(bytes(error["code"]))) if error else 200
    except (KeyError, ValueError):
        return 200


def encoded(value: str) -> str:
    """As a header can carry it: itself, or ``=?base64?…?=`` around its UTF-8 where HTTP would not keep it."""
    if _PLAIN.fullmatch(value) and value == value.strip() and not _WRAPPED.fullmatch(value):
        return value
    return f"=?base64?{base64.b64encode(value.encode('utf-8', 'surrogatepass')).decode()}?="


def decoded(value: str) -> str | None:
    """What `encoded` was given; ``None`` when it cannot have come from there."""
    wrapped = _WRAPPED.fullmatch(value)
    if wrapped is None:
        return value
    try:
        plain = base64.b64decode(wrapped[1], validate=True)
        return plain.decode() if base64.b64encode(plain).decode() == wrapped[1] else None
    except (binascii.Error, UnicodeDecodeError):
        return None


class Said(msgspec.Struct, frozen=True):
    """What a request says of itself that goes into headers."""

    method: str
    version: str | None = None
    """``_meta``'s protocol version; ``None`` on earlier revisions."""
    name: str | None = None
    """Of its tool or prompt, or its URI, or the id of its task."""
    arguments: bytes = b""
    """JSON of a tool's ``arguments``."""


class _Meta(msgspec.Struct):
    version: Any = msgspec.field(name="io.modelcontextprotocol/protocolVersion", default=None)


class _Params(msgspec.Struct):
    meta: _Meta | None = msgspec.field(name="_meta", default=None)
    name: Any = None
    uri: Any = None
    task: Any = msgspec.field(name="taskId", default=None)
    arguments: msgspec.Raw = msgspec.Raw(b"")


_params = msgspec.json.Decoder(_Params)


def said(method: str, params: bytes | msgspec.Raw | None) -> Said:
    """Read ``params`` (JSON) for it. What is not of the type it should be counts as not said."""
    if not params:
        return Said(method)
    try:
        read = _params.decode(params)
    except UNREADABLE:
        return Said(method)
    name = getattr(read, _NAMED[method]) if method in _NAMED else None
    version = read.meta.version if read.meta is not None else None
    return Said(
        method,
        version if isinstance(version, str) else None,
        name if isinstance(name, str) else None,
        bytes(read.arguments) if method == "tools/call" else b"",
    )


class ToolHeaders:
    """Which arguments of which tools are repeated, learned from the answers to ``tools/list``."""

    def __init__(self) -> None:
        self._tools: dict[str, dict[tuple[str, ...], tuple[str, str]]] = {}

    def learn(self, result: bytes | msgspec.Raw) -> None:
        """Take in a ``ListToolsResult``. A tool whose marks are invalid has none, as a client has to drop it."""
        try:
            tools = msgspec.json.decode(result, type=_Tools).tools
        except UNREADABLE:
            return
        for tool in tools:
            marked = _marked(tool.schema)
            if marked:
                self._tools[tool.name] = marked
            else:
                self._tools.pop(tool.name, None)
        while len(self._tools) > _TOOLS:
            del self._tools[next(iter(self._tools))]

    def repeated(self, said: Said) -> dict[str, str]:
        """``Mcp-Param-*`` headers of this request."""
        headers: dict[str, str] = {}
        marks = self._marks(said)
        arguments = parsed(said.arguments) if marks else None
        for path, (token, _) in marks.items():
            text = _text(_at(arguments, path))
            if text is not None:
                headers[f"Mcp-Param-{token}"] = encoded(text)
        return headers

    def mismatch(self, said: Said, headers: Mapping[str, list[str]]) -> str | None:
        """Why these headers (lower case, every value) do not fit the arguments; ``None`` when they do."""
        marks = self._marks(said)
        arguments = parsed(said.arguments) if marks else None
        for path, (token, kind) in marks.items():
            values = headers.get(_PREFIX + token.lower(), [])
            text = _text(_at(arguments, path))
            if len(values) > 1 or bool(values) != (text is not None):
                return f"Mcp-Param-{token} header does not occur as often as the argument {'.'.join(path)!r}"
            if text is not None:
                value = decoded(values[0])
                if value is None or not (value == text or (kind == "integer" and _same_number(value, text))):
                    return f"Mcp-Param-{token} header does not match the argument {'.'.join(path)!r}"
        return None

    def _marks(self, said: Said) -> Mapping[tuple[str, ...], tuple[str, str]]:
        return self._tools.get(said.name or "", {}) if said.method == "tools/call" else {}


def repeated(said: Said, tools: ToolHeaders) -> dict[bytes, bytes]:
    """Headers that a client sends with this request of 2026-07-28, their names in lower case."""
    headers = {"Mcp-Method": encoded(said.method), **tools.repeated(said)}
    if said.version is not None:
        headers["MCP-Protocol-Version"] = encoded(said.version)
    if said.name is not None:
        headers["Mcp-Name"] = encoded(said.name)
    return {name.lower().encode("ascii"): value.encode("ascii") for name, value in headers.items()}


def mismatch(said: Said, headers: Iterable[tuple[bytes, bytes]], tools: ToolHeaders) -> str | None:
    """Why these headers (names in lower case) do not fit the body of 2026-07-28; ``None`` when they do."""
    values: dict[str, list[str]] = {}
    for raw, value in headers:
        if raw.startswith(b"mcp-"):
            values.setdefault(raw.decode("latin-1"), []).append(value.decode("latin-1"))
    expected = {"mcp-protocol-version": said.version, "mcp-method": said.method}
    if said.name is not None and (said.method not in _TASKS or "mcp-name" in values):  # an extension's rule
        expected["mcp-name"] = said.name
    for name, wanted in expected.items():
        got = values.get(name, [])
        if len(got) > 1:
            return f"{name} header appears more than once"
        if not got or wanted is None or (decoded(got[0]) if name == "mcp-name" else got[0]) != wanted:
            return f"{name} header does not match the body"
    return tools.mismatch(said, values)


class _Tool(msgspec.Struct):
    name: str
    schema: Any = msgspec.field(name="inputSchema", default=None)


class _Tools(msgspec.Struct):
    tools: list[_Tool]


def _marked(schema: Any) -> dict[tuple[str, ...], tuple[str, str]]:
    """Path of an argument to its header's token and its type; empty when a mark is invalid anywhere."""
    found: dict[tuple[str, ...], tuple[str, str]] = {}
    tokens: set[str] = set()
    stack: list[tuple[tuple[str, ...] | None, Any]] = [((), schema)]
    while stack:
        path, node = stack.pop()
        if not isinstance(node, dict):
            continue
        if "x-mcp-header" in node:
            token, kind = node["x-mcp-header"], str(node.get("type"))
            fits = isinstance(token, str) and _TOKEN.fullmatch(token) and kind in ("string", "integer", "boolean")
            if not path or not fits or token.lower() in tokens:
                return {}
            tokens.add(token.lower())
            found[path] = (token, kind)
        for keyword, value in node.items():
            if keyword == "properties" and isinstance(value, dict):
                stack += [((*path, name) if path is not None else None, sub) for name, sub in value.items()]
            elif keyword in _ONE:
                stack.append((None, value))
            elif keyword in _LIST and isinstance(value, list):
                stack += [(None, sub) for sub in value]
            elif keyword in _MAP and isinstance(value, dict):
                stack += [(None, sub) for sub in value.values()]
    return found


_ONE: Final = frozenset(
    {
        "additionalProperties",
        "contains",
        "contentSchema",
        "else",
        "if",
        "items",
        "not",
        "propertyNames",
        "then",
        "unevaluatedItems",
        "unevaluatedProperties",
    }
)
_LIST: Final = frozenset({"allOf", "anyOf", "oneOf", "prefixItems"})
_MAP: Final = frozenset({"patternProperties", "dependentSchemas", "$defs", "definitions"})


def _at(arguments: Any, path: tuple[str, ...]) -> Any:
    for key in path:
        arguments = arguments.get(key) if isinstance(arguments, Mapping) else None
    return arguments


def _text(value: Any) -> str | None:
    """As it stands in a header; ``None`` for what cannot."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str | int | float):
        return None
    try:
        return str(value)
    except ValueError:  # more digits than Python prints
        return None


def _same_number(left: str, right: str) -> bool:
    one, other = _WHOLE.fullmatch(left), _WHOLE.fullmatch(right)
    try:
        return one is not None and other is not None and int(one[1]) == int(other[1])
    except ValueError:
        return False
