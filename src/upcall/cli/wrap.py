"""`upcall wrap`: a client's servers behind the gateway."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import click

from upcall.cli import _changes, _console
from upcall.errors import ConfigurationError
from upcall.gateway import clients
from upcall.wire import visible

__all__ = ["wrap"]


@click.command()
@click.argument("files", nargs=-1, metavar="[FILE…]", type=click.Path(path_type=Path))
@click.option("--list", "listing", is_flag=True, help="Show the config files that are on this machine, and stop.")
@click.option("--server", "only", multiple=True, metavar="NAME", help="Wrap only this server; may be repeated.")
@click.option("--exclude", multiple=True, metavar="NAME", help="Leave this server alone; may be repeated.")
@click.option(
    "--policy",
    metavar="FILE",
    type=click.Path(path_type=Path, exists=True, dir_okay=False, resolve_path=True),
    help="The policy file for these servers; by default the gateway looks for it.",
)
@click.option("--command", metavar="COMMAND", help="How the client starts upcall, when not by this very installation.")
@click.option("--dry-run", is_flag=True, help="Show the diff and write nothing.")
@click.option("--yes", is_flag=True, help="Write without asking; needed where nobody is at a terminal.")
@click.option("--show-secrets", is_flag=True, help="Show values of env and headers in the diff.")
def wrap(
    files: tuple[Path, ...],
    listing: bool,
    only: tuple[str, ...],
    exclude: tuple[str, ...],
    policy: Path | None,
    command: str | None,
    dry_run: bool,
    yes: bool,
    show_secrets: bool,
) -> None:
    """Put the servers in a client's config behind the gateway.

    Reads the files of Claude Code, Claude Desktop, Cursor, VS Code, Codex and Gemini CLI, shows what it would change,
    and asks. Comments and formatting stay, a backup is kept beside the file. `upcall unwrap` puts everything back.

    \b
    Examples:
      upcall wrap                       which config files there are
      upcall wrap .mcp.json             see the diff, then decide
      upcall wrap --yes --server logs ~/.cursor/mcp.json
                                        one server of it, without asking
    """
    if listing or not files:
        _list()
        return
    gateway = clients.Gateway(_launcher(command), str(policy) if policy is not None else None)
    for file in files:
        path, text = clients.read(file)
        change = clients.wrapped(text, path, gateway, only=only, exclude=exclude)
        _changes.show(path, change, secrets=show_secrets)
        if not change.changed:
            _console.note(f"{path}: nothing to do.")
        elif _changes.may_write(path, dry_run=dry_run, yes=yes):
            _write(path, change)


def _write(path: Path, change: clients.Change) -> None:
    again = any(clients.is_wrapped(entry) for entry in change.before.entries.values())
    kept = clients.recall(path)
    layer = clients.Layer(change.before.text, change.after.text, list(change.changed))
    clients.remember(path, [*(kept if again else ()), layer])
    try:
        backup = _changes.write(path, change)
    except BaseException:
        if kept:
            clients.remember(path, kept)
        else:
            clients.forget(path)
        raise
    count = len(change.changed)
    click.echo(f"{visible(str(path))}: {count} server{'s' if count > 1 else ''} behind the gateway.")
    _console.note(f"Backup: {backup}\nRestart the client. `upcall unwrap {shlex.quote(str(path))}` puts it back.")


def _list() -> None:
    rows = []
    for client, place in clients.known_places():
        if not place.is_file():
            continue
        try:
            entries = clients.opened(clients.read(place)[1], place).entries.values()
        except ConfigurationError as error:
            rows.append((client, str(place), visible(error.message.removeprefix(f"{place} "))))
            continue
        behind = sum(map(clients.is_wrapped, entries))
        rows.append((client, str(place), f"{len(entries)}, {behind} of them behind the gateway"))
    if rows:
        _console.table(("client", "file", "servers"), rows)
        _console.note("`upcall wrap FILE` shows what it would change, and asks.")
    else:
        _console.note("No config file of a known client is here or in its usual place. Name one: `upcall wrap FILE`.")


def _launcher(command: str | None) -> tuple[str, ...]:
    """How a client starts upcall: by an absolute path, since many clients start with a bare ``PATH``."""
    if command is not None:
        try:
            words = tuple(shlex.split(command))
        except ValueError as error:
            raise click.BadParameter(f"{error}.", param_hint="--command") from None
        if not clients.names_upcall(words) or "gateway" in words:
            raise click.BadParameter("It must run upcall, by this name, without arguments.", param_hint="--command")
        return words
    here = Path(sys.executable)
    for script in (here.with_name("upcall"), here.with_name("upcall.exe"), Path(sys.argv[0]).absolute()):
        if script.is_file() and script.stem == "upcall":
            if "archive-v0" in script.parts:
                _console.note("This upcall runs from a cache that may be cleaned. `--command 'uvx upcall'` would stay.")
            return (str(script),)
    return (sys.executable, "-m", "upcall.cli")
