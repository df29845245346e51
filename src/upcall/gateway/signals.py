"""The signals that ask a gateway to end."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

__all__ = ["told_to_stop"]


@contextmanager
def told_to_stop(stop: Callable[[], None]) -> Iterator[None]:
    """In the block, SIGINT, SIGTERM and SIGHUP call ``stop`` on the running event loop.

    SIGHUP, which comes when a terminal closes, does so unless it is ignored (as under ``nohup``): it comes to us alone,
    not to servers that we have started in process groups of their own.
    """
    if threading.current_thread() is not threading.main_thread():  # no signal comes there
        yield
        return
    loop = asyncio.get_running_loop()
    numbers = [signal.SIGTERM, signal.SIGINT]
    hangup = getattr(signal, "SIGHUP", None)
    if hangup is not None and signal.getsignal(hangup) is not signal.SIG_IGN:
        numbers.append(hangup)
    before = {number: signal.getsignal(number) for number in numbers}
    for number in numbers:
        try:
            loop.add_signal_handler(number, stop)
        except NotImplementedError:  # Windows
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(stop))
    try:
        yield
    finally:
        for number in numbers:
            with suppress(NotImplementedError):
                loop.remove_signal_handler(number)
            signal.signal(number, before[number])
