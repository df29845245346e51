"""`LegacyOnly`: in front of an endpoint that may be held at the legacy revisions (`Terms.protocol`).

While it is held, nothing of 2026-07-28 goes on: a request whose header or body is of that era gets status 400 and the
error of an older server, upon which a client falls back to ``initialize`` (2026-07-28, basic/versioning). That one goes
on without the header, since an older server reads no version there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec
from msgspec import UNSET

from upcall.errors import INVALID_REQUEST
from upcall.gateway.frames import Envelope, elements, peek
from upcall.gateway.http.front.app import Endpoint, Request, problem
from upcall.gateway.http.headers import is_modern
from upcall.gateway.http.responding import Receive, Send, send_json
from upcall.gateway.session.legacy_only import UNSUPPORTED, is_of_modern_era, refusal

__all__ = ["LegacyOnly"]

_VERSION: Final = b"mcp-protocol-version"


class LegacyOnly:
    """An `Endpoint`.

    Args:
        endpoint: What is served.
        held: Whether it is held now.
    """

    def __init__(self, endpoint: Endpoint, held: Callable[[], bool]) -> None:
        self.endpoint = endpoint
        """What is served."""
        self._held = held

    async def __call__(self, request: Request, receive: Receive, send: Send) -> None:
        """See `Endpoint`."""
        if self._held():
            message = peek(request.body) if request.body else None
            header = any(name == _VERSION and is_modern(value.decode("latin-1")) for name, value in request.headers)
            if header and message is not None and message.method == "initialize":
                headers = [one for one in request.headers if one[0] != _VERSION]
                request = msgspec.structs.replace(request, headers=headers, fields=dict(headers))
            elif header or _has_modern(request.body, message):
                await send_json(send, 400, _answer(request.body, message))
                return
        await self.endpoint(request, receive, send)

    async def aclose(self) -> None:
        """See `Endpoint`."""
        await self.endpoint.aclose()


def _has_modern(body: bytes, message: Envelope | None) -> bool:
    if message is not None:
        return is_of_modern_era(message)
    return any(one is not None and is_of_modern_era(one) for one in map(peek, elements(body) or ()))


def _answer(body: bytes, message: Envelope | None) -> bytes:
    found = None
    if message is not None and message.method is not UNSET:
        found = refusal(body, message)
    return problem(INVALID_REQUEST, UNSUPPORTED) if found is None else found
