"""`upcall policy`: is the policy file right, and what does it say about a server."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import click
import msgspec

from upcall.cli import _console
from upcall.cli._policy import policy_option, policy_to_use
from upcall.cli._requests import read_request
from upcall.errors import ConfigurationError
from upcall.host.explaining import Explanation, explain
from upcall.host.governance import programs
from upcall.host.policy import (
    Policy,
    advice_on,
    check_policy,
    distrust,
    is_pattern,
    is_trusted,
    locate_policy,
    needs_trust,
    read_policy_text,
    trust,
)
from upcall.host.scanning import scan_request
from upcall.models.catalog import why_unusable
from upcall.wire import visible

__all__ = ["policy"]

_COMMAND = "command/"


@click.group()
def policy() -> None:
    """Check the policy file; explain what it says; trust it.

    \b
    The file is upcall.toml: what UPCALL_POLICY names, else the project's (here or above), else the user's own.
    `upcall init` writes one. One of a project holds only when you trust it.
    """


@policy.command()
@click.argument("file", required=False, type=click.Path(path_type=Path))
def check(file: Path | None) -> None:
    """Say whether FILE, or the policy file that holds here, is right.

    Every problem is one line with its place; the exit code is then 1.

    \b
    Examples:
      upcall policy check
      upcall policy check deploy/upcall.toml
    """
    path = _file(file)
    text = read_policy_text(path)
    _summarise(_checked(path, text))
    _console.note(f"{path} is right.")
    if file is None and needs_trust(path) and not is_trusted(path, text):
        _console.note("It does not hold yet: read it, and run `upcall policy trust`.")


@policy.command("trust")
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option("--revoke", is_flag=True, help="Take it back.")
def trust_command(file: Path | None, revoke: bool) -> None:
    """Let FILE, or the policy file of this project, hold where it is found.

    A project that somebody else wrote can bring a policy of its own: one that allows everything, or that names a
    program to run. So read it first. After each change of the file it has to be trusted again.

    \b
    Examples:
      upcall policy trust
      upcall policy trust work/upcall.toml
      upcall policy trust --revoke
    """
    path = _file(file)
    if revoke:
        was = distrust(path)
        _console.note(f"{path} is {'no longer' if was else 'not'} trusted.")
        return
    text = read_policy_text(path)
    good = _checked(path, text)
    _summarise(good)
    for name, command in good.commands.items():
        _console.note(visible(f"Note: it names a program, {_COMMAND}{name}: {shlex.join(command.argv)}"))
    trust(path, text)
    _console.note(f"{path} is trusted as it is now.")


@policy.command("explain")
@click.option("--server", required=True, metavar="NAME", help="The server, by the name under which it is configured.")
@policy_option
@click.option("--json", "as_json", is_flag=True, help="One JSON object, for programs.")
@click.argument("request_file", required=False, metavar="[REQUEST]", type=click.File("rb"))
def explain_command(server: str, file: Path | None, as_json: bool, request_file: IO[bytes] | None) -> None:
    """Say what the policy comes to for a server, and which rule says so.

    REQUEST is a JSON file with the parameters of a sampling request, or with the whole request ("-" for standard
    input). Then it is held against the limits and scanned, and the first line tells what happens to it.

    \b
    Examples:
      upcall policy explain --server logs
      upcall policy explain --server logs request.json
      upcall policy explain --server logs --json | jq -r .outcome
    """
    request = None if request_file is None else read_request(request_file.read(), "REQUEST")
    flags = dict.fromkeys(flag.kind for flag in scan_request(request)) if request is not None else ()
    explanation = explain(policy_to_use(file), server, request, flags=flags)
    if as_json:
        click.echo(json.dumps(msgspec.to_builtins(explanation), indent=2, ensure_ascii=False))
    else:
        _show(explanation)


def _file(named: Path | None) -> Path:
    path = named or locate_policy()
    if path is None:
        raise ConfigurationError("There is no policy file.", hint="`upcall init` writes one.")
    return path


def _checked(path: Path, text: str) -> Policy:
    """The policy that ``text`` is, its doubts told; one with problems names them, and ends the command."""
    good, problems = check_policy(text, str(path))
    for problem in problems:
        place = f"{path}:{problem.line}" if problem.line is not None else str(path)
        click.echo(visible(f"{place}: {problem.message} {problem.hint}".rstrip()))
    if good is None:
        raise click.exceptions.Exit(1)
    for remark in (*advice_on(good), *_on_models(good)):
        _console.note(visible(f"Note: {remark}"))
    return good


def _summarise(good: Policy) -> None:
    rows = []
    for section, server in (("default", ""), *((f"server {name}", name) for name in good.servers)):
        rules = good.rules_for(server)
        most = rules.limits.max_tokens
        rows.append(
            (
                visible(section),
                rules.decision,
                visible(rules.model or "the program's"),
                "unlimited" if most is None else f"{most:,}",
                str(len(rules.budgets)),
            )
        )
    _console.table(("SECTION", "DECISION", "MODEL", "MAX TOKENS", "BUDGETS"), rows)


def _show(explanation: Explanation) -> None:
    deciding = explanation.decided_by
    click.echo(visible(f"{explanation.server}: {explanation.outcome} ({deciding.rule}, {deciding.origin})"))
    click.echo(visible(deciding.why) + "\n")
    rows = [(step.rule, step.outcome, step.why, str(step.origin)) for step in explanation.steps]
    _console.table(("RULE", "VALUE", "WHY", "FROM"), [[visible(cell) for cell in row] for row in rows])


def _on_models(good: Policy) -> Iterator[str]:
    """Which models of the policy cannot be used here now."""
    commands = programs(good)
    named = {model for server in ("", *good.servers) for model in good.rules_for(server).models}
    named |= {other for others in good.document.alternates.values() for other in others}
    named |= {f"{_COMMAND}{name}" for name in commands}
    for model in sorted(named):
        if is_pattern(model):
            continue
        try:
            trouble = why_unusable(model, commands=commands)
        except ConfigurationError as error:
            trouble = str(error)
        if trouble:
            yield f"{model} cannot be used here now. {trouble}"
