"""`upcall doctor`: which tools of a client's servers sample, whether they would get an answer, and what is missing."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import msgspec

from upcall.cli._arguments import Word, WrongCall, fit, nearest, read_words
from upcall.cli._examined import show_call, show_report
from upcall.cli._pen import pen_for
from upcall.cli._run import run
from upcall.errors import ConfigurationError
from upcall.gateway import clients
from upcall.gateway.examining import Called, Examined, Options, Target, call_through, examine, targets_in
from upcall.gateway.naming import name_of_command, name_of_url
from upcall.gateway.settings import header_from
from upcall.wire import visible

__all__ = ["doctor"]

_AT_ONCE = 6
_CALL_SECONDS = 300.0


class _WithCommand(click.Command):
    """Keeps what stands after ``--`` apart from the files."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if "--" in args:
            at = args.index("--")
            ctx.meta["upcall.command"] = tuple(args[at + 1 :])
            args = args[:at]
        return super().parse_args(ctx, args)


@click.command(cls=_WithCommand)
@click.argument("what", nargs=-1, metavar="[FILE… | URL | -- COMMAND ARGS…]")
@click.option("--server", "only", multiple=True, metavar="NAME", help="Only this server of FILE; repeat for more.")
@click.option("--name", metavar="NAME", help="What the policy calls URL or COMMAND; else taken from it.")
@click.option(
    "--header-env",
    multiple=True,
    metavar="VAR",
    help="A variable that holds 'Name: value', sent to URL; repeat for more.",
)
@click.option("--policy", type=click.Path(path_type=Path), metavar="FILE", help="Instead of the one that holds there.")
@click.option("--model", metavar="MODEL", help="The model that answers when no policy names one.")
@click.option("--store", metavar="URL", help="The record, instead of the one of the policy.")
@click.option(
    "--call", "tool", metavar="TOOL", help="Call this tool through a gateway, with the key=value that follow it."
)
@click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    default=20.0,
    show_default=True,
    metavar="SECONDS",
    help="For each start of a server, of which it may take two; a call has 300.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object, for programs.")
def doctor(
    what: tuple[str, ...],
    only: tuple[str, ...],
    name: str | None,
    header_env: tuple[str, ...],
    policy: Path | None,
    model: str | None,
    store: str | None,
    tool: str | None,
    timeout: float,
    as_json: bool,
) -> None:
    """Say which tools of your servers sample, and what is missing.

    Starts each server of a client's config FILE as the client would, wrapped or not, and lists its tools as a client
    gets them that can sample, and as one that cannot. No tool is called, unless --call says so. Without FILE: the
    config files of known clients that are here.

    \b
    Examples:
      upcall doctor                        all config files that `upcall wrap` lists
      upcall doctor .mcp.json --server logs
                                           one server of one file
      upcall doctor -- npx -y @modelcontextprotocol/server-everything
                                           a server that is in no config yet
      upcall doctor https://mcp.example.com/mcp --header-env TOKEN_HEADER
                                           one that speaks HTTP
      upcall doctor .mcp.json --server logs --call explain line='disk full'
                                           a real call, its sampling answered under the policy

    \b
    Exit codes:
      0  nothing is missing
      1  something is; lines with ✗ say what, and what to do
      2  used wrongly
    """
    command: tuple[str, ...] | None = click.get_current_context().meta.get("upcall.command")
    words = read_words(one for one in what if tool is not None and _is_word(one))
    places = [one for one in what if tool is None or not _is_word(one)]
    targets = _targets(places, command, name, header_env)
    if only:
        targets = _chosen(targets, only)
    if tool is not None and len(targets) != 1:
        raise click.UsageError("--call takes one server: choose it with --server NAME.")
    options = Options(policy=policy, model=model, store=store, seconds=timeout)
    pen = pen_for()
    env = dict(os.environ)

    async def work() -> int:
        done = 0
        if not as_json:
            pen.busy(lambda: f"{len(targets) - done} of {len(targets)} servers are being looked at")
        turn = asyncio.Semaphore(_AT_ONCE)

        async def one(target: Target) -> Examined:
            nonlocal done
            async with turn:
                found = await examine(target, options, env)
            done += 1
            return found

        try:
            examined = await asyncio.gather(*map(one, targets))
        finally:
            pen.busy(None)
        if not as_json:
            for number, each in enumerate(examined):
                if number:
                    pen.blank()
                show_report(pen, each.report)
        called = None
        if tool is not None:
            if not as_json and examined[0].standing.decision == "ask":
                pen.aside("The policy asks a person about this call: `upcall pending`, in another terminal.")
            if not as_json:
                pen.busy(lambda: f"{tool} is being called")
            try:
                called = await _call(examined[0], tool, words, env)
            finally:
                pen.busy(None)
            if not as_json:
                show_call(pen, called)
        fine = all(each.report.fine for each in examined) and (called is None or called.fine)
        if as_json:
            click.echo(_document(fine, examined, called))
        return 0 if fine else 1

    if targets:
        run(work)


