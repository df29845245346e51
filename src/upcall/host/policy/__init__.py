"""The policy: who may sample, with which models, up to which limits.

::

    upcall.toml ──parse_policy──▶ Policy ──rules_for(server)──▶ Rules ──▶ the stages of the host
                                                                    └──▶ `upcall.host.explaining`
"""

from upcall.host.policy._gateway import gateway_problems, split_address
from upcall.host.policy.advising import advice_on
from upcall.host.policy.defaults import DEFAULTS
from upcall.host.policy.files import (
    FILE_NAME,
    PolicyFile,
    find_policy,
    load_policy,
    locate_policy,
    needs_trust,
    read_policy_text,
    user_policy_path,
)
from upcall.host.policy.flags import FLAGS
from upcall.host.policy.origin import Origin
from upcall.host.policy.patterns import is_pattern, matches
from upcall.host.policy.policy import Policy, check_policy, parse_policy
from upcall.host.policy.problems import Problem
from upcall.host.policy.rules import Budget, Limits, Rules, Verdict
from upcall.host.policy.schema import (
    Approval,
    ApprovalWay,
    CommandEntry,
    Decision,
    Document,
    GatewayEntry,
    MediaKind,
    Period,
    PriceEntry,
    Recording,
    Sampling,
    ScanAction,
    Settings,
    StoreEntry,
    UpstreamEntry,
)
from upcall.host.policy.trusting import distrust, is_trusted, trust

__all__ = [
    "Approval",
    "ApprovalWay",
    "Budget",
    "CommandEntry",
    "DEFAULTS",
    "Decision",
    "Document",
    "FILE_NAME",
    "FLAGS",
    "GatewayEntry",
    "Limits",
    "MediaKind",
    "Origin",
    "Period",
    "Policy",
    "PolicyFile",
    "PriceEntry",
    "Problem",
    "Recording",
    "Rules",
    "Sampling",
    "ScanAction",
    "Settings",
    "StoreEntry",
    "UpstreamEntry",
    "Verdict",
    "advice_on",
    "check_policy",
    "distrust",
    "find_policy",
    "gateway_problems",
    "is_pattern",
    "is_trusted",
    "load_policy",
    "locate_policy",
    "matches",
    "needs_trust",
    "parse_policy",
    "read_policy_text",
    "split_address",
    "trust",
    "user_policy_path",
]
