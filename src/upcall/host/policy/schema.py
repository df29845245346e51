"""What may stand in ``upcall.toml``, as frozen values: the words of the file, nothing resolved yet.

Every key that can be left out is `UNSET` when it is: a section overrides another key by key. What a key means when
nobody sets it stands in `upcall.host.policy.defaults`; what a whole section comes to, in `upcall.host.policy.rules`.
Money is a `Decimal` of US dollars, time is in seconds, sizes are in characters, bytes or tokens as the name says.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Literal, TypeAlias

import msgspec
from msgspec import UNSET, Meta, UnsetType

__all__ = [
    "Approval",
    "ApprovalWay",
    "BudgetEntry",
    "CommandEntry",
    "Decision",
    "Document",
    "GatewayEntry",
    "LimitSettings",
    "MediaKind",
    "Period",
    "MOST_USD",
    "PriceEntry",
    "Protocol",
    "Recording",
    "Sampling",
    "ScanAction",
    "Settings",
    "StoreEntry",
    "UNLIMITED",
    "UpstreamEntry",
]

Decision: TypeAlias = Literal["ask", "allow", "deny"]
Recording: TypeAlias = Literal["full", "redacted", "hashed", "none"]
MediaKind: TypeAlias = Literal["image", "audio", "file"]
ScanAction: TypeAlias = Literal["note", "ask", "deny"]
Period: TypeAlias = Literal["hour", "day", "month", "ever"]
Sampling: TypeAlias = Literal["prefer-client", "gateway", "client"]
Protocol: TypeAlias = Literal["auto", "legacy"]
ApprovalWay: TypeAlias = Literal["terminal", "store", "elicitation", "none"]

UNLIMITED = "unlimited"
"""What a limit is set to, to have none."""

_MOST = 10**15
"""Of anything that is counted: far above every use, and within what databases hold."""

MOST_USD = 10**9
"""The largest amount of money that the file may name, in US dollars."""

_Amount: TypeAlias = Annotated[int, Meta(ge=0, le=_MOST)]
_Count: TypeAlias = Annotated[int, Meta(ge=1, le=_MOST)] | Literal["unlimited"] | UnsetType
_Seconds: TypeAlias = Annotated[float, Meta(gt=0, le=366 * 24 * 60 * 60)]
_Texts: TypeAlias = tuple[Annotated[str, Meta(min_length=1)], ...]


class _Table(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of every table of the file."""


class LimitSettings(_Table, frozen=True, kw_only=True):
    """``[default.limits]`` and ``[server.NAME.limits]``: what is checked before anything is spent."""

    max_tokens: _Count = UNSET
    """Tokens of one answer. A request for more is clamped to this, not refused."""
    prompt_chars: _Count = UNSET
    """Characters of one request: the JSON it travels in, the data of media left out."""
    media_bytes: _Count = UNSET
    """Bytes of all media of one request, decoded."""
    requests_per_result: _Count = UNSET
    """Sampling requests in one ``input_required`` result (2026-07-28)."""
    concurrent: _Count = UNSET
    """Model calls at one time for one server. More wait; they are not refused."""
    rounds_per_call: _Count = UNSET
    """``input_required`` results within one tool call (2026-07-28)."""
    samples_per_call: _Count = UNSET
    """Sampling requests within one tool call."""
    per_minute: _Count = UNSET
    """Sampling requests of one server in any 60 seconds."""


class Settings(_Table, frozen=True, kw_only=True):
    """``[default]``, and ``[server.NAME]`` which overrides it key by key."""

    decision: Decision | UnsetType = UNSET
    """``ask`` a person, ``allow``, or ``deny``."""
    models: _Texts | UnsetType = UNSET
    """Model strings that may answer; ``*`` stands for any characters. The first one without ``*`` is the default."""
    model: str | UnsetType = UNSET
    """The model that answers when the request has no wish that can be met."""
    sampling: Sampling | UnsetType = UNSET
    """Who answers behind the gateway: the client where it can and else the gateway, the gateway alone, or the client
    alone."""
    protocol: Protocol | UnsetType = UNSET
    """Which revisions the gateway lets client and server speak: what they agree on, or those up to 2025-11-25."""
    tools: bool | UnsetType = UNSET
    """Whether requests may carry tools (SEP-1577)."""
    media: tuple[MediaKind, ...] | UnsetType = UNSET
    """Kinds of media that requests may carry; ``file`` is a binary resource of any other type, in a tool result."""
    review_reply: bool | UnsetType = UNSET
    """Whether a person sees the reply before it leaves."""
    record: Recording | UnsetType = UNSET
    """What the record keeps of prompts and replies."""
    redact: bool | UnsetType = UNSET
    """Whether secrets in a prompt are replaced before a model sees it."""
    scan: Mapping[str, ScanAction] = {}
    """By flag: only ``note`` it, ``ask`` even where the decision is allow, or ``deny``."""
    deadline: _Seconds | UnsetType = UNSET
    """Seconds that a person has to answer. Then the answer is no."""
    limits: LimitSettings = LimitSettings()


