"""The floor on stdio: ``python -m benchmarks.relays.line_relay COMMAND…``.

One process, one event loop, each line looked into as far as its method and id, and passed on. It knows no peer that
reads too slowly, no end of either but the first, and nothing of sampling.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys

import msgspec

__all__: list[str] = []


class _Envelope(msgspec.Struct):
    id: int | str | float | None = None
    method: str | None = None


_peek = msgspec.json.Decoder(_Envelope).decode


async def _relay(child: subprocess.Popen[bytes]) -> int:
    assert child.stdin is not None
    assert child.stdout is not None
    loop = asyncio.get_running_loop()
    over = asyncio.Event()

    def join(source: int, sink: int) -> None:
        rest = b""

        def ready() -> None:
            nonlocal rest
            piece = os.read(source, 1 << 16)
            if not piece:
                loop.remove_reader(source)
                over.set()
                return
            *lines, rest = (rest + piece).split(b"\n")
            for line in lines:
                _peek(line)
            if lines:
                os.write(sink, b"\n".join([*lines, b""]))

        loop.add_reader(source, ready)

    join(0, child.stdin.fileno())
    join(child.stdout.fileno(), 1)
    await over.wait()
    child.stdin.close()
    return child.wait()


if __name__ == "__main__":
    server = subprocess.Popen(sys.argv[1:], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
    sys.exit(asyncio.run(_relay(server)))
