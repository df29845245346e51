"""Waiting for what has no event: what another process does, or a timer."""

from __future__ import annotations

from collections.abc import Callable

import anyio

__all__ = ["until"]


async def until(true: Callable[[], object], seconds: float = 30) -> None:
    """Wait until it is true.

    Raises:
        TimeoutError: It is not within these seconds.
    """
    with anyio.fail_after(seconds):
        while not true():  # noqa: ASYNC110 - see above
            await anyio.sleep(0.01)
