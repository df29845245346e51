"""`upcall call`: one call of a server's tool, from a client that answers sampling."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import IO, Any

import click
from click.core import ParameterSource

from upcall.cli import _console
from upcall.cli._arguments import Word, WrongCall, fit, nearest, read_words
from upcall.cli._journal import Journal
from upcall.cli._models import model_named, notice_for, own_model
from upcall.cli._patient import Patient
from upcall.cli._pen import Pen, pen_for
from upcall.cli._run import run
from upcall.cli._talk import EraChoice, Talk, talk_to
from upcall.cli._target import read_target
from upcall.cli._transcript import Result, Transcript
from upcall.cli._watcher import Sample, Watcher
from upcall.errors import UpcallError
from upcall.wire import visible

__all__ = ["call"]


@click.command(no_args_is_help=True)
@click.argument("server")
@click.argument("tool", required=False)
@click.argument("arguments", nargs=-1, metavar="[KEY=VALUE]...")
@click.option("--list", "only_list", is_flag=True, help="List the server's tools with their parameters.")
@click.option(
    "--model",
    default="local/smollm2",
    show_default=True,
    envvar="UPCALL_MODEL",
    show_envvar=True,
    metavar="MODEL",
    help="Who answers the server's sampling requests, see `upcall model list`; "
    "`none` calls as a client that cannot sample.",
)
@click.option(
    "--policy",
    "policy_name",
    metavar="FILE",
    help="Answer as this policy file says: within its limits and budgets, asking where it asks, with a record. "
    "`auto` is the policy that holds here.",
)
@click.option("--as", "server_name", metavar="NAME", help="Your name for the server, for the policy and the record.")
@click.option(
    "--era",
    type=click.Choice(["auto", "legacy", "modern"]),
    default="auto",
    show_default=True,
    help="Revision of the protocol: the latest that the server speaks, up to 2025-11-25, or 2026-07-28 and later.",
)
@click.option(
    "--input", "given", type=click.File("rb"), metavar="FILE", help="A JSON object of arguments; `-` is stdin."
)
@click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    metavar="SECONDS",
    help="Give up after so long; without it, wait.",
)
@click.option("--header", "headers", multiple=True, metavar="'NAME: VALUE'", help="Sent to a URL; repeat for more.")
@click.option(
    "--env",
    "variables",
    multiple=True,
    metavar="NAME[=VALUE]",
    help="For a command, which inherits your environment but for the model's keys; repeat for more.",
)
@click.option("--full", is_flag=True, help="Show long prompts and arguments whole.")
@click.option("-q", "--quiet", is_flag=True, help="Print the tool's result only.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document: result, sampling requests, replies, usage.")
def call(
    server: str,
    tool: str | None,
    arguments: tuple[str, ...],
    only_list: bool,
    model: str,
    policy_name: str | None,
    server_name: str | None,
    era: EraChoice,
    given: IO[bytes] | None,
    timeout: float | None,
    headers: tuple[str, ...],
    variables: tuple[str, ...],
    full: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """Call a tool of an MCP server, and answer its sampling requests.

    SERVER is a command line in quotes, or a URL. Without TOOL its tools are listed. Every step is shown as it happens;
    `upcall --verbose call …` also shows what the libraries log, and the whole story of a failure.

    \b
    Arguments:
      key=value      number, boolean, JSON or text, as the tool's schema says
      key:='[1, 2]'  JSON
      key=@file      the text of a file; @- is stdin, @@ is an @

    \b
    Examples:
      upcall call 'python server.py'
      upcall call 'python server.py' summarize text=@report.txt
      upcall call http://localhost:8000/mcp create_blog title=Tea content='On tea' --era modern
      upcall call 'uvx some-server' explain line='deadlock detected' --model anthropic/claude-sonnet-5
      upcall call 'uvx some-server' explain line='deadlock detected' --policy auto --as logs

    \b
    Exit codes:
      0    the tool's result was printed
      1    the tool answered with an error
      2    used wrongly: no such tool, wrong arguments
      3    no connection, the server failed, or --timeout is over
      4    a sampling request failed or was refused
      130  interrupted
    """
    if as_json and quiet:
        raise click.UsageError("--json and --quiet exclude each other.")
    target = read_target(server, headers=headers, env=variables)
    words, base = read_words(arguments), _object(given)
    wanted = None if only_list else tool
    name = server_name or target.shown
    policy = None
    if policy_name is not None:
        from upcall.cli._policy import followed

        policy = followed(policy_name)
    if policy is None:
        answering = model_named(model, ready=wanted is not None)
        title = answering.name if answering is not None else model
    else:
        answering, title = own_model(_given("model", model), policy.current(), name), "the model"
    pen, journal = pen_for(), Journal()
    watcher: Watcher = journal if as_json else Result() if quiet else Transcript(pen, model=title, full=full)
    approve = None
    asking = policy.current().approval.by if policy is not None else ""
    if asking == "terminal":
        from upcall.host.approval import TerminalApprover

        watcher = patient = Patient(watcher, pen)
        approve = TerminalApprover(around=patient.question)
    elif asking == "store" and not (quiet or as_json):
        _console.note("Questions of the policy wait for whoever runs `upcall pending`.")

    async def work() -> int:
        samples: list[Sample] = []
        try:
            async with talk_to(
                target,
                model=answering,
                era=era,
                watcher=watcher,
                timeout=timeout,
                policy=policy,
                approve=approve,
                name=name,
            ) as talk:
                samples = talk.samples
                if wanted is not None:
                    return await _call(talk, wanted, words, base)
                watcher.listed(await talk.tools())
                return 0
        except (UpcallError, click.ClickException) as error:
            journal.broke(error)
            raise
        finally:
            pen.busy(None)
            if as_json:
                click.echo(journal.document())
            if notice := notice_for(samples):
                _remark(notice, None if as_json or quiet else pen)

    run(work)


def _given(option: str, value: str) -> str | None:
    """``value``, unless it is the default."""
    source = click.get_current_context().get_parameter_source(option)
    return None if source is ParameterSource.DEFAULT else value


async def _call(talk: Talk, tool: str, words: list[Word], base: Mapping[str, Any]) -> int:
    """Call ``tool``, once it is known to be there and to take these arguments; gives back the exit code."""
    tools = {one["name"]: one for one in await talk.tools()}
    if tool not in tools:
        listed = "".join(f"\n  {name}" for name in tools) or "\n  none"
        who = talk.peer.name
        raise WrongCall(visible(f"{who} has no tool {tool!r}.{nearest(tool, tools)}\n\nTools of {who}:{listed}"))
    if await talk.call(tool, fit(tools[tool], words, base)):
        return 0
    return 4 if talk.failed else 1


def _object(given: IO[bytes] | None) -> dict[str, Any]:
    if given is None:
        return {}
    try:
        value = json.load(given)
    except ValueError as error:
        raise click.UsageError(f"--input is no JSON ({error}).") from None
    if not isinstance(value, dict):
        raise click.UsageError("--input takes a JSON object: a name and a value for each argument.")
    return value


def _remark(text: str, pen: Pen | None) -> None:
    if pen is None:
        _console.note(text)
    else:
        pen.blank()
        pen.aside(text)
