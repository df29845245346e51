"""`explain`: what the policy says about a server, or about one request of it, and which rule says so."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal, TypeAlias

import msgspec

from upcall.errors import LimitExceeded
from upcall.host.limits import exceeded, media_in, prompt_chars
from upcall.host.policy.flags import FLAGS
from upcall.host.policy.origin import Origin
from upcall.host.policy.policy import Policy
from upcall.host.policy.rules import Budget, Rules
from upcall.host.policy.schema import UNLIMITED
from upcall.wire import SamplingRequest

__all__ = ["Explanation", "Outcome", "Step", "explain"]

Outcome: TypeAlias = Literal["allow", "ask", "deny", "refused"]
"""``refused``: beyond a limit, before anybody decides."""

_DECISIONS = {
    "ask": "A person is asked before a model sees the request.",
    "allow": "Nobody is asked, unless a flag says so.",
    "deny": "No request of this server is answered.",
}
_SAMPLING = {
    "prefer-client": "Behind the gateway, a client that can sample answers by itself; for others the gateway does.",
    "gateway": "Behind the gateway, the gateway answers, also where the client could.",
    "client": "Behind the gateway, only the client answers; the gateway does nothing.",
}
_PROTOCOLS = {
    "auto": "Behind the gateway, client and server speak the revision that they agree on.",
    "legacy": "Behind the gateway, they speak 2025-11-25 or earlier, also where both know 2026-07-28.",
}
_RECORDS = {
    "full": "The record keeps prompts and replies as they are.",
    "redacted": "The record keeps prompts and replies, secrets replaced.",
    "hashed": "The record keeps hashes of prompts and replies.",
    "none": "The record keeps nothing of prompts and replies, only what was done.",
}
_ACTIONS = {"note": "is only noted", "ask": "makes a person be asked", "deny": "denies the request"}
_LIMITS = {
    "max_tokens": "Tokens of one answer; a request for more is clamped.",
    "prompt_chars": "Characters of one request, media left out.",
    "media_bytes": "Bytes of all media of one request.",
    "requests_per_result": "Sampling requests in one result.",
    "concurrent": "Model calls at one time; more wait.",
    "rounds_per_call": "Rounds of sampling in one tool call.",
    "samples_per_call": "Sampling requests in one tool call.",
    "per_minute": "Sampling requests in any 60 seconds.",
}


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that the policy settles."""

    rule: str
    """The key: ``decision``, ``limits.max_tokens``, ``scan.secrets``, ``budget`` …"""
    outcome: str
    """What it comes to."""
    why: str
    """One sentence."""
    origin: Origin


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """What happens to a request, step by step. For the operator: it names files."""

    server: str
    outcome: Outcome
    decided_by: Step
    """The step that made the outcome what it is."""
    steps: tuple[Step, ...]


def explain(
    policy: Policy, server: str, request: SamplingRequest | None = None, *, flags: Iterable[str] = ()
) -> Explanation:
    """What ``policy`` says about ``server``, or about one ``request`` of it.

    Args:
        policy: The policy.
        server: Our name for the server.
        request: A request that keeps the protocol's rules; ``None`` explains what holds for all.
        flags: What scanning found in it.

    Raises:
        InvalidRequest: The request holds text that is no Unicode.
    """
    rules = policy.rules_for(server)
    flags = tuple(flags)
    refusals = {one.limit: one for one in exceeded(request, rules)} if request is not None else {}
    steps = [
        *_on_limits(rules, request, refusals),
        *_on_decision(rules),
        *_on_scan(rules, flags, only_raised=request is not None),
        *_on_models(rules),
        *map(_on_budget, rules.budgets),
        *_on_people_and_record(rules),
    ]
    verdict = rules.verdict(flags)
    if refusals:
        key = next(iter(refusals))
        return _explanation(server, "refused", key, steps)
    key = "decision" if verdict.flag is None else f"scan.{verdict.flag}"
    return _explanation(server, verdict.decision, key, steps)


def _explanation(server: str, outcome: Outcome, key: str, steps: list[Step]) -> Explanation:
    deciding = next(step for step in steps if step.rule == key)
    return Explanation(server=server, outcome=outcome, decided_by=deciding, steps=tuple(steps))


def _step(rules: Rules, key: str, outcome: str, why: str) -> Step:
    return Step(rule=key, outcome=outcome, why=why, origin=rules.origins.get(key) or rules.origin("decision"))