def _is_word(text: str) -> bool:
    return "=" in text and not _is_url(text) and not Path(text).exists()


def _is_url(text: str) -> bool:
    return text.lower().startswith(("http://", "https://"))


def _targets(
    places: Sequence[str], command: tuple[str, ...] | None, name: str | None, header_env: Sequence[str]
) -> list[Target]:
    urls = [one for one in places if _is_url(one)]
    if header_env and not urls:
        raise click.UsageError("--header-env goes with a URL.")
    if command is not None or urls:
        if len(places) + (command is not None) != 1 or command == ():
            raise click.UsageError("Give files, or one URL, or a command after `--`.")
        if urls:
            headers = dict(header_from(variable) for variable in header_env)
            return [Target(name=name or name_of_url(urls[0]), url=urls[0], headers=headers)]
        return [Target(name=name or name_of_command(command or ()), argv=command or ())]
    if name is not None:
        raise click.UsageError("--name goes with a URL or a command; the servers of a file have names.")
    if places:
        return [target for place in places for target in targets_in(Path(place), os.environ)]
    found = [target for place in _known() for target in _found_in(place)]
    if not found:
        raise ConfigurationError(
            "No config file of a known client is here or in its usual place.",
            hint="Name one, or a URL, or a command: `upcall doctor -- COMMAND ARGS…`.",
        )
    return found


def _known() -> list[Path]:
    return list(dict.fromkeys(place for _, place in clients.known_places() if place.is_file()))


def _found_in(place: Path) -> list[Target]:
    """Of a file that nobody named: one without servers is none of ours, one that is broken is said."""
    try:
        return targets_in(place, os.environ)
    except ConfigurationError as error:
        if "names no MCP servers" not in error.message:
            click.echo(visible(str(error)), err=True)
        return []


def _chosen(targets: Sequence[Target], only: Sequence[str]) -> list[Target]:
    names = [name for target in targets for name in (target.entry, target.name)]
    for wanted in only:
        if wanted not in names:
            raise click.UsageError(visible(f"There is no server {wanted!r}.{nearest(wanted, names)}"))
    return [target for target in targets if {target.entry, target.name} & set(only)]


async def _call(examined: Examined, tool: str, words: list[Word], env: dict[str, str]) -> Called:
    """The call, once it is known that the server has the tool and that it takes these arguments."""
    tools = {one["name"]: one for one in examined.tools}
    if tool not in tools:
        listed = ", ".join(tools) or "none"
        raise WrongCall(visible(f"It has no tool {tool!r}.{nearest(tool, tools)} Its tools: {listed}."))
    arguments = fit(tools[tool], words, {})
    if examined.standing.settings is None:
        raise ConfigurationError("No policy can hold, so nothing was called.")
    return await call_through(examined, tool, arguments, env, _CALL_SECONDS)


def _document(fine: bool, examined: Sequence[Examined], called: Called | None) -> str:
    servers: list[Any] = [{"fine": one.report.fine, **msgspec.to_builtins(one.report)} for one in examined]
    document = {"fine": fine, "servers": servers, "call": None if called is None else msgspec.to_builtins(called)}
    return json.dumps(document, indent=2, ensure_ascii=True)
