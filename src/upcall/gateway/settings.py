"""What a gateway goes by: the policy, what the command line adds to it, and what both name in the environment.

`read_settings` is quick and light, since it happens while a server starts. What only a gateway on HTTP needs is read by
`Settings.serving`. Secrets come from the environment alone, by the names that file or command line give; no error, no
log line and no ``repr`` repeats one.
"""

from __future__ import annotations

import base64
import binascii
import os
import re
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from msgspec import UNSET

from upcall.errors import ConfigurationError
from upcall.gateway.session.terms import Answers, Protocol

if TYPE_CHECKING:
    from upcall.host.policy import GatewayEntry, Policy, PolicyFile, UpstreamEntry
    from upcall.models import Model
    from upcall.store import Store

__all__ = ["PRINCIPAL", "Serving", "Settings", "Upstream", "header_from", "read_settings"]

PRINCIPAL = "client"
"""Who a client is that sends the token of ``token_env``."""

_KEY_BYTES = 32
_TOKEN_CHARACTERS = 16
_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*")
"""RFC 6750, section 2.1."""
_HEADER = re.compile(r"([A-Za-z0-9!#$%&'*+.^_`|~-]+)[ \t]*:[ \t]*(.*)", re.DOTALL)
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")


class Upstream(msgspec.Struct, frozen=True, kw_only=True):
    """A server that a gateway serves over HTTP: ``url`` or ``argv`` is there, never both."""

    name: str
    """Our name for it; the policy's, too."""
    url: str | None = None
    argv: tuple[str, ...] | None = None
    headers: Mapping[str, str] = {}
    """Sent to ``url`` with every request; secrets."""
    env: Mapping[str, str] | None = None
    """All that ``argv`` gets as its environment; ``None`` for ours."""

    def __repr__(self) -> str:
        return f"Upstream({self.name!r})"  # an address, or arguments, may hold secrets


