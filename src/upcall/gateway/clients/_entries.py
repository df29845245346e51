"""What an entry of a client's config becomes behind the gateway, and what it was: values only, no text.

A wrapped entry starts ``LAUNCHER… gateway --name NAME [--policy FILE]`` and then either ``-- COMMAND ARGS…`` (the
program that it started before) or ``--upstream URL [--header-env VARIABLE]…`` (the address that it named before; each
variable holds ``Header: value`` and stands in the entry's own ``env``). `unwound` reads this form, and what a person
makes of it by hand: other options of the gateway, in any order.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any, TypeAlias
from urllib.parse import urlsplit

__all__ = [
    "HEADER_KEYS",
    "Gateway",
    "Left",
    "Plan",
    "Program",
    "Remote",
    "gateway_options",
    "has_secret",
    "is_secret_name",
    "names_upcall",
    "planned",
    "unwound",
]

HEADER_KEYS = ("headers", "http_headers")
"""Where an entry keeps the headers of its address: in JSON, and in Codex's TOML."""
_VARIABLE = "UPCALL_HEADER_"
_URL_KEYS = ("url", "httpUrl")
_STREAMABLE = ("http", "streamable-http", "streamableHttp", "streamable_http")
_LOGINS = {
    "auth": "the client signs in there itself",
    "authProviderType": "the client signs in there itself",
    "oauth": "the client signs in there itself",
    "oauth_resource": "the client signs in there itself",
    "scopes": "the client signs in there itself",
    "bearer_token_env_var": "its token comes from a variable that only the client reads",
    "env_http_headers": "its headers come from variables that only the client reads",
    "headersHelper": "its headers come from a program that only the client runs",
}
_SECRET_NAME = re.compile(r"(?i)token|secret|passw|api[-_]?key|auth|credential|cookie|(?:^|[-_])(?:key|pat|sig|pwd)$")


@dataclass(frozen=True, slots=True)
class Gateway:
    """How the client shall start the gateway: program and first arguments; the policy file, where one is named."""

    launcher: tuple[str, ...]
    policy: str | None = None

    def arguments(self, name: str) -> tuple[str, ...]:
        """All arguments up to those that say what is behind the gateway."""
        policy = ("--policy", self.policy) if self.policy is not None else ()
        return (*self.launcher[1:], "gateway", "--name", name, *policy)


