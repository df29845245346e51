"""What the policy says about a server, and what is missing here before it can be done."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import cast, get_args

import msgspec
from msgspec import UNSET

from upcall.errors import ConfigurationError, UpcallError
from upcall.gateway.examining._findings import Finding, Options
from upcall.gateway.examining._store import Recorded
from upcall.gateway.examining._targets import Target
from upcall.gateway.session.terms import Protocol
from upcall.gateway.settings import Settings, read_settings
from upcall.host.choosing import candidate, choose
from upcall.host.governance import Governance, programs, without_credentials
from upcall.host.policy import Rules, find_policy, is_pattern, load_policy
from upcall.models.catalog import load_model, why_unusable
from upcall.store import Limit, Spent, state_folder
from upcall.wire import LATEST_LEGACY

__all__ = ["Standing", "on_store", "standing_of"]


class Standing(msgspec.Struct, kw_only=True):
    """How it stands with a server, as far as files say."""

    findings: list[Finding]
    decision: str = ""
    model: str = ""
    limits: list[Limit] = []
    """Budgets that a call of this model would be booked on."""
    store: str | Path = ""
    settings: Settings | None = None
    """What a gateway in front of it would go by; ``None`` when it could not start to answer."""


def standing_of(target: Target, options: Options, env: Mapping[str, str]) -> Standing:
    """How it stands with ``target``.

    Args:
        target: The server.
        options: What the command line says before the config.
        env: The environment that the gateway would have.
    """
    found = Standing(findings=[])
    behind = target.behind
    named = options.policy or (behind and behind.policy)
    try:
        path = Path(named).expanduser() if named else find_policy(target.cwd, env)
        settings = _settings(path, env)
        rules = settings.current.rules_for(target.name)
        settings = msgspec.structs.replace(
            settings,
            model=options.model or (behind.model if behind is not None else None),
            store=_store(target, options, settings, env),
            protocol=_protocol(target),
        )
    except UpcallError as error:
        why = f"{error.message} {_first_line(error.detail)}".strip()
        found.findings.append(Finding("missing", "policy", f"No policy can hold: {why}", error.hint))
        return found
    found.settings, found.decision, found.store = settings, rules.decision, settings.store  # type: ignore[assignment]
    found.findings += _on_decision(rules, path, (behind and behind.answers) or rules.sampling)
    found.findings += _on_protocol(rules, settings)
    found.findings += _on_model(found, rules, settings, target.name, env)
    found.findings.append(_on_limits(rules))
    found.findings += _on_people(rules, settings)
    return found


def on_store(standing: Standing, recorded: Recorded) -> Iterator[Finding]:
    """What there is to say about the record and the budgets in it."""
    if recorded.trouble:
        text = f"The record {recorded.place} cannot be used: {recorded.trouble}"
        yield Finding("missing", "store", text, recorded.remedy)
        return
    kept = f"record {recorded.place}"
    yield Finding("ok", "store", kept if recorded.exists else f"{kept}, which the first request makes")
    spent = {(one.key, one.window): one for one in recorded.spent}
    for limit in standing.limits:
        yield _on_budget(limit, spent.get((limit.key, limit.window)))


def _settings(path: Path | None, env: Mapping[str, str]) -> Settings:
    if path is not None:
        return read_settings(policy=path, env=env)
    return Settings(policy=load_policy(None), keys=(secrets.token_bytes(32),))


def _store(target: Target, options: Options, settings: Settings, env: Mapping[str, str]) -> str | Path:
    named = settings.current.store.url
    behind = target.behind.store if target.behind is not None else None
    policy = None if named is UNSET else str(named)
    return options.store or behind or policy or env.get("UPCALL_STORE") or state_folder() / "upcall.db"


def _protocol(target: Target) -> Protocol | None:
    said = target.behind.protocol if target.behind is not None else None
    return cast("Protocol", said) if said in get_args(Protocol) else None  # the gateway itself refuses any other


def _on_protocol(rules: Rules, settings: Settings) -> Iterator[Finding]:
    if (settings.protocol or rules.protocol) == "legacy":
        where = "--protocol" if settings.protocol else f"{rules.origin('protocol')}"
        yield Finding("info", "protocol", f"the gateway holds it at {LATEST_LEGACY} or earlier ({where})")


def _on_decision(rules: Rules, path: Path | None, answers: str) -> Iterator[Finding]:
    place = f"policy {path}" if path is not None else "no policy file, so the built-in defaults hold"
    if rules.decision == "deny":
        where = f"{rules.origin('decision')}"
        text = f"{place}: deny ({where}). The gateway declares no sampling for {rules.server}."
        yield Finding("missing", "policy", text, rules.remedy("decision", "change"))
    else:
        told = {"ask": "ask a person", "allow": "allow"}[rules.decision]
        yield Finding("ok", "policy", f"{place}: {told} ({rules.origin('decision')})")
    if answers == "client":
        text = 'sampling = "client": the gateway leaves it to the client alone.'
        yield Finding("note", "policy", text, 'Set "prefer-client" where the client cannot sample.')


def _on_model(
    found: Standing, rules: Rules, settings: Settings, server: str, env: Mapping[str, str]
) -> Iterator[Finding]:
    policy = settings.current
    commands = programs(policy)
    try:
        own = load_model(settings.model, commands=commands) if settings.model is not None else None
        governance = Governance(policy, own, timeout=None, has_store=True)
        strings = governance.candidates(server)
        shown = governance.rules_for(server)
        fallback = shown.model or (strings[0] if strings else "")
        if strings:
            candidates = [candidate(one, governance.price_of) for one in strings]
            found.model = choose(None, candidates, fallback, governance.families).model
    except ConfigurationError as error:
        yield Finding("missing", "model", without_credentials(error.message), without_credentials(error.hint))
        return
    found.limits = [
        limit
        for budget in shown.budgets
        if (limit := budget.limit(server=server, model=found.model or None)) is not None
    ]
    if not strings:
        if any(map(is_pattern, rules.models)):
            text = f"No model answers by itself: the policy names only patterns ({', '.join(shown.models)})."
        else:
            text = "No model answers: the policy names none."
        remedy = f"Name one: models = [...] in {policy.file}." if policy.file else "`upcall init` writes a policy."
        yield Finding("missing", "model", text, remedy)
        return
    written = {without_credentials(one): one for one in (*rules.models, str(settings.model))}
    for model in (found.model, *(one for one in strings if one != found.model)):
        trouble = _trouble(written.get(model, model), commands, env)
        if trouble is None:
            yield Finding("ok", "model", f"{model} {'answers' if model == found.model else 'may answer, too'}")
        elif model == found.model:
            yield Finding("missing", "model", f"{model} would answer, and cannot be used here.", trouble)
        else:
            yield Finding("note", "model", f"{model} may answer, too, and cannot be used here.", trouble)


def _trouble(model: str, commands: object, env: Mapping[str, str]) -> str | None:
    try:
        trouble = why_unusable(model, commands=commands)  # type: ignore[arg-type]
    except ConfigurationError as error:
        return without_credentials(str(error))
    for variable in env:
        if trouble == f"{variable} is not set." and env[variable] and variable not in os.environ:
            return None  # the client sets it for the gateway
    return trouble


def _on_limits(rules: Rules) -> Finding:
    limits = rules.limits
    told = [
        f"{number:,} {unit}"
        for number, unit in (
            (limits.max_tokens, "tokens per answer"),
            (limits.per_minute, "requests a minute"),
            (limits.samples_per_call, "per call"),
            (limits.concurrent, "at once"),
        )
        if number is not None
    ]
    return Finding("ok", "limits", f"limits: {', '.join(told) or 'none'}{'' if rules.tools else '; no tools'}")


def _on_people(rules: Rules, settings: Settings) -> Iterator[Finding]:
    if rules.decision != "ask":
        return
    wait = f"`upcall pending`, within {rules.deadline:g} s"
    match settings.current.approval.by:
        case "none":
            text = 'A person is to be asked, and approval.by = "none": every request is refused.'
            yield Finding("missing", "approval", text, 'Set approval.by to "store", or decision to "allow".')
        case "store":
            yield Finding("ok", "approval", f"a person decides with {wait}")
        case _:
            yield Finding(
                "ok", "approval", f"a person is asked by the client, where it has elicitation; else by {wait}"
            )


def _on_budget(limit: Limit, spent: Spent | None) -> Finding:
    parts, empty = [], False
    for measure, unit in (("calls", "calls"), ("tokens", "tokens"), ("micro_usd", "USD")):
        allowed = getattr(limit, measure)
        if allowed is None:
            continue
        used = getattr(spent.settled, measure) + getattr(spent.reserved, measure) if spent is not None else 0
        left = max(allowed - used, 0)
        empty = empty or left == 0
        parts.append(
            f"{left / 1e6:.2f} of {allowed / 1e6:.2f} {unit}"
            if measure == "micro_usd"
            else f"{left:,} of {allowed:,} {unit}"
        )
    span = "in all" if limit.window == "ever" else f"this {limit.window}"
    text = f"budget {limit.key}: {', '.join(parts)} left {span}"
    if not empty:
        return Finding("ok", "budget", text)
    until = f" It is new at {spent.resets_at:%Y-%m-%d %H:%M} UTC." if spent is not None and spent.resets_at else ""
    return Finding("missing", "budget", text, f"Raise it in the policy, or wait.{until}")


def _first_line(text: str) -> str:
    return text.partition("\n")[0]
