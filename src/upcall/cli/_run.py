"""Running an asynchronous command to its exit code."""

from __future__ import annotations

import io
import logging
import sys
from collections.abc import Awaitable, Callable

import anyio
import click

__all__ = ["INTERRUPTED", "run"]

INTERRUPTED = 130
"""128 and the number of SIGINT, as shells have it."""


def run(work: Callable[[], Awaitable[int]]) -> None:
    """Run ``work`` and leave the command with the exit code that it gives.

    Ctrl-C cancels it, waits until it has cleaned up, and leaves with `INTERRUPTED`.
    """
    _set_up_streams()
    try:
        code = anyio.run(work)
    except KeyboardInterrupt:
        click.echo("Interrupted.", err=True)
        code = INTERRUPTED
    click.get_current_context().exit(code)


def _set_up_streams() -> None:
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # texts of strangers hold what a terminal's encoding may lack
    # What libraries log is not for the reader of a transcript, unless they ask for it.
    if click.get_current_context().find_root().params.get("verbose"):
        logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    else:
        logging.getLogger().addHandler(logging.NullHandler())
