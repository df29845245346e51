"""One request against the limits of its server: what can be clamped is clamped, what cannot is refused."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import msgspec

from upcall.errors import LimitExceeded
from upcall.host.limits.measuring import media_in, prompt_chars
from upcall.models import Adjustment
from upcall.wire import SamplingRequest, ToolResult, ToolUse

if TYPE_CHECKING:
    from upcall.host.policy import Rules

__all__ = ["apply_limits", "exceeded"]


def apply_limits(request: SamplingRequest, rules: Rules) -> tuple[SamplingRequest, tuple[Adjustment, ...]]:
    """``request`` as it may go on, and what was changed.

    Only ``maxTokens`` is changed: fewer tokens than asked for are allowed (2025-11-25, client/sampling).

    Raises:
        LimitExceeded: The first of `exceeded`.
        InvalidRequest: It holds text that is no Unicode.
    """
    for refusal in exceeded(request, rules):
        raise refusal
    most = rules.limits.max_tokens
    if most is None or request.max_tokens <= most:
        return request, ()
    reason = f"{request.max_tokens:,} were asked for, and the policy allows {most:,} (limits.max_tokens)."
    clamped = msgspec.structs.replace(request, max_tokens=most)
    return clamped, (Adjustment(field="maxTokens", action="clamped", reason=reason),)


def exceeded(request: SamplingRequest, rules: Rules) -> Iterator[LimitExceeded]:
    """Every limit that ``request`` is beyond and cannot be clamped to.

    Raises:
        InvalidRequest: It holds text that is no Unicode.
    """
    if not rules.tools and _has_tools(request):
        yield _refused(
            rules, "tools", "allow", "Sampling requests with tools are not answered here.", "a request has some"
        )
    media = media_in(request)
    if barred := sorted({one.kind for one in media} - set(rules.media)):
        kinds = " and ".join(barred)
        taken = ", ".join(rules.media) or "none"
        facts = f"a request has {kinds}, allowed: {taken}"
        yield _refused(rules, "media", "extend", f"Sampling requests with {kinds} are not answered here.", facts)
    for key, what, size, most in (
        ("media_bytes", "bytes of media", sum(one.size for one in media), rules.limits.media_bytes),
        ("prompt_chars", "characters", prompt_chars(request), rules.limits.prompt_chars),
    ):
        if most is not None and size > most:
            message = f"The sampling request is too large: {size:,} {what}, and at most {most:,} are taken."
            yield _refused(rules, f"limits.{key}", "raise", message, f"{size} {what}, allowed: {most}")


def _has_tools(request: SamplingRequest) -> bool:
    return request.wants_tools or any(
        isinstance(block, ToolUse | ToolResult) for message in request.messages for block in message.blocks
    )


def _refused(rules: Rules, key: str, change: str, message: str, facts: str) -> LimitExceeded:
    return LimitExceeded(message, limit=key, detail=f"{key} of {rules.server}: {facts}. {rules.remedy(key, change)}")
