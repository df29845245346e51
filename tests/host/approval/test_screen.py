"""What a question looks like, whatever is in it."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from rich.cells import cell_len

from tests.host.approval.questions import HOSTILE, question, request, result
from upcall.host.approval.canvas import Canvas
from upcall.host.approval.screen import draw_head, draw_text
from upcall.host.context import ClientRequest, SamplingContext
from upcall.models.prices import Cost
from upcall.wire import (
    AudioContent,
    ImageContent,
    ModelHint,
    ModelPreferences,
    SamplingMessage,
    TextContent,
    Tool,
    ToolResult,
    ToolUse,
)

ACTIVE = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b\u202a-\u202e\u2028\u2029]")


def head(asked: Any, width: int = 80, **options: bool) -> list[str]:
    canvas = Canvas(width)
    draw_head(canvas, asked, **options)
    return canvas.lines


def text(asked: Any, width: int = 80, most: int | None = None) -> list[str]:
    canvas = Canvas(width)
    draw_text(canvas, asked, most)
    return canvas.lines


@given(st.text(max_size=300), st.integers(24, 120))
def test_whatever_a_prompt_holds_stands_behind_the_bar_and_within_the_screen(said: str, width: int) -> None:
    lines = text(question(said), width)
    assert lines[0] == "  user"
    assert all(line.startswith("  │") for line in lines[1:])
    assert max(map(cell_len, lines)) <= max(24, min(width, 100))
    assert not ACTIVE.search("".join(lines))


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=60), st.integers(24, 120))
def test_whatever_names_hold_they_stay_behind_our_labels(name: str, width: int) -> None:
    asked = question(
        context=SamplingContext(server="logs", during=ClientRequest(name=name)),
        request=request(
            tools=[Tool(name=name, input_schema={})],
            stop_sequences=[name],
            model_preferences=ModelPreferences(hints=[ModelHint(name=name)]),
        ),
    )
    lines = head(asked, width)
    assert not ACTIVE.search("".join(lines))
    assert max(map(cell_len, lines)) <= width
    for line in lines[3:]:  # below the rule and the title
        assert line == "" or re.match(r"  (during|model|cost|limits|tools|prefers)( |$)|            ", line), lines


@pytest.mark.parametrize(
    ("cost", "said"),
    [
        (None, "unknown: nobody worked it out"),
        (Cost(micro_usd=None, snapshot="", source="unknown"), "unknown: there is no price for this model"),
        (Cost(micro_usd=0, snapshot="", source="local"), "free"),
        (Cost(micro_usd=4200, snapshot="", source="override"), "at most $0.0042"),
    ],
)
def test_what_a_call_can_cost_is_said_and_unknown_is_not_nothing(cost: Cost | None, said: str) -> None:
    assert f"  cost      {said}" in head(question(cost=cost))


def test_what_a_reply_has_cost_is_exact() -> None:
    lines = head(question(kind="reply", result=result()))
    assert "  cost      $0.0042" in lines
    assert "  answered  real-1" in lines
    assert "  stopped   endTurn" in lines


def test_every_kind_of_content_is_there() -> None:
    messages = [
        SamplingMessage(
            role="user",
            content=[TextContent(text="Look:"), ImageContent(data="QUJD" * 999, mime_type="image/png\x1b")],
        ),
        SamplingMessage(role="assistant", content=ToolUse(id="1", name="look", input={"at": "x\u202e"})),
        SamplingMessage(role="user", content=ToolResult(tool_use_id="1", content=[TextContent(text="a cat")])),
        SamplingMessage(role="user", content=AudioContent(data="QUJD", mime_type="audio/wav")),
    ]
    asked = question(
        request=request(
            messages=messages,
            system_prompt="Be brief.",
            metadata={"k": "v\u200b"},
            tools=[Tool(name="look", description="Looks.\nAlways call me.", input_schema={"type": "object"})],
        )
    )
    assert text(asked) == [
        "  system",
        "  │ Be brief.",
        "  user",
        "  │ Look:",
        "  │ [image, image/png␛, 3 kB]",
        "  assistant",
        '  │ [use tool look {"at": "x⟨U+202E⟩"}]',
        "  user",
        "  │ [tool result] a cat",
        "  user",
        "  │ [audio, audio/wav, 3 bytes]",
        "  tool",
        "  │ look",
        "  │ Looks.",
        "  │ Always call me.",
        "  │ {",
        '  │   "type": "object"',
        "  │ }",
        "  metadata",
        "  │ {",
        '  │   "k": "v⟨U+200B⟩"',
        "  │ }",
    ]
    # Where there is no room for all, the tools go first: their names stand in the head.
    assert text(asked, most=13)[:11] == text(asked)[:11]
    assert text(asked, most=13)[11:] == ["  ⋯ 11 more lines here: press v to see them"]


@given(st.integers(0, 60), st.integers(1, 40))
def test_a_text_is_drawn_whole_or_said_to_be_cut(count: int, most: int) -> None:
    asked = question("\n".join(f"line {number}" for number in range(count + 1)))
    canvas = Canvas(80)
    whole = draw_text(canvas, asked, most)
    every = text(asked)
    if whole:
        assert canvas.lines == every
        return
    (note,) = (at for at, line in enumerate(canvas.lines) if line.startswith("  ⋯ "))
    before, after = canvas.lines[:note], canvas.lines[note + 1 :]
    left = int(re.findall(r"\d+", canvas.lines[note])[0])
    assert before == every[: len(before)]
    assert after == every[len(every) - len(after) :]
    assert len(before) + left + len(after) == len(every)
    assert len(canvas.lines) <= max(3, most)


def test_a_reply_comes_before_what_was_asked() -> None:
    assert text(question("Why?", kind="reply", result=result("A lock."))) == [
        "  reply",
        "  │ A lock.",
        "  asked, user",
        "  │ Why?",
    ]


def test_long_names_are_cut_unless_all_is_wanted() -> None:
    asked = question(request=request(stop_sequences=["x" * 1000]))
    cut = " ".join(line.strip() for line in head(asked))
    assert re.search(r"… and 7\d\d more characters \(v\)", cut)
    assert sum(line.count("x") for line in head(asked, whole=True)) >= 1000


def test_flags_are_told_once_a_rule_the_worst_first_with_where() -> None:
    asked = question(HOSTILE + "\u202e\u202e", scanned=True)
    lines = head(asked)
    flags = [line.split()[1].rstrip(":") for line in lines if line.startswith("  flag ")]
    assert flags[0] == "bidi"
    assert len(flags) == len({flag.rule for flag in asked.flags})
    shown = "\n".join(lines)
    assert "places)" in shown
    assert "messages[0]" not in shown
    assert "\n".join(head(asked, whole=True)).count("│ messages[0].content.text") == len(asked.flags)


def test_an_unknown_rule_of_another_version_is_named() -> None:
    asked = question("a\u200bb", scanned=True)
    asked = replace(asked, flags=(replace(asked.flags[0], rule="from-the-future"),))
    assert any("from-the-future" in line for line in head(asked))


def test_colour_is_ours_alone_and_can_be_turned_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    canvas = Canvas(80, colour=True)
    draw_text(canvas, question("\x1b[31mred"))
    assert all("\x1b[31m" not in line for line in canvas.lines)
    assert "\x1b[2m" in canvas.lines[0]
    monkeypatch.setenv("NO_COLOR", "1")
    plain = Canvas(80, colour=True)
    draw_head(plain, question())
    assert not any("\x1b[3" in line for line in plain.lines)
