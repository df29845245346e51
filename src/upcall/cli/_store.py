"""What the commands on the record share: which store, which records, and who sits here."""

from __future__ import annotations

import getpass
from collections.abc import Callable
from typing import Any, TypeVar

import click

from upcall.cli._clock import Clock
from upcall.store import Filter, Store, default_location, file_of, open_store
from upcall.wire import visible

__all__ = ["by_me", "filter_of", "filtered", "opened", "own_store_option", "store_option"]

F = TypeVar("F", bound=Callable[..., Any])

store_option = click.option(
    "--store",
    "url",
    envvar="UPCALL_STORE",
    show_envvar=True,
    metavar="URL",
    help="A file, or postgresql://…; the one of the policy unless given, else the one in your folder for state.",
)

own_store_option = click.option("--store", "own", metavar="URL", help="As for the command above this one.")


def filtered(command: F) -> F:
    """The options that say which records, for `filter_of`."""
    options = [
        click.option("--server", metavar="NAME", help="Your name for the server."),
        click.option("--model", metavar="MODEL", help="The model that answered, or was to."),
        click.option("--outcome", metavar="NAME", help="`answered`, `cancelled`, `refused`, or another error's label."),
        click.option("--since", metavar="WHEN", help="30m, 2h, 7d, 2w ago; or a date, or a moment."),
        click.option("--until", metavar="WHEN", help="Started before then."),
        click.option("--text", metavar="TEXT", help="Somewhere in prompt, reply, names, or the error's message."),
    ]
    for option in reversed(options):
        command = option(command)
    return command


def filter_of(clock: Clock, given: dict[str, Any]) -> Filter:
    """The filter that the options of `filtered` say."""
    since, until = given.get("since"), given.get("until")
    return Filter(
        server=given.get("server"),
        model=given.get("model"),
        outcome=given.get("outcome"),
        text=given.get("text"),
        since=clock.read(since) if since else None,
        until=clock.read(until) if until else None,
    )


def opened(url: str | None) -> Store:
    """The store that is meant; to be entered.

    Raises:
        ConfigurationError: The address, or the policy, is wrong.
        click.ClickException: There is none yet.
    """
    place = url or _of_policy() or default_location()
    file = file_of(place)
    if file is not None and not file.exists():
        raise click.ClickException(f"Nothing is recorded yet: there is no {visible(str(file))}.")
    return open_store(place)


def by_me() -> str:
    """Who sits here, for the record."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "command line"


def _of_policy() -> str | None:
    from msgspec import UNSET

    from upcall.cli._policy import policy_to_use

    url = policy_to_use(None).store.url
    return None if url is UNSET else str(url)
