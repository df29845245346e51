"""Which policy a command goes by."""

from __future__ import annotations

from pathlib import Path

import click

from upcall.errors import ConfigurationError
from upcall.host.policy import Policy, PolicyFile, find_policy, load_policy

__all__ = ["followed", "policy_option", "policy_to_use"]

policy_option = click.option(
    "--policy", "file", type=click.Path(path_type=Path), help="This file instead of the one that holds here."
)


def policy_to_use(named: Path | None) -> Policy:
    """The policy in the file that was named, else the one that holds here.

    Raises:
        ConfigurationError: It has a problem; or it is a project's and is not trusted.
    """
    return load_policy(find_policy(), found=True) if named is None else load_policy(named)


def followed(named: str) -> PolicyFile:
    """The policy file that was named, its changes included; ``auto`` is the one that holds here.

    Raises:
        ConfigurationError: There is none, or it cannot be used.
    """
    if named != "auto":
        return PolicyFile(Path(named))
    path = find_policy()
    if path is None:
        raise ConfigurationError("There is no policy file.", hint="`upcall init` writes one.")
    return PolicyFile(path, found=True)
