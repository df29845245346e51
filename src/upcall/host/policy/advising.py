"""`advice_on`: what is allowed in a policy, and yet probably not meant."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from msgspec import UNSET

from upcall.host.policy.origin import dotted
from upcall.host.policy.policy import Policy
from upcall.host.policy.problems import nearest

__all__ = ["advice_on"]


def advice_on(policy: Policy) -> Iterator[str]:
    """Remarks for whoever wrote the policy, a sentence or two each."""
    document = policy.document
    for number, budget in enumerate(document.budget):
        kind, _, name = budget.scope.partition(":")
        if kind == "server" and name != "*" and name not in document.server:
            near = nearest(name, document.server)
            meant = f" Did you mean server:{near}?" if near else ""
            yield f"budget #{number + 1} is for {name}, which has no section {dotted(('server', name))}.{meant}"
    if document.approval.by == "none":
        sections = {dotted(("server", name)): policy.rules_for(name) for name in policy.servers}
        sections["default"] = policy.rules_for("")
        if asking := sorted(name for name, rules in sections.items() if rules.decision == "ask"):
            yield f'approval.by is "none", so nobody can say yes: {", ".join(asking)} will be refused.'
    for name, upstream in document.gateway.upstream.items():
        if upstream.url is not UNSET and upstream.headers_env and _in_the_clear(upstream.url):
            yield f"{dotted(('gateway', 'upstream', name))} sends its headers_env unencrypted over http://."
    url = document.store.url
    if url is not UNSET and urlsplit(url).password:
        yield "store.url holds a password. Whoever can read the file has it; ~/.pgpass or PGPASSWORD keep it out."


def _in_the_clear(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme == "http" and parts.hostname not in ("localhost", "127.0.0.1", "::1")
