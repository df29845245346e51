"""`upcall gateway`: stands between one client and one server, or many, and answers sampling.

On stdio the server's process is the first thing that is started; what else it takes is imported in the meantime.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from upcall.gateway.settings import Settings
    from upcall.gateway.stdio.child import Child

__all__ = ["gateway"]

CANNOT_EXECUTE, NOT_FOUND = 126, 127
"""What a shell says of a command that it cannot start."""

_GROUPS = {
    "Which server": ("name", "private_env"),
    "Who answers": ("policy", "model", "store", "answers"),
}


class _Grouped(click.Command):
    """Shows its options in groups, and its examples after them."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        options = [p for p in self.get_params(ctx) if isinstance(p, click.Option)]
        rows = {option.name: row for option in options if (row := option.get_help_record(ctx)) is not None}
        for title, names in _GROUPS.items():
            with formatter.section(title):
                formatter.write_dl([rows.pop(name) for name in names])
        with formatter.section("Other options"):
            formatter.write_dl(list(rows.values()))


@click.command(
    cls=_Grouped,
    context_settings={"allow_interspersed_args": False},
    options_metavar="[OPTIONS]",
)
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED, metavar="-- COMMAND [ARGS]...")
@click.option("--name", metavar="NAME", help="What the policy calls the server; else taken from the command.")
@click.option(
    "--private-env",
    multiple=True,
    metavar="VAR",
    help="A variable that COMMAND shall not get, such as the key of your model; repeat for more.",
)
@click.option("--policy", type=click.Path(path_type=Path), metavar="FILE", help="Instead of the one that holds here.")
@click.option("--model", metavar="MODEL", help="Answer with this model, when no policy names one.")
@click.option("--store", metavar="URL", help="Where to keep the record: a file, or postgresql://….")
@click.option(
    "--answers",
    type=click.Choice(["prefer-client", "gateway", "client"]),
    help="Who answers sampling: the client where it can and else the gateway; the gateway; the client alone.",
)
def gateway(command: tuple[str, ...], **options: Any) -> None:
    """Stand between a client and a server; answer sampling for it.

    Clients that cannot sample get it: the server's sampling requests are answered here, under your policy and into your
    record. All else passes untouched. In the client's configuration, put `upcall gateway --` before the server's
    command; `upcall wrap FILE` does that for you.

    \b
    Examples:
      upcall gateway -- npx -y @modelcontextprotocol/server-everything
                               client and server on standard input and output
      upcall gateway --name notes --model local/smollm2 -- python server.py
                               the embedded model answers; without a policy, once you say so

    Everything it has to say goes to standard error. When the policy cannot be used, it says so and lets everything
    but sampling through. The exit code is the server's, 128 + n when signal n ended
    it; 127 when there is no such command, 126 when it cannot be started.
    """
    child = _started(command, options["private_env"])
    click.get_current_context().exit(_between_pipes(child, command, options))


def _started(command: Sequence[str], private: Sequence[str]) -> Child:
    from upcall.gateway.stdio.child import Child

    try:
        return Child(command, _without(private))
    except OSError as error:
        found = not isinstance(error, FileNotFoundError)
        click.echo(f"upcall gateway: {command[0]}: {error.strerror or error}", err=True)
        click.get_current_context().exit(CANNOT_EXECUTE if found else NOT_FOUND)


def _without(private: Sequence[str]) -> dict[str, str] | None:
    if not private:
        return None
    return {name: value for name, value in os.environ.items() if name not in private}


def _between_pipes(child: Child, command: Sequence[str], options: dict[str, Any]) -> int:
    from upcall.gateway.naming import name_of_command
    from upcall.gateway.stdio.serving import serve

    name = _named(options["name"], name_of_command(command))
    return serve(child, name, lambda: _settings(options))


def _settings(options: dict[str, Any]) -> Settings:
    from upcall.gateway.settings import read_settings

    return read_settings(
        policy=options["policy"], model=options["model"], store=options["store"], answers=options["answers"]
    )


def _named(given: str | None, derived: str) -> str:
    _log_to_stderr()
    if given:
        return given
    click.echo(f"upcall gateway: the policy's name for this server is {derived!r}; --name sets another.", err=True)
    return derived


def _log_to_stderr() -> None:
    import logging

    verbose = click.get_current_context().find_root().params.get("verbose")
    logging.basicConfig(format="upcall gateway: %(message)s", level=logging.INFO if verbose else logging.WARNING)