@dataclass(frozen=True, slots=True)
class Program:
    """An entry that starts a program: ``front`` goes before the arguments that it has."""

    command: str
    front: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Remote:
    """An entry that names an address: what it becomes.

    ``headers`` maps each header to its variable and to what that variable holds; ``url_key`` and ``headers_key`` are
    the entry's own names for them.
    """

    command: str
    arguments: tuple[str, ...]
    url_key: str
    headers_key: str | None = None
    headers: Mapping[str, tuple[str, str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Left:
    """An entry that stays as it is, and why; ``wrapped`` where that is because it is behind the gateway already."""

    reason: str
    wrapped: bool = False


Plan: TypeAlias = Program | Remote | Left


def planned(name: str, entry: Any, gateway: Gateway) -> Plan:
    """What wrapping makes of ``entry``.

    Args:
        name: The entry's name: the one under which the gateway keeps budgets and consents.
        entry: Its value.
        gateway: How the gateway is started.
    """
    if not isinstance(entry, dict):
        return Left("it is no table of settings")
    if unwound(entry) is not None:
        return Left("it is behind the gateway already", wrapped=True)
    keys = [key for key in _URL_KEYS if key in entry]
    if "command" in entry and not keys:
        return _program(name, entry, gateway)
    if len(keys) == 1 and "command" not in entry and "args" not in entry:
        return _remote(name, entry, keys[0], gateway)
    return Left("it must have either a command or an address")


def _program(name: str, entry: Mapping[str, Any], gateway: Gateway) -> Plan:
    if entry.get("type", "stdio") not in ("stdio", "local"):
        return Left(f"its type is {entry['type']!r}, and it has a command")
    if not isinstance(entry["command"], str) or not entry["command"]:
        return Left("its command is no text")
    if not _texts(entry.get("args", [])):
        return Left("its arguments are no list of texts")
    return Program(gateway.launcher[0], (*gateway.arguments(name), "--", entry["command"]))


def _remote(name: str, entry: Mapping[str, Any], key: str, gateway: Gateway) -> Plan:
    url, kind = entry[key], entry.get("type")
    if not isinstance(url, str) or not re.match(r"(?i)https?://|\$", url):
        return Left("its address is not one of HTTP")
    try:
        path = urlsplit(url).path
    except ValueError:
        return Left("its address cannot be read")
    if kind == "sse" or (kind is None and path.rstrip("/").endswith("/sse")):
        return Left("it speaks the old SSE transport, which the gateway does not")
    if kind is not None and kind not in _STREAMABLE:
        return Left(f"its type is {kind!r}")
    for login, reason in _LOGINS.items():
        if entry.get(login):
            return Left(f"{reason} (`{login}`)")
    if has_secret(url):
        return Left("its address holds a secret, which a command line would show to others on this machine")
    found = [key for key in HEADER_KEYS if key in entry]
    env = entry.get("env", {})
    if len(found) > 1 or not isinstance(env, dict):
        return Left("its headers or its env cannot be read")
    headers = entry[found[0]] if found else {}
    if not isinstance(headers, dict) or not all(map(_is_header, headers.items())):
        return Left("its headers are not all plain text")
    free = (f"{_VARIABLE}{number}" for number in range(1, len(headers) + len(env) + 1))
    variables = dict(zip(headers, (variable for variable in free if variable not in env), strict=False))
    options = [option for variable in variables.values() for option in ("--header-env", variable)]
    return Remote(
        gateway.launcher[0],
        (*gateway.arguments(name), "--upstream", url, *options),
        key,
        found[0] if found else None,
        {header: (variable, f"{header}: {headers[header]}") for header, variable in variables.items()},
    )


def unwound(entry: Any, like: Mapping[str, Any] | None = None) -> dict[str, Any] | None:
    """What the wrapped ``entry`` was, as far as it says itself; ``None`` when it is not wrapped.

    Args:
        entry: Its value.
        like: What is known of it: its type, and its names for address and headers, are taken from here. Where nothing
            is known and the entry has a ``type``, it becomes ``http``.
    """
    if not isinstance(entry, dict) or not isinstance(entry.get("command"), str) or not _texts(entry.get("args")):
        return None
    words: list[str] = entry["args"]
    if "gateway" not in words:
        return None
    at = words.index("gateway")
    if not names_upcall((entry["command"], *words[:at])):
        return None
    options, program = _options(words[at + 1 :])
    if "--listen" in options:
        return None
    if program:
        kept: dict[str, Any] = {"command": program[0], "args": program[1:]}
        return {key: kept.get(key, value) for key, value in entry.items() if key != "args" or program[1:]}
    if options.get("--upstream"):
        return _address(entry, options["--upstream"][-1], options.get("--header-env", []), like or {})
    return None


def gateway_options(entry: Any) -> dict[str, list[str]]:
    """The options that a wrapped entry gives the gateway, with all their values; none for any other entry."""
    if unwound(entry) is None:
        return {}
    words: list[str] = entry["args"]
    return _options(words[words.index("gateway") + 1 :])[0]


def _options(words: Sequence[str]) -> tuple[dict[str, list[str]], list[str]]:
    """The gateway's options with their values, and the command after them. All its options take a value."""
    options: dict[str, list[str]] = {}
    at = 0
    while at < len(words) and words[at].startswith("--") and words[at] != "--":
        option, equals, value = words[at].partition("=")
        options.setdefault(option, []).append(value if equals else "".join(words[at + 1 : at + 2]))
        at += 1 if equals else 2
    return options, list(words[at + (words[at : at + 1] == ["--"]) :])


def _address(entry: Mapping[str, Any], url: str, variables: Sequence[str], like: Mapping[str, Any]) -> dict[str, Any]:
    url_key = next((key for key in _URL_KEYS if key in like), "url")
    headers_key = next((key for key in HEADER_KEYS if key in like), "headers")
    env = dict(entry["env"]) if isinstance(entry.get("env"), dict) else {}
    headers = {}
    for variable in variables:
        name, colon, value = str(env.pop(variable, "")).partition(": ")
        if colon:
            headers[name] = value
    was: dict[str, Any] = {}
    for key, value in entry.items():
        if key == "command":
            was[url_key] = url
        elif key == "type":
            was["type"] = like.get("type", "http")
        elif key == "env":
            was.update({headers_key: headers} if headers else {}, **({"env": env} if env else {}))
        elif key != "args":
            was[key] = value
    return was


def names_upcall(launcher: Sequence[str]) -> bool:
    """Whether a command line that begins like this runs upcall: one of its words is a file or a module of that name."""
    return any(path(word).stem.lower() == "upcall" for word in launcher for path in (PurePosixPath, PureWindowsPath))


def is_secret_name(name: str) -> bool:
    """Whether what goes by this name is most likely a secret: ``API_KEY``, ``token``, ``--password``."""
    return _SECRET_NAME.search(name) is not None


def has_secret(url: str) -> bool:
    """Whether ``url`` is an address with a user's name or a secret parameter in it."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    names = [pair.partition("=")[0] for pair in parts.query.split("&")]
    return bool(parts.netloc) and ("@" in parts.netloc or any(map(is_secret_name, names)))


def _is_header(item: tuple[str, Any]) -> bool:
    name, value = item
    return isinstance(value, str) and re.fullmatch(r"[\w!#$%&'*+.^`|~-]+", name) is not None and "\n" not in value


def _texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)
