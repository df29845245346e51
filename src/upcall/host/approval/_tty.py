"""`Tty`: the controlling terminal, taken for a question and given back as it was.

It is opened by its own name, so that standard input and output may carry the protocol meanwhile. While it is *taken*,
keys come one by one, unechoed, and Ctrl-C and Ctrl-Z are keys like others; while it is *lent* to an editor, lines work
as usual but these two still signal nobody.
"""

from __future__ import annotations

import os
import select
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from shutil import get_terminal_size
from typing import Any

__all__ = ["NoTerminal", "Tty"]

_DEVICE = "/dev/tty"
_BURST = 4096


class NoTerminal(Exception):  # never leaves the approver that catches it
    """There is no terminal, or it is not ours to use at the moment; says why."""


class Tty:
    """An open terminal.

    Args:
        device: Its path; the controlling terminal of this process unless given.

    Raises:
        NoTerminal: There is none.
    """

    def __init__(self, device: str = _DEVICE) -> None:
        if sys.platform == "win32":
            raise NoTerminal("Terminals are used on POSIX systems only.")
        try:
            self.fd = os.open(device, os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
        except OSError as error:
            raise NoTerminal(f"This process has no terminal ({error.strerror}).") from None
        try:
            self._check()
        except NoTerminal:
            os.close(self.fd)
            raise

    def _check(self) -> None:
        if os.environ.get("TERM") == "dumb":
            raise NoTerminal("The terminal cannot show a question (TERM=dumb).")
        with suppress(OSError):  # of a terminal that is not the controlling one, nobody is in the foreground
            if os.tcgetpgrp(self.fd) != os.getpgrp():
                raise NoTerminal("This process is in the background of its terminal.")

    def close(self) -> None:
        """Let go of it."""
        os.close(self.fd)

    def size(self) -> tuple[int, int]:
        """Columns and rows."""
        try:
            columns, rows = os.get_terminal_size(self.fd)
        except OSError:
            return get_terminal_size()
        return columns or 80, rows or 24

    def write(self, text: str) -> None:
        """Write all of it; blocks while the terminal does not take it."""
        data = text.encode("utf-8", "replace")
        while data:
            data = data[os.write(self.fd, data) :]

    def read(self, timeout: float) -> str:
        """What was typed at once, within ``timeout`` seconds; empty when nothing was.

        Raises:
            NoTerminal: It was closed at the other end.
        """
        ready, _, _ = select.select([self.fd], [], [], timeout)
        if not ready:
            return ""
        try:
            data = os.read(self.fd, _BURST)
        except OSError as error:
            raise NoTerminal(f"The terminal went away ({error.strerror}).") from None
        if not data:
            raise NoTerminal("The terminal went away.")
        return data.decode("utf-8", "replace")

    def forget_input(self) -> None:
        """Drop what was typed and not read yet: it was meant for something else."""
        if sys.platform != "win32":
            import termios

            termios.tcflush(self.fd, termios.TCIFLUSH)

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Keys one by one, inside the block."""
        with self._mode(canonical=False):
            yield

    @contextmanager
    def lent(self) -> Iterator[None]:
        """Lines with echo, for another program, inside the block."""
        with self._mode(canonical=True):
            yield

    @contextmanager
    def _mode(self, *, canonical: bool) -> Iterator[None]:
        if sys.platform == "win32":
            yield
            return
        import termios

        before = termios.tcgetattr(self.fd)
        wanted: list[Any] = termios.tcgetattr(self.fd)
        lines = termios.ICANON | termios.ECHO | termios.IEXTEN
        wanted[3] = (wanted[3] | lines if canonical else wanted[3] & ~lines) & ~termios.ISIG
        if canonical:
            wanted[0] |= termios.ICRNL
        else:
            wanted[0] &= ~(termios.IXON | termios.ICRNL)
            wanted[6][termios.VMIN], wanted[6][termios.VTIME] = 1, 0
        wanted[1] |= termios.OPOST | termios.ONLCR
        termios.tcsetattr(self.fd, termios.TCSADRAIN, wanted)
        try:
            yield
        finally:
            with suppress(termios.error):  # gone: there is nothing to put back
                termios.tcsetattr(self.fd, termios.TCSADRAIN, before)
