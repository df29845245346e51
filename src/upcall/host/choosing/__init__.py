"""Choosing a model: what the asker would like, within what the operator allows.

::

    ModelPreferences ──hints──▶ ──families──▶ ──priorities──▶ ──default──▶ Choice (model, reason, considered, steps)

Preferences are advice (2025-11-25, client/sampling, "Model Preferences"); the rules are at `choose`.
"""

from upcall.host.choosing.choose import Choice, Reason, choose
from upcall.host.choosing.families import Families, Family, Tier, builtin_families
from upcall.host.choosing.scores import Candidate, Considered, candidate

__all__ = [
    "Candidate",
    "Choice",
    "Considered",
    "Families",
    "Family",
    "Reason",
    "Tier",
    "builtin_families",
    "candidate",
    "choose",
]
