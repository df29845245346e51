"""An HTTP/1.1 server that is hardly there: keep-alive, bodies with a length, one answer to each request at once."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable
from typing import cast

__all__ = ["serve"]

Answer = Callable[[bytes], tuple[bytes, bytes]]
"""From a body to the head's own part (status, further headers) and the body."""


class _Connection(asyncio.Protocol):
    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self._got = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._got += data
        while (end := self._got.find(b"\r\n\r\n")) >= 0:
            head = bytes(self._got[:end]).lower()
            _, found, rest = head.partition(b"content-length:")
            whole = end + 4 + (int(rest.split(b"\r\n", 1)[0]) if found else 0)
            if len(self._got) < whole:
                return
            posted = head.startswith(b"post")
            said, body = self._answer(bytes(self._got[end + 4 : whole])) if posted else (b"405 No", b"")
            del self._got[:whole]
            self._transport.write(b"HTTP/1.1 %b\r\ncontent-length: %d\r\n\r\n%b" % (said, len(body), body))


def serve(answer: Answer, port: int) -> None:
    """Serve until the process is ended; its first line is its port."""

    async def run() -> None:
        server = await asyncio.get_running_loop().create_server(
            lambda: _Connection(answer), "127.0.0.1", port, backlog=256
        )
        print(server.sockets[0].getsockname()[1], flush=True)
        gc.freeze()
        await server.serve_forever()

    asyncio.run(run())
