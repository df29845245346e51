"""What the types of ``[gateway]`` cannot say: forms of addresses and names, and what belongs together."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TypeAlias
from urllib.parse import urlsplit

from msgspec import UNSET

from upcall.host.policy._places import Path
from upcall.host.policy._saying import written
from upcall.host.policy.origin import dotted
from upcall.host.policy.schema import GatewayEntry, UpstreamEntry

__all__ = ["VARIABLE", "check_gateway", "gateway_problems", "split_address"]

VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
"""The name of an environment variable."""

Found: TypeAlias = Iterator[tuple[Path, str, str]]
"""Where, what is wrong, what would be right."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_HOST = re.compile(r"(?:[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?")
_ADDRESS = re.compile(r"(?P<host>[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]):(?P<port>\d{1,5})")
_OURS = (
    *("host", "content-length", "content-type", "transfer-encoding", "connection", "accept", "last-event-id"),
    *("mcp-session-id", "mcp-protocol-version", "mcp-method", "mcp-name"),
)
"""Headers that the gateway itself has to set."""


def split_address(text: str) -> tuple[str, int] | None:
    """``HOST:PORT`` as the two; an IPv6 address comes without its brackets. ``None`` for anything else."""
    found = _ADDRESS.fullmatch(text)
    if found is None or int(found["port"]) > 65535:
        return None
    return found["host"].strip("[]"), int(found["port"])


def gateway_problems(gateway: GatewayEntry) -> Iterator[tuple[str, str]]:
    """What is wrong with a ``[gateway]`` that did not come from a file as it is: messages with their hints."""
    yield from ((message, hint) for _, message, hint in check_gateway(gateway))


def check_gateway(gateway: GatewayEntry) -> Found:
    """Every problem of a ``[gateway]`` whose types are right."""
    if gateway.listen is not UNSET and split_address(gateway.listen) is None:
        message = f"gateway.listen takes HOST:PORT; it is {written(gateway.listen)}."
        yield ("gateway", "listen"), message, 'Such as "127.0.0.1:8900".'
    for key in ("state_key_env", "token_env"):
        if (name := getattr(gateway, key)) is not UNSET:
            yield from _variable(("gateway", key), name)
    for principal, name in gateway.principals.items():
        path: Path = ("gateway", "principals", principal)
        if not _NAME.fullmatch(principal):
            yield path, f"{dotted(path)} is named with other than letters, digits, '.', '_' and '-'.", ""
        yield from _variable(path, name)
    for number, host in enumerate(gateway.allow_hosts):
        if not _HOST.fullmatch(host):
            message = f"gateway.allow_hosts takes names of hosts, with a port or without; {written(host)} is none."
            yield ("gateway", "allow_hosts", number), message, 'Such as "mcp.example.com" or "mcp.example.com:8443".'
    for number, origin in enumerate(gateway.allow_origins):
        if not _is_origin(origin):
            message = f"gateway.allow_origins takes origins; {written(origin)} is none."
            yield ("gateway", "allow_origins", number), message, 'Such as "https://app.example.com", without a path.'
    for name, upstream in gateway.upstream.items():
        yield from _upstream(("gateway", "upstream", name), name, upstream)


def _upstream(path: Path, name: str, upstream: UpstreamEntry) -> Found:
    if not _NAME.fullmatch(name):
        yield path, f"{dotted(path)} is named with other than letters, digits, '.', '_' and '-'.", "It is in its path."
    if (upstream.url is UNSET) is (upstream.argv is UNSET):
        has = "neither url nor argv" if upstream.url is UNSET else "both url and argv"
        yield path, f"{dotted(path)} has {has}.", "Set url for a server on HTTP, or argv for a program."
    if upstream.url is not UNSET:
        yield from _url((*path, "url"), upstream.url)
        if upstream.env:
            yield (*path, "env"), f"{dotted((*path, 'env'))} is for argv: there is no program.", ""
    elif upstream.headers_env:
        yield (*path, "headers_env"), f"{dotted((*path, 'headers_env'))} is for url: a program gets no headers.", ""
    for header, variable in upstream.headers_env.items():
        place = (*path, "headers_env", header)
        if not _HEADER.fullmatch(header):
            yield place, f"{dotted(place)} is no name of a header.", ""
        elif header.lower() in _OURS:
            yield place, f"{dotted(place)} is a header that the gateway sets itself.", ""
        yield from _variable(place, variable)
    for number, variable in enumerate(upstream.env):
        yield from _variable((*path, "env", number), variable)


def _url(path: Path, url: str) -> Found:
    try:
        parts = urlsplit(url)
        fits = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        fits = False
    if not fits or any(character.isspace() or not character.isprintable() for character in url):
        yield path, f"{dotted(path)} takes http://HOST/PATH or https://HOST/PATH.", ""
    elif parts.username is not None or parts.password is not None:
        yield path, f"{dotted(path)} holds a user or password.", "Send it as a header, with headers_env."
    elif parts.fragment:
        yield path, f"{dotted(path)} has a part after '#', which is never sent.", ""


def _variable(path: Path, name: str) -> Found:
    if not VARIABLE.fullmatch(name):
        # What stands there may be the secret itself: it is not repeated.
        yield path, f"{dotted(path)} takes the name of an environment variable.", "The value stays in the environment."


def _is_origin(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return (
            parts.scheme != ""
            and bool(parts.hostname)
            and text == f"{parts.scheme}://{parts.netloc}"
            and "@" not in parts.netloc
            and (parts.port is None or parts.port > 0)
        )
    except ValueError:
        return False
