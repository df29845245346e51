"""Showing what becomes of a file, asking, and writing it: for `upcall wrap` and `upcall unwrap`."""

from __future__ import annotations

import difflib
import sys
from pathlib import Path

import click

from upcall.gateway.clients import Change, backed_up, replaced
from upcall.wire import visible

__all__ = ["may_write", "show", "write"]

_STYLES = {"+": "green", "-": "red", "@": "cyan"}


def show(path: Path, change: Change, *, secrets: bool) -> None:
    """Print the unified diff on standard output, and the remarks on standard error."""
    before, after = change.texts(secrets=secrets)
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), str(path), str(path), lineterm="")
    for number, line in enumerate(lines):
        style = {"bold": True} if number < 2 else {"fg": _STYLES.get(line[:1])}
        click.secho(visible(line), **style)
    for name, remark in change.remarks:
        click.secho(visible(f"{name}: {remark}."), fg="yellow", err=True)


def may_write(path: Path, *, dry_run: bool, yes: bool) -> bool:
    """Whether the change may be made: asks where a person is at the terminal.

    Raises:
        click.UsageError: Nobody can be asked, and ``yes`` was not given.
    """
    if dry_run:
        return False
    if yes:
        return True
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise click.UsageError("Nothing was written: there is nobody to ask. Look at the diff, then add --yes.")
    return click.confirm(f"Write {visible(str(path))}?", default=False, err=True)


def write(path: Path, change: Change) -> Path:
    """Write the change; gives the backup beside it."""
    backup = backed_up(path, change.before.text)
    try:
        replaced(path, change.after.text, was=change.before.text)
    except BaseException:
        backup.unlink(missing_ok=True)
        raise
    return backup
