"""The policy: who may sample, with which models, up to which limits.

::

    upcall.toml ──parse_policy──▶ Policy ──rules_for(server)──▶ Rules ──▶ the stages of the host
                                    └──explain(policy, server, request)──▶ Explanation
"""

from upcall.host.policy.defaults import DEFAULTS
from upcall.host.policy.flags import FLAGS
from upcall.host.policy.origin import Origin
from upcall.host.policy.patterns import matches
from upcall.host.policy.policy import Policy, check_policy, parse_policy
from upcall.host.policy.problems import Problem
from upcall.host.policy.rules import Budget, Limits, Rules, Verdict
from upcall.host.policy.schema import (
    Approval,
    ApprovalWay,
    CommandEntry,
    Decision,
    Document,
    MediaKind,
    Period,
    PriceEntry,
    Recording,
    ScanAction,
    Settings,
    StoreEntry,
)

__all__ = [
    "Approval",
    "ApprovalWay",
    "Budget",
    "CommandEntry",
    "DEFAULTS",
    "Decision",
    "Document",
    "FLAGS",
    "Limits",
    "MediaKind",
    "Origin",
    "Period",
    "Policy",
    "PriceEntry",
    "Problem",
    "Recording",
    "Rules",
    "ScanAction",
    "Settings",
    "StoreEntry",
    "Verdict",
    "check_policy",
    "matches",
    "parse_policy",
]
