"""Tables in a document: those that were measured are replaced, the others stay."""

from __future__ import annotations

import pytest
from benchmarks.__main__ import NAMES
from benchmarks.measure import Goal, Outcome, Table
from benchmarks.report import as_markdown, with_sections

from tests.conformance.npm import ROOT

DOCUMENT = """# Costs

<!-- bench: begin -->

### calls: of tools

old calls

### gateway: between

old gateway

<!-- bench: end -->

## What is not measured
"""


def test_only_the_sections_of_what_was_measured_are_replaced() -> None:
    made = with_sections(DOCUMENT, {"gateway": "### gateway: anew\n\nnew gateway\n"}, NAMES)
    assert made == DOCUMENT.replace("### gateway: between\n\nold gateway", "### gateway: anew\n\nnew gateway")


def test_a_benchmark_that_was_not_there_gets_its_place_among_the_others() -> None:
    made = with_sections(DOCUMENT, {"wire": "### wire: bytes\n\nnew wire\n"}, NAMES)
    assert made == DOCUMENT.replace("### gateway", "### wire: bytes\n\nnew wire\n\n### gateway")


def test_a_benchmark_that_is_no_more_keeps_its_section_at_the_end() -> None:
    made = with_sections(DOCUMENT, {"gateway": "### gateway: anew\n"}, ["gateway"])
    assert made.index("### gateway") < made.index("old calls") < made.index("<!-- bench: end -->")


def test_a_document_without_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="bench: begin"):
        with_sections("# Costs\n", {}, NAMES)


def test_nothing_measured_leaves_the_published_page_as_it_is() -> None:
    page = (ROOT / "docs" / "performance.md").read_text(encoding="utf-8")
    assert with_sections(page, {}, NAMES) == page


def test_a_section_says_when_and_where_what_is_missing_and_whether_goals_are_met() -> None:
    outcome = Outcome([Table("plain", ["", "ms"], [["direct", "1.0"]])], [Goal("added", 0.4, 0.3, "ms")])
    outcome.missing["litellm proxy, stdio"] = "it has no stdio side"
    section = as_markdown("gateway: between", "2026-11-21, two cores.", outcome)
    assert section.startswith("### gateway: between\n\n2026-11-21, two cores.\n\n**plain**\n")
    assert "Not measured: litellm proxy, stdio: it has no stdio side." in section
    assert "- added: 0.4 ms, limit 0.3 ms, **not met**" in section
