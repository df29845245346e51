"""The command line: `main`, and how its commands are found.

A command is a row of `COMMANDS`: its name, where its click command lives (``"module:attribute"``), and the line that
``upcall --help`` shows. Its module is imported when the command runs, so that the first help text loads no SDK. To add
a command, write its module beside this one and add its row.

Errors are handled here, once: a command lets every `UpcallError` through. Exit codes: 0 done, 1 failed, 2 used wrongly,
3 no server (`ServerUnavailable`), 4 no answer from a model (`SamplingError`), 130 interrupted.
"""

from __future__ import annotations

import importlib
from typing import IO, Any

import click

from upcall import __version__
from upcall.errors import SamplingError, ServerUnavailable, UpcallError

__all__ = ["COMMANDS", "main"]

COMMANDS: dict[str, tuple[str, str]] = {
    "call": ("upcall.cli.call:call", "Call a tool of an MCP server, and answer its sampling requests."),
    "consents": ("upcall.cli.consents:consents", "List what people want remembered; forget it."),
    "demo": ("upcall.cli.demo:demo", "See a server sample, on both protocols and behind the gateway."),
    "doctor": ("upcall.cli.doctor:doctor", "Say which tools of your servers sample, and what is missing."),
    "gateway": ("upcall.cli.gateway:gateway", "Stand between a client and a server; answer sampling for it."),
    "init": ("upcall.cli.init:init", "Write a policy file to begin with, here or for the user."),
    "log": ("upcall.cli.log:log", "List sampling requests, newest first; show, export or prune them."),
    "model": ("upcall.cli.model:model", "List models; install the embedded one."),
    "models": ("upcall.cli.models:models", "Show which model answers a request, why, and what it can cost."),
    "pending": ("upcall.cli.pending:pending", "List questions that wait for a person; show one; decide it."),
    "policy": ("upcall.cli.policy:policy", "Check the policy file; explain what it says; trust it."),
    "unwrap": ("upcall.cli.unwrap:unwrap", "Take the servers in a client's config out of the gateway."),
    "usage": ("upcall.cli.usage:usage", "Sum up calls, tokens and money."),
    "wrap": ("upcall.cli.wrap:wrap", "Put the servers in a client's config behind the gateway."),
}


class _Failed(click.ClickException):
    """An `UpcallError` as click reports it: on standard error, without a traceback."""

    def __init__(self, error: UpcallError, *, verbose: bool) -> None:
        super().__init__(error.message)
        self._error = error
        self._verbose = verbose

    def show(self, file: IO[Any] | None = None) -> None:
        """Say what happened, what to do about it, and with ``--verbose`` the whole story."""
        click.echo(click.style("Error: ", fg="red", bold=True) + self._error.message, file=file, err=True)
        if self._error.hint:
            click.echo(self._error.hint, file=file, err=True)
        if self._error.detail and self._verbose:
            click.echo(f"\n{self._error.detail}", file=file, err=True)
        elif self._error.detail:
            click.secho("`upcall --verbose …` shows the details.", dim=True, file=file, err=True)


class _NoServer(_Failed):
    exit_code = 3


class _NoAnswer(_Failed):
    exit_code = 4


_BY_KIND = {ServerUnavailable: _NoServer, SamplingError: _NoAnswer, UpcallError: _Failed}


class _Commands(click.Group):
    """A group that knows its commands by name and imports one when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name][0].partition(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in COMMANDS.items()])

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except UpcallError as error:
            failed = next(failed for kind, failed in _BY_KIND.items() if isinstance(error, kind))
            raise failed(error, verbose=bool(ctx.params.get("verbose"))) from error


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="upcall")
@click.option("-v", "--verbose", is_flag=True, help="When something fails, tell the whole story.")
def main(verbose: bool) -> None:
    """MCP sampling that works with every client.

    \b
    Examples:
      upcall demo              a server that samples, at work, with the embedded model
      upcall call 'python server.py' TOOL key=value
                               one call of a server of yours, its sampling answered
      upcall model install     the embedded model, once; works offline from then on
      upcall model list        which models there are, and what each one needs
    """