def _on_limits(rules: Rules, request: SamplingRequest | None, refusals: dict[str, LimitExceeded]) -> Iterator[Step]:
    tools = "Requests may carry tools." if rules.tools else "Requests with tools are refused."
    for key, value, why in (
        ("tools", "yes" if rules.tools else "no", tools),
        ("media", ", ".join(rules.media) or "none", "Kinds of media that requests may carry."),
    ):
        yield _step(rules, key, value, why) if key not in refusals else _refusal(rules, key, refusals[key])
    for name, why in _LIMITS.items():
        key = f"limits.{name}"
        if key in refusals:
            yield _refusal(rules, key, refusals[key])
        else:
            most = getattr(rules.limits, name)
            value = UNLIMITED if most is None else f"{most:,}"
            yield _step(rules, key, value, _measured(request, name, most) or why)


def _refusal(rules: Rules, key: str, refusal: LimitExceeded) -> Step:
    return _step(rules, key, "refused", f"{refusal.message} {rules.remedy(key, 'change')}")


def _measured(request: SamplingRequest | None, name: str, most: int | None) -> str:
    """How ``request`` stands with a limit that one request can be held against."""
    if request is None:
        return ""
    match name:
        case "max_tokens":
            if most is not None and request.max_tokens > most:
                return f"The request asks for {request.max_tokens:,}; it is clamped."
            return f"The request asks for {request.max_tokens:,}."
        case "prompt_chars":
            return f"The request has {prompt_chars(request):,} characters."
        case "media_bytes":
            return f"The request has {sum(media.size for media in media_in(request)):,} bytes of media."
    return ""


def _on_decision(rules: Rules) -> Iterator[Step]:
    yield _step(rules, "decision", rules.decision, _DECISIONS[rules.decision])
    yield _step(rules, "sampling", rules.sampling, _SAMPLING[rules.sampling])
    yield _step(rules, "protocol", rules.protocol, _PROTOCOLS[rules.protocol])


def _on_scan(rules: Rules, flags: tuple[str, ...], *, only_raised: bool) -> Iterator[Step]:
    for flag in (*rules.scan, *(flag for flag in flags if flag not in rules.scan)):
        action = rules.scan.get(flag, "ask")
        what = FLAGS.get(flag, "a flag that the policy does not know").capitalize()
        if flag in flags:
            yield _step(rules, f"scan.{flag}", action, f"It was found: {what.lower()}. That {_ACTIONS[action]}.")
        elif not only_raised:
            yield _step(rules, f"scan.{flag}", action, f"{what}: {_ACTIONS[action]}.")


def _on_models(rules: Rules) -> Iterator[Step]:
    if not rules.models:
        why = "The policy names no model; only the one that the program brings answers."
        yield _step(rules, "models", "the program's", why)
        return
    yield _step(rules, "models", ", ".join(rules.models), "Models that may answer.")
    yield _step(rules, "model", rules.model or "none", "Answers when the request has no wish that can be met.")


def _on_budget(budget: Budget) -> Step:
    amounts = [
        f"{value:,} {unit}"
        for value, unit in ((budget.calls, "calls"), (budget.tokens, "tokens"), (budget.usd, "USD"))
        if value is not None
    ]
    period = "in all" if budget.per == "ever" else f"per {budget.per}"
    shared = {"server:*": "Each server has this much for itself.", "overall": "All servers share it."}
    why = shared.get(budget.scope) or (
        "All servers share it, for these models." if budget.scope.startswith("model:") else "This server alone has it."
    )
    return Step(rule="budget", outcome=f"{', '.join(amounts)} {period} ({budget.scope})", why=why, origin=budget.origin)


def _on_people_and_record(rules: Rules) -> Iterator[Step]:
    yield _step(rules, "deadline", f"{rules.deadline:g} s", "That long a person has to answer; then it is no.")
    review = "A person sees the reply before it leaves." if rules.review_reply else "The reply leaves unseen."
    yield _step(rules, "review_reply", "yes" if rules.review_reply else "no", review)
    redact = "Secrets are replaced before a model sees the prompt." if rules.redact else "Prompts go out as they are."
    yield _step(rules, "redact", "yes" if rules.redact else "no", redact)
    yield _step(rules, "record", rules.record, _RECORDS[rules.record])
