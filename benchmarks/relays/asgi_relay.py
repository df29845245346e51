"""HTTP passed on unseen by what the gateway stands on: ``python -m benchmarks.relays.asgi_relay FROM_PORT URL``.

uvicorn on this side, upcall's own HTTP client on the other, and nothing between that looks at what passes: no guard, no
session, no policy. What the gateway costs beyond this is what it decides.
"""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from typing import Any

import uvicorn

from upcall.gateway.http.client.upstream import Upstream

__all__: list[str] = []

_ASKED = (b"host", b"content-length")
_ANSWERED = (b"transfer-encoding", b"connection", b"date", b"server")


def _app(upstream: Upstream) -> Callable[..., Awaitable[None]]:
    async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        headers = [one for one in scope["headers"] if one[0] not in _ASKED]
        async with await upstream.request(scope["method"], headers, body or None) as reply:
            kept = [one for one in reply.headers if one[0] not in _ANSWERED]
            await send({"type": "http.response.start", "status": reply.status, "headers": kept})
            while chunk := await reply.chunk():
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    return app


if __name__ == "__main__":
    uvicorn.run(
        _app(Upstream(sys.argv[2])),
        port=int(sys.argv[1]),
        http="httptools",
        loop="asyncio",
        lifespan="off",
        access_log=False,
        log_level="error",
        timeout_keep_alive=65,
    )
