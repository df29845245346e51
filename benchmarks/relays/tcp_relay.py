"""The floor on HTTP: ``python -m benchmarks.relays.tcp_relay FROM_PORT TO_PORT``.

One process, one event loop, a connection to the server for each of the client's, and bytes passed on unseen. It knows
no HTTP, no frame, and no peer that reads too slowly: what is left is what one more process on the way costs.
"""

from __future__ import annotations

import asyncio
import sys
from typing import cast

__all__: list[str] = []


class _Side(asyncio.Protocol):
    """One of two connections that belong together; what comes before the other is there is kept for it."""

    def __init__(self) -> None:
        self.other: asyncio.Transport | None = None
        self._early: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def join(self, other: asyncio.Transport) -> None:
        self.other = other
        other.writelines(self._early)

    def data_received(self, data: bytes) -> None:
        if self.other is None:
            self._early.append(data)
        else:
            self.other.write(data)

    def connection_lost(self, exc: Exception | None) -> None:
        if self.other is not None:
            self.other.close()


async def _relay(listen: int, port: int) -> None:
    loop = asyncio.get_running_loop()
    under_way: set[asyncio.Task[None]] = set()

    async def reach(near: _Side) -> None:
        far = _Side()
        try:
            await loop.create_connection(lambda: far, "127.0.0.1", port)
        except OSError:
            near.transport.close()
            return
        far.join(near.transport)
        near.join(far.transport)

    class Near(_Side):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            super().connection_made(transport)
            task = asyncio.ensure_future(reach(self))
            under_way.add(task)
            task.add_done_callback(under_way.discard)

    server = await loop.create_server(Near, "127.0.0.1", listen, backlog=256)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_relay(int(sys.argv[1]), int(sys.argv[2])))
