"""Scanning: what a person should look at twice in a prompt or a reply, and secrets taken out of prompts.

::

    SamplingRequest ──scan_request──▶ flags      SamplingResult ──scan_reply──▶ flags
    SamplingRequest ──redact──▶ the same without secrets, flags

The rules stand in ``rules.toml``. Flags decide nothing: the policy says what follows from which (``[default.scan]``).
"""

from upcall.host.scanning.flags import Flag
from upcall.host.scanning.rules import SEVERITIES, Place, Rule, Rules, Severity, rules
from upcall.host.scanning.scan import MOST_OF_A_RULE, redact, redact_reply, scan_reply, scan_request

__all__ = [
    "Flag",
    "MOST_OF_A_RULE",
    "Place",
    "Rule",
    "Rules",
    "SEVERITIES",
    "Severity",
    "redact",
    "redact_reply",
    "rules",
    "scan_reply",
    "scan_request",
]