class BudgetEntry(_Table, frozen=True, kw_only=True):
    """One ``[[budget]]``: what may be spent in a period. Every budget that a request falls under holds."""

    scope: str = msgspec.field(name="for")
    """``overall``, ``server:NAME``, ``server:*`` (each by itself), or ``model:PATTERN`` (all that match, together)."""
    per: Period
    calls: _Amount | UnsetType = UNSET
    tokens: _Amount | UnsetType = UNSET
    """Input and output together."""
    usd: Decimal | UnsetType = UNSET


class PriceEntry(_Table, frozen=True, kw_only=True):
    """``[prices."MODEL"]``: US dollars per million tokens, before the built-in price list."""

    input: Decimal
    output: Decimal
    cached_input: Decimal | UnsetType = UNSET
    """Input that the provider's cache served; the price of ``input`` when it is left out."""


class CommandEntry(_Table, frozen=True, kw_only=True):
    """``[command.NAME]``: a program as the model ``command/NAME``. No shell is involved."""

    argv: Annotated[_Texts, Meta(min_length=1)]
    """The program and its arguments."""
    timeout: _Seconds = 120.0
    output_bytes: Annotated[int, Meta(ge=1, le=_MOST)] = 1_000_000
    """The program is stopped when it writes more."""
    env: _Texts = ()
    """Names of the environment variables that the program gets, beside ``PATH``, ``HOME``, the locale and the like."""
    stdin: Literal["text", "json"] = "text"
    """The form in which it reads the request from standard input."""
    cwd: str | UnsetType = UNSET
    """The directory it runs in; an empty one, made for the request, when it is left out."""


class StoreEntry(_Table, frozen=True, kw_only=True):
    """``[store]``: where records, budgets and decisions are kept."""

    url: str | UnsetType = UNSET
    """``sqlite:///path`` or ``postgresql://…``; the store's own default location when it is left out."""


class Approval(_Table, frozen=True, kw_only=True):
    """``[approval]``: how people are asked."""

    by: ApprovalWay = "terminal"


class UpstreamEntry(_Table, frozen=True, kw_only=True):
    """``[gateway.upstream.NAME]``: a server that the gateway serves at ``/NAME/mcp``; ``url`` or ``argv``, not both."""

    url: str | UnsetType = UNSET
    """The server's streamable HTTP endpoint."""
    argv: Annotated[_Texts, Meta(min_length=1)] | UnsetType = UNSET
    """The program that speaks MCP on its standard input and output, and its arguments. No shell is involved."""
    headers_env: Mapping[str, str] = {}
    """Header → name of the environment variable with its value; sent to ``url`` with every request."""
    env: _Texts = ()
    """Names of the environment variables that ``argv`` gets, beside ``PATH``, ``HOME``, the locale and the like."""


class GatewayEntry(_Table, frozen=True, kw_only=True):
    """``[gateway]``: ``upcall gateway`` over HTTP. Read when it starts; changes need a new start."""

    listen: str | UnsetType = UNSET
    """``HOST:PORT``."""
    state_key_env: str | UnsetType = UNSET
    """Name of the environment variable with the keys that seal what a client carries between rounds (2026-07-28): 32
    bytes or more each, in hexadecimal or base64, separated by commas; the first seals, all open."""
    token_env: str | UnsetType = UNSET
    """Name of the environment variable with the bearer token that clients have to send."""
    principals: Mapping[str, str] = {}
    """Client's name → name of the environment variable with its own bearer token."""
    allow_hosts: _Texts = ()
    """``Host`` headers that are served beside those of the address that is listened on."""
    allow_origins: _Texts = ()
    """``Origin`` headers that are served: pages in a browser from there may call."""
    body_bytes: Annotated[int, Meta(ge=1, le=_MOST)] = 32_000_000
    """Bytes of one request of a client."""
    upstream: Mapping[str, UpstreamEntry] = {}


class Document(_Table, frozen=True, kw_only=True):
    """A whole ``upcall.toml``."""

    default: Settings = Settings()
    server: Mapping[str, Settings] = {}
    """By the name under which *we* start or reach the server."""
    budget: tuple[BudgetEntry, ...] = ()
    families: Mapping[str, Annotated[_Texts, Meta(min_length=1)]] = {}
    """Word in a hint → models that answer to it, the nearest first; ``*`` as in ``models``."""
    prices: Mapping[str, PriceEntry] = {}
    """Model string, or a pattern; the exact one wins, then the first pattern that fits."""
    alternates: Mapping[str, Annotated[_Texts, Meta(min_length=1)]] = {}
    """Model string → what is tried in its place, in order, when it is down or rate limited."""
    command: Mapping[str, CommandEntry] = {}
    store: StoreEntry = StoreEntry()
    approval: Approval = Approval()
    gateway: GatewayEntry = GatewayEntry()
