"""Stages *scan* and *scan reply*: what should not pass unseen is flagged, and secrets are taken out of prompts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from upcall.errors import SamplingRefused
from upcall.host.engine.exchange import Exchange
from upcall.host.engine.stage import Rest, Stage, Steps
from upcall.host.records import Ruling
from upcall.host.scanning import redact, scan_reply, scan_request
from upcall.models import Adjustment

if TYPE_CHECKING:
    from upcall.host.policy import Rules
    from upcall.host.scanning import Flag

__all__ = ["scanning", "scanning_reply"]


def scanning(rules: Rules) -> Stage:
    """A stage that scans the request. Its flags make the policy's decision stricter, never more lenient."""

    def scan(exchange: Exchange, rest: Rest) -> Steps[None]:
        flags = scan_request(exchange.request)
        exchange.flags = tuple(flags)
        if rules.redact:
            exchange.request, secrets = redact(exchange.request)
            exchange.adjustments.extend(_redactions(secrets))
        _judge(exchange, flags, rules, "The request is refused for what it contains.")
        yield from rest()

    return scan


def scanning_reply(rules: Rules) -> Stage:
    """A stage that scans the answer, with the same consequences. It is not redacted: it is the server's."""

    def scan(exchange: Exchange, rest: Rest) -> Steps[None]:
        yield from rest()
        flags = scan_reply(exchange.completion.result)
        exchange.flags += tuple(flags)
        _judge(exchange, flags, rules, "The answer is withheld for what it contains.")

    return scan


def _judge(exchange: Exchange, flags: Sequence[Flag], rules: Rules, refusal: str) -> None:
    """Refuse, or have a person asked, where the policy says so. A flag that it does not know counts as ``ask``."""
    kinds = list(dict.fromkeys(flag.kind for flag in flags))
    if denied := [kind for kind in kinds if rules.scan.get(kind, "ask") == "deny"]:
        exchange.ruling = Ruling(decision="deny", by=_named(denied, rules))
        found = "; ".join(f"{flag.rule} at {flag.path}: {flag.excerpt}" for flag in flags if flag.kind in denied)
        key = f"scan.{denied[0]}"
        raise SamplingRefused(refusal, detail=f"{found}. {rules.remedy(key, 'change')}")
    if asked := [kind for kind in kinds if rules.scan.get(kind, "ask") == "ask"]:
        noticed = f"Scanning has noticed {_named(asked, rules)}."
        exchange.due = f"{exchange.due} {noticed}" if exchange.due else noticed


def _named(kinds: Iterable[str], rules: Rules) -> str:
    return ", ".join(f"{kind} ({rules.origins.get(f'scan.{kind}', 'not in the policy')})" for kind in kinds)


def _redactions(secrets: Sequence[Flag]) -> list[Adjustment]:
    """One for each text that was changed."""
    return [
        Adjustment(field=path, action="redacted", reason=f"Secrets were taken out: {', '.join(rules)}.")
        for path, rules in _by_path(secrets).items()
    ]


def _by_path(secrets: Sequence[Flag]) -> dict[str, dict[str, None]]:
    found: dict[str, dict[str, None]] = {}
    for flag in secrets:
        found.setdefault(flag.path, {})[flag.rule] = None
    return found
