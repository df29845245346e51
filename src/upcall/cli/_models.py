"""The model that a command answers with, from ``--model``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import click

from upcall.cli._watcher import Sample
from upcall.errors import ConfigurationError, ModelUnavailable
from upcall.models import Model
from upcall.models.catalog import load_model, why_unusable
from upcall.models.embedded import NOTICE, SMOLLM2

if TYPE_CHECKING:
    from upcall.host.policy import Policy

__all__ = ["EMBEDDED", "model_named", "notice_for", "own_model"]

EMBEDDED = f"local/{SMOLLM2.name}"


def model_named(spec: str, *, ready: bool = True) -> Model | None:
    """The model behind ``--model``; ``None`` for ``none``.

    Args:
        spec: A model string.
        ready: Insist that nothing is missing that it needs, so that no tool is called in vain.

    Raises:
        click.BadParameter: There is no such model string.
        ModelUnavailable: Its weights, its key or its extra is missing.
    """
    if spec == "none":
        return None
    try:
        model, trouble = load_model(spec), why_unusable(spec)
    except ConfigurationError as error:
        raise click.BadParameter(str(error), param_hint="--model") from error
    if ready and trouble:
        raise ModelUnavailable(f"{model.name} cannot answer here.", hint=trouble)
    return model


def own_model(given: str | None, policy: Policy, server: str) -> Model | None:
    """The model that the program brings beside those of ``policy``: the one that was given; else the embedded one
    where the policy names none for ``server``, and none where it does.

    Args:
        given: A model string.
        policy: What holds.
        server: Our name for the server.

    Raises:
        click.BadParameter: There is no such model string.
    """
    from upcall.host.governance import programs

    spec = given or (None if policy.rules_for(server).models else EMBEDDED)
    if spec == "none":
        raise click.BadParameter("With a policy, `none` is for the policy to say.", param_hint="--model")
    try:
        return None if spec is None else load_model(spec, commands=programs(policy))
    except ConfigurationError as error:
        raise click.BadParameter(str(error), param_hint="--model") from error


def notice_for(samples: Iterable[Sample]) -> str:
    """What a person must know about the models that answered: that the embedded one is very small."""
    used = {sample.entry.model_used for sample in samples if sample.entry is not None}
    return NOTICE if EMBEDDED in used else ""
