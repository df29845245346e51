"""What a gateway keeps with the client between two rounds, so that only a gateway with the key can read or change it.

A sealed state is text: ``upcall.``, the id of the key, a dot, and base64 of the nonce and the ciphertext. It is
compressed, then encrypted and authenticated (AES-256-GCM) with the server's name, the principal, the method and
a digest of the request it belongs to, so it opens for the same request of the same principal alone (2026-07-28, "Multi
Round-Trip Requests", security considerations: ``requestState`` is an attacker's input). The lifetime is sealed, too.

Keys rotate: the first of them seals, all of them open. The id in front is derived from the key and the server's name; a
state with the id of no key here is somebody else's, and no matter of ours.
"""

from __future__ import annotations

import base64
import binascii
import os
import struct
import zlib
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from upcall.errors import ConfigurationError, InvalidRequest, LimitExceeded

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

__all__ = ["Sealer", "derived", "packed"]

_MARK = "upcall."
_ID_BYTES = 9
_NONCE_BYTES = 12
_TAG_BYTES = 16
_EXPIRY = struct.Struct(">d")
_KEY_BYTES = 16
_DIGEST_BYTES = 32


class Sealer:
    """Seals and opens states of one server's calls. Holds no state of its own: replicas with the same keys are equal.

    Args:
        keys: Secrets of at least 16 bytes each. The first seals, all open.
        server: Our name for the server.
        lifetime: How long a state opens, in seconds.
        cap: How large a state may be, before it is compressed as well as sealed, in bytes.

    Raises:
        ConfigurationError: There is no key, or one is too short.
    """

    def __init__(
        self, keys: Sequence[bytes], server: str, *, lifetime: float = 3600.0, cap: int = 4 * 1024 * 1024
    ) -> None:
        if not keys:
            raise ConfigurationError("Sealing needs a key.")
        if any(len(key) < _KEY_BYTES for key in keys):
            raise ConfigurationError(f"A key for sealing has at least {_KEY_BYTES} bytes.")
        self._server = server
        self._lifetime = lifetime
        self._cap = cap
        self._secrets = tuple(keys)
        self._longest = len(_MARK) + 32 + (cap + 1024) * 4 // 3

    def __repr__(self) -> str:
        return f"Sealer({self._server!r})"

    def owns(self, state: str) -> bool:
        """Whether one of the keys here made it, going by its id; the state may still prove to be forged."""
        return self._prefix(state) is not None

    def seal(self, content: bytes, *, principal: str, method: str, digest: bytes, now: float) -> str:
        """The content as a ``requestState``.

        Args:
            content: What to keep.
            principal: Who sent the request.
            method: The request's method.
            digest: 32 bytes that stand for the request's parameters.
            now: The time, in seconds since the epoch.

        Raises:
            LimitExceeded: The content is beyond the cap.
        """
        if len(content) > self._cap:
            raise LimitExceeded("The call has more to keep between two rounds than fits.", limit="gateway.state_bytes")
        nonce = os.urandom(_NONCE_BYTES)
        plain = _EXPIRY.pack(now + self._lifetime) + zlib.compress(content, 6)
        bound = self._bound(principal, method, digest)
        first = next(iter(self._keys))
        sealed = _cipher(self._keys[first]).encrypt(nonce, plain, bound)
        return first + _written(nonce + sealed)

    def open(self, state: str, *, principal: str, method: str, digest: bytes, now: float) -> bytes:
        """What was sealed. The arguments are those of `seal`.

        Raises:
            InvalidRequest: It was changed, sealed for another request or principal, has expired or is too large. The
                error does not tell which.
        """
        prefix = self._prefix(state)
        try:
            if prefix is None or len(state) > self._longest:
                raise ValueError
            text = state[len(prefix) :]
            sealed = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
            if len(sealed) < _NONCE_BYTES + _TAG_BYTES + _EXPIRY.size or _written(sealed) != text:
                raise ValueError
            bound = self._bound(principal, method, digest)
            plain = _cipher(self._keys[prefix]).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], bound)
            (expiry,) = _EXPIRY.unpack_from(plain)
            if not now <= expiry:
                raise ValueError
            return self._inflated(plain[_EXPIRY.size :])
        except (ValueError, binascii.Error, zlib.error, _invalid_tag()):
            raise InvalidRequest("Invalid or expired requestState.", hint="Start the call again.") from None

    @cached_property
    def _keys(self) -> dict[str, bytes]:
        keys: dict[str, bytes] = {}
        for key in self._secrets:
            keys.setdefault(_MARK + _id(key, self._server) + ".", derived(key, b"seal", self._server))
        return keys

    def _prefix(self, state: str) -> str | None:
        if not state.startswith(_MARK):
            return None
        end = state.find(".", len(_MARK), len(_MARK) + 32)
        prefix = state[: end + 1]
        return prefix if prefix in self._keys else None

    def _inflated(self, packed: bytes) -> bytes:
        inflating = zlib.decompressobj()
        content = inflating.decompress(packed, self._cap + 1)
        if len(content) > self._cap or not inflating.eof or inflating.unused_data:
            raise ValueError
        return content

    def _bound(self, principal: str, method: str, digest: bytes) -> bytes:
        if len(digest) != _DIGEST_BYTES:
            raise ValueError(f"A digest has {_DIGEST_BYTES} bytes.")
        return packed(self._server, principal, method) + digest


def packed(*parts: str) -> bytes:
    """The parts as one, so that no others give the same."""
    encoded = [part.encode("utf-8", "surrogatepass") for part in parts]
    return b"".join(struct.pack(">Q", len(part)) + part for part in encoded)


def derived(key: bytes, purpose: bytes, server: str) -> bytes:
    """A key of 32 bytes for one purpose and one server; what is known of it says nothing of the others."""
    import hashlib  # like the cipher, loaded when something is sealed: a gateway on stdio starts with every client
    import hmac

    named = b"upcall requestState v1\0" + purpose + b"\0" + server.encode("utf-8", "surrogatepass")
    return hmac.digest(key, named, hashlib.sha256)


def _id(key: bytes, server: str) -> str:
    return base64.urlsafe_b64encode(derived(key, b"id", server)[:_ID_BYTES]).decode("ascii")


def _written(sealed: bytes) -> str:
    return base64.urlsafe_b64encode(sealed).decode("ascii").rstrip("=")


def _cipher(key: bytes) -> AESGCM:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    return AESGCM(key)


def _invalid_tag() -> type[Exception]:
    from cryptography.exceptions import InvalidTag

    return InvalidTag
