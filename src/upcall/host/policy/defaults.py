"""What holds where the file says nothing: what a careful operator would choose for servers they did not write.

docs/policy.md gives the reason for each; a test keeps the two in step.
"""

from __future__ import annotations

from upcall.host.policy.flags import FLAGS
from upcall.host.policy.schema import LimitSettings, Settings

__all__ = ["DEFAULTS"]

DEFAULTS = Settings(
    decision="ask",
    models=(),
    sampling="prefer-client",
    protocol="auto",
    tools=True,
    media=("image",),
    review_reply=False,
    record="redacted",
    redact=True,
    scan=dict.fromkeys(FLAGS, "ask"),
    deadline=120.0,
    limits=LimitSettings(
        max_tokens=4_096,
        prompt_chars=200_000,
        media_bytes=10_000_000,
        requests_per_result=20,
        concurrent=4,
        rounds_per_call=10,
        samples_per_call=50,
        per_minute=60,
    ),
)
"""Every key that has a default. ``model`` has none: without models in the policy, the host's own model answers."""
