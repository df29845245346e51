"""`upcall consents`: what people want remembered."""

from __future__ import annotations

import json

import click
import msgspec

from upcall.cli import _console
from upcall.cli._arguments import nearest
from upcall.cli._clock import Clock, utc_option
from upcall.cli._run import run
from upcall.cli._store import opened, own_store_option, store_option
from upcall.wire import visible

__all__ = ["consents"]


@click.group(invoke_without_command=True, subcommand_metavar="[COMMAND]")
@store_option
@click.option("--json", "as_json", is_flag=True, help="One JSON array, for programs.")
@utc_option
@click.pass_context
def consents(ctx: click.Context, url: str | None, as_json: bool, utc: bool) -> None:
    """List what people want remembered; forget it.

    A no holds for all that a server asks, a yes for its requests, or replies, with one model and the same flags.

    \b
    Examples:
      upcall consents
      upcall consents forget server:logs
    """
    ctx.obj = url
    if ctx.invoked_subcommand is not None:
        return
    clock, store = Clock(utc=utc), opened(url)

    async def work() -> int:
        async with store:
            held = await store.consents()
        if as_json:
            click.echo(json.dumps(msgspec.to_builtins(held), indent=2))
        elif not held:
            _console.note("Nothing is remembered.")
        else:
            rows = [
                (one.key, one.verdict, one.by, clock.full(one.expires_at) if one.expires_at else "") for one in held
            ]
            _console.table(("WHAT", "DECISION", "BY", "UNTIL"), [tuple(map(visible, row)) for row in rows])
        return 0

    run(work)


@consents.command()
@own_store_option
@click.argument("key")
@click.pass_obj
def forget(url: str | None, /, own: str | None, key: str) -> None:
    """Forget one, so that a person is asked again. KEY is what the list shows."""
    store = opened(own or url)

    async def work() -> int:
        async with store:
            forgotten = await store.forget(key)
            known = [one.key for one in await store.consents()]
        if not forgotten:
            raise click.ClickException(f"Nothing is remembered as {visible(key)}.{nearest(key, known)}")
        click.echo("Forgotten.")
        return 0

    run(work)
