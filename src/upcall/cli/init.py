"""`upcall init`: a policy file to begin with."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import click

from upcall.cli import _console
from upcall.errors import ConfigurationError
from upcall.host.policy import FILE_NAME, locate_policy, trust, user_policy_path
from upcall.models.catalog import why_unusable

__all__ = ["init"]

_MODELS = ("anthropic/claude-sonnet-5", "openai/gpt-5.4-mini", "local/smollm2")
"""The first of these that can be used here stands in the file."""


@click.command()
@click.option("--user", is_flag=True, help="Your own policy, for all projects that have none.")
@click.option("--force", is_flag=True, help="Replace a file that is there.")
def init(user: bool, force: bool) -> None:
    """Write a policy file to begin with, here or for the user.

    The file asks a person about everything, names every setting with its default, and is commented. It holds as it is
    written; when you have changed it, `upcall policy trust` lets the new words hold.

    \b
    Examples:
      upcall init              upcall.toml in this directory
      upcall init --user       upcall.toml in your configuration folder
    """
    path = user_policy_path() if user else Path.cwd() / FILE_NAME
    model = next((model for model in _MODELS if why_unusable(model) is None), None)
    text = _starter(model or _MODELS[-1])
    _write(path, text, force=force)
    if not user:
        trust(path, text)
    click.echo(str(path))
    if model is None:
        _console.note(f"No model can be used yet. {_MODELS[-1]}: {why_unusable(_MODELS[-1])}")
    holding = locate_policy()
    if holding is not None and not holding.samefile(path):
        _console.note(f"In this directory, another policy file comes first: {holding}")


def _starter(model: str) -> str:
    text = files("upcall.host.policy").joinpath("starter.toml").read_text(encoding="utf-8")
    return text.replace(_MODELS[-1], model)


def _write(path: Path, text: str, *, force: bool) -> None:
    if path.exists() and not force:
        raise ConfigurationError(f"There is a policy file already: {path}", hint="Edit it, or replace it with --force.")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"The policy file cannot be written: {error.strerror}.", detail=str(path)) from None
