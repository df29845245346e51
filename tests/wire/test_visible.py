"""Hostile text, made safe to show."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from upcall.wire import visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred", "␛[31mred"),
        ("\x9b2J", "⟨U+009B⟩2J"),
        ("bell\x07 null\x00 delete\x7f", "bell␇ null␀ delete␡"),
        ("over\rwritten", "over␍written"),
        ("a\r\nb\u2028c\td", "a\nb\nc\td"),
        ("\u202eturned", "⟨U+202E⟩turned"),
        ("zero\u200bwidth", "zero⟨U+200B⟩width"),
        ("tag\U000e0041", "tag⟨U+E0041⟩"),
        ("lone \ud800", "lone ⟨U+D800⟩"),
        ("👩\u200d💻 می\u200cشود", "👩\u200d💻 می\u200cشود"),
        ("pass\u200dword", "pass⟨U+200D⟩word"),
        ("可\u200c\u200d\u200c能", "可⟨U+200C⟩⟨U+200D⟩⟨U+200C⟩能"),
        ("可\u200b\u200d能", "可⟨U+200B⟩⟨U+200D⟩能"),
        ("Grüße, 世界", "Grüße, 世界"),
    ],
)
def test_what_acts_or_hides_is_shown_and_the_rest_is_kept(text: str, shown: str) -> None:
    assert visible(text) == shown


@given(st.text())
def test_nothing_that_is_left_controls_a_terminal(text: str) -> None:
    left = visible(text).replace("\n", "").replace("\t", "")
    assert not any(unicodedata.category(character) in ("Cc", "Cs") for character in left)


@given(st.text())
def test_showing_twice_changes_nothing(text: str) -> None:
    assert visible(visible(text)) == visible(text)
