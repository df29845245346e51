"""What is logged, as lines for a terminal: what a peer gets into them moves no cursor, and begins no line."""

from __future__ import annotations

import logging
from typing import Any

from upcall.wire import visible

__all__ = ["LogLines"]


class LogLines(logging.Formatter):
    """Shows control characters as pictures; a message is one line, a traceback as many as it has."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        """One line."""
        return " ".join(visible(super().formatMessage(record)).split("\n"))

    def formatException(self, ei: Any) -> str:  # noqa: N802 - logging's name
        """Its lines."""
        return visible(super().formatException(ei))