class Serving(msgspec.Struct, frozen=True, kw_only=True):
    """What only a gateway on HTTP needs."""

    listen: tuple[str, int] | None
    """Host and port; ``None`` when nobody said where."""
    tokens: Mapping[str, str]
    """Client's name → its bearer token; empty when none is asked for."""
    allow_hosts: tuple[str, ...]
    allow_origins: tuple[str, ...]
    body_bytes: int
    upstreams: tuple[Upstream, ...]
    """Of the policy file; served at ``/NAME/mcp`` each."""

    def __repr__(self) -> str:
        return f"Serving(listen={self.listen!r}, principals={sorted(self.tokens)!r}, upstreams={self.upstreams!r})"


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What a gateway goes by."""

    policy: Policy | PolicyFile
    """A `PolicyFile` follows its file; a `Policy` is there when no file is, and has the built-in defaults."""
    model: str | Model | None = None
    """Answers where the policy names no model."""
    store: str | Path | Store | None = None
    """Address of the record; the policy's, else the user's own when ``None``."""
    answers: Answers | None = None
    """Who answers, whatever the policy says."""
    protocol: Protocol | None = None
    """Which revisions may be spoken, whatever the policy says."""
    timeout: float | None = None
    """Seconds for a sampling request, ``None`` for no limit."""
    keys: tuple[bytes, ...]
    """Seal what a client carries between rounds: the first seals, all open."""
    replicas: bool = False
    """Whether other gateways may have the same keys, and serve the same clients."""

    def __repr__(self) -> str:
        return f"Settings(policy={self.file or 'built-in'}, answers={self.answers!r})"

    @property
    def current(self) -> Policy:
        """The policy that is in force now."""
        from upcall.host.policy import PolicyFile

        return self.policy.current() if isinstance(self.policy, PolicyFile) else self.policy

    @property
    def file(self) -> str | None:
        """Path of the policy file."""
        return self.current.file

    @property
    def own_variables(self) -> frozenset[str]:
        """Environment variables that hold secrets of the gateway itself, as the policy names them."""
        entry = self.current.gateway
        headers = (variable for one in entry.upstream.values() for variable in one.headers_env.values())
        named = (entry.state_key_env, entry.token_env, *entry.principals.values(), *headers)
        return frozenset(name for name in named if name is not UNSET)

    def serving(
        self,
        *,
        listen: str | None = None,
        token_env: str | None = None,
        allow_hosts: Sequence[str] = (),
        allow_origins: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
    ) -> Serving:
        """What the policy's ``[gateway]`` says, and what the command line adds or says instead.

        Args:
            listen: ``HOST:PORT``, before the file's.
            token_env: Name of the variable with the bearer token, before the file's.
            allow_hosts: Beside the file's.
            allow_origins: Beside the file's.
            env: The environment; the process's when ``None``.

        Raises:
            ConfigurationError: One of them is malformed, or the environment lacks what is named.
        """
        from upcall.host.policy import gateway_problems, split_address

        env = os.environ if env is None else env
        entry = self.current.gateway
        entry = msgspec.structs.replace(
            entry,
            listen=entry.listen if listen is None else listen,
            token_env=entry.token_env if token_env is None else token_env,
            allow_hosts=tuple(dict.fromkeys((*entry.allow_hosts, *allow_hosts))),
            allow_origins=tuple(dict.fromkeys((*entry.allow_origins, *allow_origins))),
        )
        for message, hint in gateway_problems(entry):
            raise ConfigurationError(message, hint=hint)
        return Serving(
            listen=None if entry.listen is UNSET else split_address(entry.listen),
            tokens=_tokens(entry, env),
            allow_hosts=entry.allow_hosts,
            allow_origins=entry.allow_origins,
            body_bytes=entry.body_bytes,
            upstreams=tuple(_upstream(name, one, env) for name, one in entry.upstream.items()),
        )


def read_settings(
    *,
    policy: Path | str | None = None,
    model: str | None = None,
    store: str | None = None,
    answers: Answers | None = None,
    protocol: Protocol | None = None,
    timeout: float | None = None,
    env: Mapping[str, str] | None = None,
) -> Settings:
    """The settings of a gateway.

    Args:
        policy: The policy file; ``None`` for the one that holds here, else the built-in defaults.
        model: A model string, for where the policy names no model.
        store: Address of the record, before the policy's.
        answers: Who answers, whatever the policy says.
        protocol: Which revisions may be spoken, whatever the policy says.
        timeout: Seconds for a sampling request.
        env: The environment; the process's when ``None``.

    Raises:
        ConfigurationError: The policy cannot be used, or the environment lacks what it names. The hint says what to
            do.
    """
    from upcall.host.policy import PolicyFile, find_policy, load_policy

    env = os.environ if env is None else env
    if timeout is not None and timeout <= 0:
        raise ConfigurationError(f"timeout must be more than 0 seconds, not {timeout:g}.")
    path = find_policy(env=env) if policy is None else Path(policy).expanduser()
    source = load_policy(None) if path is None else PolicyFile(path, found=policy is None)
    current = source.current() if isinstance(source, PolicyFile) else source
    variable = current.gateway.state_key_env
    return Settings(
        policy=source,
        model=model,
        store=store,
        answers=answers,
        protocol=protocol,
        timeout=timeout,
        keys=(secrets.token_bytes(_KEY_BYTES),) if variable is UNSET else _keys(variable, env),
        replicas=variable is not UNSET,
    )


def header_from(variable: str, env: Mapping[str, str] | None = None) -> tuple[str, str]:
    """The header that an environment variable holds, as ``Name: value``.

    Raises:
        ConfigurationError: The variable is not set, or holds no header.
    """
    env = os.environ if env is None else env
    found = _HEADER.fullmatch(_value(variable, "a header", env).strip())
    if found is None or not _VALUE.fullmatch(found[2]):
        raise ConfigurationError(
            f"{variable} holds no header.", hint='Write "Name: value", such as "Authorization: Bearer ...".'
        )
    return found[1], found[2]


def _value(variable: str, what: str, env: Mapping[str, str]) -> str:
    value = env.get(variable, "")
    if not value.strip():
        raise ConfigurationError(
            f"The environment variable {variable}, which is to hold {what}, is not set.",
            hint="Set it where the gateway is started.",
        )
    return value


def _keys(variable: str, env: Mapping[str, str]) -> tuple[bytes, ...]:
    keys = tuple(_key(part.strip()) for part in _value(variable, "the state keys", env).split(","))
    if any(len(key) < _KEY_BYTES for key in keys):
        raise ConfigurationError(
            f"{variable} holds no state keys.",
            hint=f"Each is {_KEY_BYTES} bytes or more, in hexadecimal or base64; `openssl rand -hex 32` makes one. "
            "Separate several by commas: the first seals, all open.",
        )
    return keys


def _key(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        pass
    try:
        return base64.b64decode(
            text + "=" * (-len(text) % 4), altchars=b"-_" if set("-_") & set(text) else None, validate=True
        )
    except (binascii.Error, ValueError):
        return b""


def _tokens(entry: GatewayEntry, env: Mapping[str, str]) -> dict[str, str]:
    named = dict(entry.principals)
    if entry.token_env is not UNSET:
        if PRINCIPAL in named:
            raise ConfigurationError(
                f"gateway.principals names {PRINCIPAL}, which is whoever sends the token of token_env.",
                hint="Give it another name, or leave token_env out.",
            )
        named[PRINCIPAL] = entry.token_env
    tokens: dict[str, str] = {}
    for principal, variable in named.items():
        token = _value(variable, "a bearer token", env).strip()
        if len(token) < _TOKEN_CHARACTERS or not _TOKEN.fullmatch(token):
            raise ConfigurationError(
                f"{variable} holds no bearer token.",
                hint=f"At least {_TOKEN_CHARACTERS} letters, digits and -._~+/; `openssl rand -hex 32` makes one.",
            )
        if token in tokens.values():
            raise ConfigurationError(f"{variable} holds the token of another client.", hint="Give each its own.")
        tokens[principal] = token
    return tokens


def _upstream(name: str, entry: UpstreamEntry, env: Mapping[str, str]) -> Upstream:
    from upcall.models.command import ENVIRONMENT

    headers = {header: _header_value(variable, env) for header, variable in entry.headers_env.items()}
    if entry.argv is UNSET:
        return Upstream(name=name, url=str(entry.url), headers=headers)
    allowed = (*ENVIRONMENT, *entry.env)
    return Upstream(name=name, argv=entry.argv, env={key: env[key] for key in allowed if key in env})


def _header_value(variable: str, env: Mapping[str, str]) -> str:
    value = _value(variable, "a header's value", env).strip()
    if not _VALUE.fullmatch(value):
        raise ConfigurationError(f"{variable} holds what cannot be in a header.", hint="Write it on one line.")
    return value
