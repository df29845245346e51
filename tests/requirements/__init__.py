"""What upcall owes, row by row: every demand of the protocol on sampling, every scenario, every attack.

A row names the tests that prove it, or the room that will bring it; `test_manifest` sees to it that it stays true.
`scripts/make_requirements_doc.py` writes docs/requirements.md from it.
"""

from __future__ import annotations

from tests.requirements.answering import ANSWERING
from tests.requirements.attacks import ATTACKS
from tests.requirements.eras import ERAS
from tests.requirements.gateway import GATEWAY
from tests.requirements.rounds import ROUNDS
from tests.requirements.rows import TO_COME, Group, Level, Requirement
from tests.requirements.scenarios import BEYOND, SCENARIOS

__all__ = ["GROUPS", "TO_COME", "Group", "Level", "Requirement"]

GROUPS: tuple[Group, ...] = (ERAS, ANSWERING, ROUNDS, GATEWAY, ATTACKS, SCENARIOS, BEYOND)
"""In reading order."""
