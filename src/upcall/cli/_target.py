"""`Target`: which server is meant, from the words of a command line, and the transport that reaches it."""

from __future__ import annotations

import os
import shlex
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from threading import Thread
from typing import Any, TextIO
from urllib.parse import urlsplit, urlunsplit

import click
import msgspec

from upcall.models.anthropic import ANTHROPIC
from upcall.models.openai import OPENAI

__all__ = [
    "MODEL_KEYS",
    "Target",
    "inherited_environment",
    "lines_to",
    "read_target",
    "transport_to",
    "whole_environment",
]

MODEL_KEYS = (ANTHROPIC.key_variable, "ANTHROPIC_AUTH_TOKEN", OPENAI.key_variable)
"""Keys of this side's model: a server gets them only when it is handed them by name."""
_LONGEST_LINE = 10_000
_CONNECT_TIMEOUT = 30.0
"""Seconds for an HTTP server to accept; how long it may then think is the caller's matter."""


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """A server to start (``command``) or to reach (``url``)."""

    command: tuple[str, ...] = ()
    env: Mapping[str, str] = {}
    """The whole environment of the server's process."""
    url: str = ""
    headers: Mapping[str, str] = {}

    @property
    def transport(self) -> str:
        """``stdio`` or ``http``."""
        return "http" if self.url else "stdio"

    @property
    def shown(self) -> str:
        """How to call it in front of a person: the address without user, password and query; or the command."""
        if not self.url:
            return shlex.join(self.command)
        parts = urlsplit(self.url)
        return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def read_target(server: str, *, headers: Sequence[str] = (), env: Sequence[str] = ()) -> Target:
    """The server that ``server`` means, a URL or a command line.

    Args:
        server: What stands on the command line.
        headers: ``Name: value`` each, for a URL.
        env: ``NAME=value``, or ``NAME`` for the value it has here, for a command.

    Raises:
        click.UsageError: It is neither, or an option does not go with it.
    """
    if server.lower().startswith(("http://", "https://")):
        if env:
            raise click.UsageError("--env goes with a command; a URL has no environment.")
        if not _is_url(server):
            raise click.UsageError(f"{server!r} is no URL.")
        return Target(url=server, headers=dict(map(_header, headers)))
    if headers:
        raise click.UsageError("--header goes with a URL; a command gets --env.")
    try:
        command = tuple(shlex.split(server, posix=os.name != "nt"))
    except ValueError as error:
        raise click.UsageError(f"SERVER is no command line: {error}.") from None
    if not command:
        raise click.UsageError("SERVER is empty; give a URL or a command line.")
    return Target(command=command, env=inherited_environment() | dict(map(_variable, env)))


def inherited_environment() -> dict[str, str]:
    """What a server that is started here finds in its environment: everything but the keys of this side's model."""
    return {name: value for name, value in os.environ.items() if name not in MODEL_KEYS}


def whole_environment() -> dict[str, str]:
    """What a program of ours that itself calls a model finds: everything, the keys included."""
    return dict(os.environ)


@asynccontextmanager
async def transport_to(target: Target, overheard: Callable[[str], None]) -> AsyncIterator[Any]:
    """An SDK transport, to be given to ``mcp.Client``.

    Args:
        target: The server.
        overheard: Told each line that a started server writes on its standard error, from a thread.
    """
    if target.url:
        import httpx2
        from mcp.client.streamable_http import streamable_http_client

        # A proxy that is set up for the world must not stand before a server on this machine.
        local = urlsplit(target.url).hostname in ("localhost", "127.0.0.1", "::1")
        timeout = httpx2.Timeout(_CONNECT_TIMEOUT, read=None)
        async with httpx2.AsyncClient(headers=dict(target.headers), timeout=timeout, trust_env=not local) as client:
            yield streamable_http_client(target.url, http_client=client)
        return
    from mcp.client.stdio import StdioServerParameters, stdio_client

    program, *arguments = target.command
    parameters = StdioServerParameters(command=program, args=arguments, env=dict(target.env))
    with lines_to(overheard) as stderr:
        yield stdio_client(parameters, errlog=stderr)


@contextmanager
def lines_to(tell: Callable[[str], None]) -> Iterator[TextIO]:
    """A file for a child's standard error, whose lines go to ``tell`` as they come."""
    reading, writing = os.pipe()

    def read() -> None:
        with os.fdopen(reading, encoding="utf-8", errors="replace") as lines:
            while line := lines.readline(_LONGEST_LINE):
                tell(line.rstrip("\r\n"))

    thread = Thread(target=read, name="upcall-stderr", daemon=True)
    thread.start()
    try:
        with os.fdopen(writing, "w") as file:
            yield file
    finally:
        thread.join(1.0)  # a grandchild may hold the other end open for ever


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        return False


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon or not name.strip() or "\n" in text or "\r" in text:
        raise click.UsageError(f"--header takes 'Name: value', not {name!r}.")
    return name.strip(), value.strip()


def _variable(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not name:
        raise click.UsageError("--env takes NAME or NAME=value.")
    if not equals and name not in os.environ:
        raise click.UsageError(f"--env {name}: it is not set here.")
    return name, value if equals else os.environ[name]
