"""What `upcall doctor` knows: which tools of a server sample, whether the policy would let them, and what is missing.

::

    config ─▶ targets_in ─▶ Target ─▶ probe (starts it, lists its tools twice, calls none) ─┐
                               ├────▶ standing_of (policy, model, people) ──────────────────┼▶ examine ─▶ Report
                               └────▶ look_into (the record: who sampled, what is left) ────┘
                                                                        call_through (a real call, only when told to)
"""

from upcall.gateway.examining._calling import Called, Sampled, call_through
from upcall.gateway.examining._examination import Examined, examine
from upcall.gateway.examining._findings import Finding, Level, Options, Report
from upcall.gateway.examining._signs import Sign
from upcall.gateway.examining._targets import Behind, Target, targets_in

__all__ = [
    "Behind",
    "Called",
    "Examined",
    "Finding",
    "Level",
    "Options",
    "Report",
    "Sampled",
    "Sign",
    "Target",
    "call_through",
    "examine",
    "targets_in",
]
