"""The entries on the clients' pages are what wrapping gives, and unwrapping puts back."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from upcall.gateway.clients import Gateway, Layer, known_places, unwrapped, wrapped

PAGES = Path(__file__).parents[3] / "docs" / "clients"
GATEWAY = Gateway(("/home/you/.local/bin/upcall",))
FILES = {
    "claude-code": ".mcp.json",
    "claude-desktop": "claude_desktop_config.json",
    "codex": ".codex/config.toml",
    "cursor": ".cursor/mcp.json",
    "gemini-cli": ".gemini/settings.json",
    "other": "config.json",
    "vscode": ".vscode/mcp.json",
}


def blocks(name: str) -> list[str]:
    page = (PAGES / f"{name}.md").read_text(encoding="utf-8")
    return re.findall(r"```(?:jsonc?|toml)\n(.*?)```", page, flags=re.DOTALL)


@pytest.mark.parametrize("name", FILES)
def test_a_page_shows_what_wrapping_gives(name: str) -> None:
    before, after = blocks(name)
    change = wrapped(before, Path(FILES[name]), GATEWAY)
    assert change.after.text == after
    assert change.remarks == ()
    kept = Layer(before, after, list(change.changed))
    assert unwrapped(after, Path(FILES[name]), [kept]).after.text == before


@pytest.mark.parametrize("name", FILES)
def test_when_the_file_was_edited_elsewhere_the_entries_come_back_exactly(name: str) -> None:
    before, after = blocks(name)
    change = wrapped(before, Path(FILES[name]), GATEWAY)
    kept = Layer(before, after, list(change.changed))
    note = "# mine\n" if name == "codex" else "// mine\n"
    assert unwrapped(note + after, Path(FILES[name]), [kept]).after.text == note + before


def test_the_index_names_every_page_and_every_known_client_has_one() -> None:
    index = (PAGES / "README.md").read_text(encoding="utf-8")
    assert {page.stem for page in PAGES.glob("*.md")} - {"README"} == set(FILES)
    assert all(f"({name}.md)" in index for name in FILES)
    for client, _ in known_places():
        assert f"| {client} |" in index
