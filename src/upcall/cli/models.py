"""`upcall models`: which model answers a request, why, and what that can cost."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

import click
import msgspec

from upcall.cli import _console
from upcall.cli._models import EMBEDDED, own_model
from upcall.cli._policy import policy_option, policy_to_use
from upcall.cli._requests import read_request
from upcall.errors import ConfigurationError
from upcall.host.choosing import Candidate, Choice, candidate, choose
from upcall.host.governance import Governance, programs
from upcall.host.policy import is_pattern
from upcall.models import Model
from upcall.models.catalog import load_model, why_unusable
from upcall.models.command import CommandModel
from upcall.models.prices import Estimate, estimate, snapshot
from upcall.wire import visible

__all__ = ["models"]


@click.command()
@click.option("--for", "request_file", metavar="REQUEST", type=click.File("rb"), help="The request to choose for.")
@click.option(
    "--allowed", metavar="MODEL", multiple=True, help="Choose among these, not those of the policy; repeat it."
)
@click.option("--default", metavar="MODEL", help="The model for requests without wishes.")
@click.option("--server", metavar="NAME", default="", help="By the policy's rules for this server.")
@click.option(
    "--model",
    "own",
    metavar="MODEL",
    help=f"The model that the program brings, as `upcall call --model` does; {EMBEDDED} where the policy names none.",
)
@policy_option
@click.option("--json", "as_json", is_flag=True, help="One JSON object, for programs.")
def models(
    request_file: IO[bytes] | None,
    allowed: tuple[str, ...],
    default: str | None,
    server: str,
    own: str | None,
    file: Path | None,
    as_json: bool,
) -> None:
    """Show which model answers a request, why, and what it can cost.

    REQUEST is a JSON file with the parameters of a sampling request, or with the whole request ("-" for standard
    input); without one it is shown for a request that has no wishes. `upcall model list` lists what a model string
    can be.

    \b
    Examples:
      upcall models --for request.json
      upcall models --for request.json --server logs
      upcall models --for - --allowed anthropic/claude-sonnet-5 --allowed openai/gpt-5.4-mini < request.json
      upcall models --for request.json --json | jq -r .model
    """
    request = None if request_file is None else read_request(request_file.read(), "REQUEST")
    policy = policy_to_use(file)
    commands = programs(policy)
    governance = Governance(policy, own_model(own, policy, server), timeout=None, has_store=False)
    rules = governance.rules_for(server)
    strings = _checked("--allowed", allowed, commands) or governance.candidates(server)
    candidates = [candidate(one, governance.price_of) for one in strings]
    preferences = request.model_preferences if request is not None else None
    fallback = _checked("--default", [default], commands)[0] if default else rules.model or strings[0]
    choice = choose(preferences, candidates, fallback, governance.families)
    bounds = {one: estimate(one, request, governance.price_of) for one in strings} if request is not None else {}
    if as_json:
        click.echo(json.dumps(_as_json(choice, candidates, bounds), indent=2, ensure_ascii=False))
    else:
        _show(choice, candidates, bounds, hints=bool(preferences and preferences.hints))
        _remark(choice, commands, () if allowed else rules.models)


def _checked(option: str, strings: Sequence[str], commands: dict[str, CommandModel]) -> list[str]:
    """The strings as they are shown and recorded: without credentials in an address."""
    return list(dict.fromkeys(_loaded(option, one, commands).name for one in strings))


def _loaded(option: str, spec: str, commands: dict[str, CommandModel]) -> Model:
    try:
        return load_model(spec, commands=commands)
    except ConfigurationError as error:
        raise click.BadParameter(str(error), param_hint=option) from error


def _show(choice: Choice, candidates: Sequence[Candidate], bounds: dict[str, Estimate], *, hints: bool) -> None:
    click.echo(visible(f"{choice.model} ({choice.reason})"))
    for number, step in enumerate(choice.steps, 1):
        click.echo(visible(f"  {number}. {step}"))
    click.echo()
    prices = {one.model: one.usd_per_mtok for one in candidates}
    met = choice.reason not in ("priorities", "default", "first")
    columns = ["MODEL", "MEETS HINT", "SCORE", "CHEAP", "FAST", "ABLE", "USD PER MTOK", "AT MOST"]
    rows = [
        [
            visible(row.model),
            "" if not hints else "yes" if row.wished and met else "no",
            "" if row.total is None else f"{row.total:.2f}",
            *(
                "?" if name in row.unknown else f"{score:.2f}"
                for name, score in (("cost", row.cost), ("speed", row.speed), ("intelligence", row.intelligence))
            ),
            "?" if (price := prices[row.model]) is None else f"{price:.2f}",
            str(bounds[row.model].cost) if row.model in bounds else "",
        ]
        for row in choice.considered
    ]
    _console.table(columns, rows)


def _remark(choice: Choice, commands: dict[str, CommandModel], patterns: Sequence[str]) -> None:
    unlisted = [one for one in patterns if is_pattern(one)]
    if unlisted:
        _console.note(visible(f"{', '.join(unlisted)}: to see a model that fits, name it with --allowed."))
    try:
        trouble = why_unusable(choice.model, commands=commands)
    except ConfigurationError as error:
        trouble = str(error)
    if trouble:
        _console.note(visible(f"{choice.model} cannot be used here now. {trouble}"))
    _console.note(
        f"Prices: {snapshot()}, and the policy's own. USD PER MTOK is for three tokens of input to one of output."
    )


def _as_json(choice: Choice, candidates: Sequence[Candidate], bounds: dict[str, Estimate]) -> dict[str, Any]:
    prices = {one.model: one.usd_per_mtok for one in candidates}
    considered = []
    for row in choice.considered:
        bound = bounds.get(row.model)
        considered.append(
            {
                **msgspec.to_builtins(row),
                "usdPerMtok": prices[row.model],
                "atMost": bound
                and {
                    "inputTokens": bound.input_tokens,
                    "outputTokens": bound.output_tokens,
                    "microUsd": bound.cost.micro_usd,
                    "priceFrom": bound.cost.source,
                },
            }
        )
    return {
        "model": choice.model,
        "reason": choice.reason,
        "steps": list(choice.steps),
        "considered": considered,
        "prices": snapshot(),
    }
