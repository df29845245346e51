"""Where a provider is reached, with which key, and what of that may be shown.

The key in a provider's environment variable goes to the provider, or to the address in its base URL variable, and
nowhere else: an address that is given in a model string or an argument gets the key that is given beside it.
"""

from __future__ import annotations

import base64
import os
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit, urlunsplit

from upcall.errors import ConfigurationError

__all__ = ["Endpoint", "Provider"]

REDACTED = "[redacted]"


class Provider:
    """What is fixed about a provider: its name for people, its SDK, its variables and its own address.

    Args:
        title: Its name for people.
        sdk: The SDK's module.
        extra: The extra that installs it.
        home: The provider's own address.
        key_variables: Environment variables that may hold the key; the first that is set counts.
        url_variable: Environment variable that may hold another address.
    """

    def __init__(
        self, title: str, *, sdk: str, extra: str, home: str, key_variables: tuple[str, ...], url_variable: str
    ) -> None:
        self.title = title
        self.sdk = sdk
        self.extra = extra
        self.home = home
        self.key_variables = key_variables
        self.url_variable = url_variable

    @property
    def key_variable(self) -> str:
        """The variable to name where a key is missing."""
        return self.key_variables[0]

    def key(self) -> str | None:
        """The key in the environment, or ``None``."""
        return next(filter(None, map(os.environ.get, self.key_variables)), None)

    def is_home(self, url: str) -> bool:
        """Whether ``url`` is the provider's own, regional hosts included."""
        host = urlsplit(url).hostname or ""
        own = (urlsplit(self.home).hostname or "").partition(".")[2]
        return host == own or host.endswith(f".{own}")


class Endpoint:
    """One address with its credentials. Shows neither in its repr.

    Args:
        provider: Whose protocol is spoken.
        base_url: The address; ``None`` for the provider's base URL variable, or the provider's own.
        api_key: The key; ``None`` for the provider's key variable, where the address allows it (see above).

    Raises:
        ConfigurationError: ``base_url`` is no HTTP address.
    """

    def __init__(self, provider: Provider, *, base_url: str | None, api_key: str | None) -> None:
        configured = os.environ.get(provider.url_variable) or provider.home
        url = base_url or configured
        parts = _split(url)
        host = (f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname) or ""
        netloc = host if parts.port is None else f"{host}:{parts.port}"
        self.url = urlunsplit((parts.scheme, netloc, parts.path.rstrip("/"), "", ""))
        """Without user, password, query and fragment: this much may be shown."""
        self.query = dict(parse_qsl(parts.query, keep_blank_values=True))
        self.is_home = provider.is_home(self.url)
        self.is_given = bool(base_url) and not self.is_home
        """Whether it was given in code or in a model string, and is another than the provider's own."""
        self._provider = provider
        self._own_key = api_key
        self._may_use_variable = self.is_home or _same_origin(url, configured)
        user, password = unquote(parts.username or ""), unquote(parts.password or "")
        self.basic = base64.b64encode(f"{user}:{password}".encode()).decode() if user or password else None
        self._url_secrets = [user, password, self.basic or "", *self.query.values()]

    def __repr__(self) -> str:
        return f"Endpoint({self.url!r})"

    def is_at(self, url: str) -> bool:
        """Whether ``url`` is of the same origin, which may get to see what belongs to this address."""
        return _same_origin(url, self.url)

    def key(self) -> str | None:
        """The key to send, or ``None`` where there is none for this address."""
        if self._own_key:
            return self._own_key
        return self._provider.key() if self._may_use_variable else None

    def clean(self, text: str) -> str:
        """``text`` without anything of the credentials."""
        for secret in filter(None, (self.key(), *self._url_secrets)):
            # A short one is no secret, and its letters stand in any text.
            if len(secret) >= 4:
                text = text.replace(secret, REDACTED)
        return text


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        good = False
    if not good:
        # Not quoted: it may hold a password.
        raise ConfigurationError("The base URL is no HTTP address.", hint="Write it like http://localhost:8000/v1.")
    return parts


def _same_origin(one: str, other: str) -> bool:
    return urlsplit(one)[:2] == urlsplit(other)[:2]
