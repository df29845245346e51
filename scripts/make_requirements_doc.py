"""Writes docs/requirements.md from the manifest in tests/requirements.

    python scripts/make_requirements_doc.py

`tests/requirements/test_manifest.py` fails when the page is not what this writes.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))  # `tests` is a package of the checkout, not of the environment

from tests.requirements import GROUPS, Group, Requirement  # noqa: E402 - needs the path above

PAGE = ROOT / "docs" / "requirements.md"

_HEAD = """\
# Requirements

<!-- Written by scripts/make_requirements_doc.py from tests/requirements; change it there. -->

What the protocol demands of sampling, what the scenarios ask for, and the attacks to stand up to: each with the tests
that prove it, or with the part of upcall that is to bring it. The texts are ours; the source says where the demand
comes from. A check in the test suite keeps every named test in existence, and does not let a demand wait for a part
that is there.
"""


def page() -> str:
    """The whole page."""
    return "\n".join([_HEAD, *_summary(), *(line for group in GROUPS for line in _section(group))]) + "\n"


def _summary() -> Iterator[str]:
    yield "| | proven | to come |"
    yield "|---|---|---|"
    for group in GROUPS:
        waiting = sum(1 for row in group.rows if row.pending)
        yield f"| [{group.title}](#{_anchor(group.title)}) | {len(group.rows) - waiting} | {waiting or ''} |"
    parts = sorted({row.pending for group in GROUPS for row in group.rows if row.pending})
    if parts:
        yield ""
        yield f"To come: {', '.join(parts)}."
    yield ""


def _section(group: Group) -> Iterator[str]:
    yield f"## {group.title}"
    yield ""
    yield group.about
    yield ""
    yield "| id | level | what is demanded | source | room | proven by |"
    yield "|---|---|---|---|---|---|"
    for row in group.rows:
        cells = (f"`{row.id}`", row.level, row.demand, row.source, row.room, _proof(row))
        yield f"| {' | '.join(map(_escaped, cells))} |"
    yield ""


def _proof(row: Requirement) -> str:
    if row.pending:
        return f"*to come: {row.pending}*"
    return "<br>".join(map(_link, row.tests))


def _link(node: str) -> str:
    """A test's name is a sentence, and so is the link to its file."""
    path, *_, name = node.split("::")
    return f"[{name.removeprefix('test_').replace('_', ' ')}](../{path})"


def _escaped(cell: str) -> str:
    return cell.replace("|", r"\|")


def _anchor(title: str) -> str:
    return title.lower().replace(" ", "-")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(f"wrote {PAGE.relative_to(ROOT)}")
