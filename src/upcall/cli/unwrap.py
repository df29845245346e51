"""`upcall unwrap`: a client's config as it was."""

from __future__ import annotations

from pathlib import Path

import click

from upcall.cli import _changes, _console
from upcall.gateway import clients
from upcall.wire import visible

__all__ = ["unwrap"]


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE…", type=click.Path(path_type=Path))
@click.option("--dry-run", is_flag=True, help="Show the diff and write nothing.")
@click.option("--yes", is_flag=True, help="Write without asking; needed where nobody is at a terminal.")
@click.option("--show-secrets", is_flag=True, help="Show values of env and headers in the diff.")
def unwrap(files: tuple[Path, ...], dry_run: bool, yes: bool, show_secrets: bool) -> None:
    """Take the servers in a client's config out of the gateway.

    Each entry gets the text that it had, byte for byte; what else was changed in the file since stays. An entry that
    was edited since, or is not remembered, is rebuilt from its arguments.

    \b
    Examples:
      upcall unwrap .mcp.json           see the diff, then decide
      upcall unwrap --yes .mcp.json     without asking
    """
    for file in files:
        path, text = clients.read(file)
        change = clients.unwrapped(text, path, clients.recall(path))
        _changes.show(path, change, secrets=show_secrets)
        if not change.changed:
            _console.note(f"{path}: nothing to do.")
        elif _changes.may_write(path, dry_run=dry_run, yes=yes):
            backup = _changes.write(path, change)
            clients.forget(path)
            count = len(change.changed)
            click.echo(f"{visible(str(path))}: {count} server{'s' if count > 1 else ''} as before.")
            _console.note(f"Backup: {backup}\nRestart the client.")
