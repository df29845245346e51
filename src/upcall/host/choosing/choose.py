"""`choose`: which of the allowed models answers, and why. Pure: no clock, no file, no model."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal, TypeAlias

import msgspec

from upcall.errors import ConfigurationError
from upcall.host.choosing.families import Families, plain_name
from upcall.host.choosing.scores import Candidate, Considered, considered, has_priorities
from upcall.wire import ModelPreferences, visible

__all__ = ["Choice", "Reason", "choose"]

Reason: TypeAlias = Literal["hint", "own family", "family", "equivalent", "priorities", "default", "first"]
"""What decided: a hint (in the name; by the operator's table; by the family; by a family of the same tier), the
priorities, the default, or, where the default is not allowed, that it stands first."""

_SHOWN_HINT = 80
_SHOWN_HINTS = 20
_RELEASE = re.compile(r"(?:-20\d\d-?[01]\d-?[0-3]\d|[-:]latest)$")
_NO_WISHES = ModelPreferences()


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """The model that answers, and how it came to that."""

    model: str
    reason: Reason
    considered: tuple[Considered, ...]
    """All that were allowed, the chosen one first, then in the order in which they would have followed."""
    steps: tuple[str, ...]
    """What was done, one sentence each, for people. Hostile text in hints is made visible."""


class _Wish(msgspec.Struct, frozen=True):
    models: frozenset[str]
    reason: Reason
    step: str


def choose(
    preferences: ModelPreferences | None, allowed: Sequence[Candidate], default: str, families: Families
) -> Choice:
    """Choose the model for a request.

    1. Each hint in its order: an allowed model of that very name; one whose name has the hint in it (without
       the date of a release, where it has one), whatever the case; one that the operator has answer to it; one of the
       same family. The first hint that finds any decides.
    2. Where none did, each hint in its order again: models of other families of the same tier.
    3. Where that leaves several models, or no hint found any: the best by the priorities, as weights of the scores.
    4. Without priorities, and between equals: the default, or the first in the order of ``allowed``.

    Source: 2025-11-25 and 2026-07-28, client/sampling, "Model Preferences"; the schema's ``ModelPreferences.hints``.

    Args:
        preferences: What the asker would like, if anything. Advice: it never leads outside ``allowed``.
        allowed: The models that may answer, in the operator's order.
        default: The model for requests without wishes.
        families: Which models stand in for each other.

    Raises:
        ConfigurationError: No model is allowed.
    """
    if not allowed:
        raise ConfigurationError("No model is allowed to answer.", hint="Allow at least one model.")
    wishes = preferences or _NO_WISHES
    order: dict[str, int] = {}
    for number, one in enumerate(allowed):
        order.setdefault(one.model, number)
    wish, steps = _hinted(wishes, list(order), families)
    rows = [
        considered(one, wishes, families, wished=wish is None or one.model in wish.models)
        for number, one in enumerate(allowed)
        if order[one.model] == number
    ]
    rows.sort(key=lambda row: (not row.wished, -(row.total or 0.0), row.model != default, order[row.model]))
    chosen = rows[0].model
    rivals = [row for row in rows if row.wished]
    if len(rivals) > 1 and has_priorities(wishes):
        steps.append(_weighing(wishes, rivals))
    elif len(rivals) > 1:
        steps.append(_falling_back(chosen, default))
    reason: Reason = wish.reason if wish is not None else _without_hint(wishes, chosen, default)
    steps.append(f"So {chosen} answers.")
    return Choice(model=chosen, reason=reason, considered=tuple(rows), steps=tuple(steps))


def _without_hint(wishes: ModelPreferences, chosen: str, default: str) -> Reason:
    if has_priorities(wishes):
        return "priorities"
    return "default" if chosen == default else "first"


def _hinted(wishes: ModelPreferences, models: list[str], families: Families) -> tuple[_Wish | None, list[str]]:
    hints = [hint.name.strip() for hint in wishes.hints if hint.name and hint.name.strip()]
    if not hints:
        return None, ["The request has no hints."]
    steps = []
    for find in (_named, _equivalent):
        for hint in hints:
            if wish := find(hint, models, families):
                return wish, [*_missed(hints, hint, find is _equivalent), wish.step]
    steps = _missed(hints, None, True)
    return None, steps


def _named(hint: str, models: list[str], families: Families) -> _Wish | None:
    lowered = hint.lower()
    for wanted in dict.fromkeys((lowered, _RELEASE.sub("", lowered))):
        if found := [model for model in models if wanted in (name := plain_name(model), name.partition("/")[2])]:
            return _wish(found, "hint", hint, "is the name of")
        if found := [model for model in models if wanted in plain_name(model)]:
            return _wish(found, "hint", hint, "is in the name of")
    if found := families.answering_to(hint, models):
        return _wish(found, "own family", hint, "is answered, by the operator's families, by")
    family = families.family_of(hint)
    if family and (found := [model for model in models if families.family_of(model) == family]):
        return _wish(found, "family", hint, f"is of the family {family.name}, as")
    return None


def _equivalent(hint: str, models: list[str], families: Families) -> _Wish | None:
    family = families.family_of(hint)
    if family is None:
        return None
    found = [model for model in models if (other := families.family_of(model)) and other.tier == family.tier]
    return (
        _wish(found, "equivalent", hint, f"({family.name}) has its equivalent of tier {family.tier!r} in")
        if found
        else None
    )


def _wish(models: list[str], reason: Reason, hint: str, how: str) -> _Wish:
    return _Wish(frozenset(models), reason, f"The hint {_quoted(hint)} {how} {_listed(models)}.")


def _missed(hints: list[str], until: str | None, mapped: bool) -> list[str]:
    """What is said of the hints before the one that decided; of all of them when every one was tried by name."""
    missed = hints if mapped or until is None else hints[: hints.index(until)]
    if not missed:
        return []
    shown = ", ".join(map(_quoted, missed[:_SHOWN_HINTS]))
    more = f" and {len(missed) - _SHOWN_HINTS:,} more" if len(missed) > _SHOWN_HINTS else ""
    return [f"No allowed model is meant by {shown}{more}."]


def _weighing(wishes: ModelPreferences, rivals: list[Considered]) -> str:
    priorities = (
        ("cost", wishes.cost_priority),
        ("speed", wishes.speed_priority),
        ("intelligence", wishes.intelligence_priority),
    )
    weights = ", ".join(f"{name} {weight:g}" for name, weight in priorities if weight)
    totals = ", ".join(f"{row.model} {row.total:.2f}" for row in rivals)
    in_doubt = [
        f"{name} of {row.model}" for name, weight in priorities if weight for row in rivals if name in row.unknown
    ]
    doubts = f" Unknown, and taken as the middle: {', '.join(in_doubt)}." if in_doubt else ""
    return f"By the priorities ({weights}): {totals}.{doubts}"


def _falling_back(chosen: str, default: str) -> str:
    if chosen == default:
        return f"The request has no priorities; {default} is the default."
    return f"The request has no priorities, and the default, {default}, is not among them; {chosen} stands first."


def _listed(models: list[str]) -> str:
    return ", ".join(models)


def _quoted(hint: str) -> str:
    return f"“{visible(hint if len(hint) <= _SHOWN_HINT else hint[:_SHOWN_HINT] + '…')}”"
