"""`Patient`: a watcher that keeps silent while a person is being asked at the same terminal.

It is *open*, and hands on what it is told at once, or *holding*, and keeps it; opened again, it hands on what it kept,
in order; of progress, which counts the seconds of a person who thinks, the last word only. It may be told things from
any thread.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from threading import RLock
from typing import Any

from upcall.cli._pen import Pen
from upcall.cli._watcher import Peer, Sample, Watcher

__all__ = ["Patient"]


class Patient(Watcher):
    """Stands before another watcher.

    Args:
        watcher: Is told everything in the end.
        pen: Writes at the terminal; its moving line stands still meanwhile, too.
    """

    def __init__(self, watcher: Watcher, pen: Pen) -> None:
        self._watcher = watcher
        self._pen = pen
        self._lock = RLock()
        self._holding = 0
        self._kept: list[Callable[[], None]] = []
        self._beat: Callable[[], None] | None = None

    @contextmanager
    def question(self) -> Iterator[None]:
        """Keep everything back inside the block."""
        with self._lock:
            self._holding += 1
            if self._holding == 1:
                self._pen.pause()
        try:
            yield
        finally:
            with self._lock:
                self._holding -= 1
                if not self._holding:
                    kept, self._kept = self._kept, []
                    for tell in kept:
                        tell()
                    self._pen.resume()

    def _tell(self, tell: Callable[[], None]) -> None:
        with self._lock:
            if self._holding:
                self._kept.append(tell)
            else:
                tell()

    def connecting(self, server: str) -> None:
        self._tell(partial(self._watcher.connecting, server))

    def connected(self, peer: Peer) -> None:
        self._tell(partial(self._watcher.connected, peer))

    def listed(self, tools: list[dict[str, Any]]) -> None:
        self._tell(partial(self._watcher.listed, tools))

    def calling(self, tool: str, arguments: dict[str, Any]) -> None:
        self._tell(partial(self._watcher.calling, tool, arguments))

    def asked(self, sample: Sample) -> None:
        self._tell(partial(self._watcher.asked, sample))

    def answered(self, sample: Sample) -> None:
        self._tell(partial(self._watcher.answered, sample))

    def progressed(self, progress: float, total: float | None, message: str | None) -> None:
        tell = partial(self._watcher.progressed, progress, total, message)
        with self._lock:
            if self._beat in self._kept:
                self._kept.remove(self._beat)
            self._beat = tell
            self._tell(tell)

    def logged(self, level: str, logger: str | None, data: Any) -> None:
        self._tell(partial(self._watcher.logged, level, logger, data))

    def overheard(self, line: str) -> None:
        self._tell(partial(self._watcher.overheard, line))

    def returned(self, result: dict[str, Any]) -> None:
        self._tell(partial(self._watcher.returned, result))

    def refused(self, code: int, message: str) -> None:
        self._tell(partial(self._watcher.refused, code, message))
