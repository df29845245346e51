"""What is asked of every example: each tool, prompt and resource once, with a script for the client's model."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from upcall.testing import ScriptedModel
from upcall.wire import ImageContent, SamplingRequest, ToolResult, ToolUse, text_of

__all__ = ["CASES", "Case", "EXAMPLES", "client_model"]


@dataclass(frozen=True, kw_only=True)
class Case:
    """One call, and everything that has to be true afterwards."""

    kind: Literal["tool", "prompt", "resource"] = "tool"
    name: str
    arguments: dict[str, Any] = field(default_factory=dict)
    script: tuple[Any, ...] = ()
    """The client's model's lines; their number is how often it has to be asked."""
    says: str
    """What the result has to contain."""
    entries: Callable[[Path], int] | None = None
    """How many entries the example's store in this folder has; one more after the call."""
    copes: str | None = None
    """What the result contains where there is no model to ask; an error where nothing is given."""


def _posts(folder: Path) -> int:
    if not (folder / "blog.sqlite3").exists():
        return 0
    with closing(sqlite3.connect(folder / "blog.sqlite3")) as db:
        (count,) = db.execute("SELECT COUNT(*) FROM posts WHERE abstract = 'In short: harbours.'").fetchone()
    return int(count)


def _lines(name: str, ending: str) -> Callable[[Path], int]:
    def count(folder: Path) -> int:
        file = folder / name
        return file.read_text(encoding="utf-8").count(ending) if file.exists() else 0

    return count


def _submit(value: str) -> ToolUse:
    return ToolUse(id=f"call-{value}", name="submit_result", input={"value": value})


def _wants(system: str | None, max_tokens: int, answer: str, *, mentions: str = "") -> Callable[[SamplingRequest], str]:
    """A line that is said only when the request arrived as the example sent it."""

    def line(request: SamplingRequest) -> str:
        assert request.system_prompt == system
        assert request.max_tokens == max_tokens
        assert mentions in request.messages[-1].text
        return answer

    return line


def _seen(*images: int) -> Callable[[SamplingRequest], str]:
    """A line about pictures of these sizes in base64; the last message is text."""

    def line(request: SamplingRequest) -> str:
        blocks = [block for message in request.messages for block in message.blocks]
        assert [len(block.data) for block in blocks if isinstance(block, ImageContent)] == list(images)
        assert request.messages[-1].text.startswith(("Describe", "What is different"))
        return f"I see {len(images)}."

    return line


def _mood(request: SamplingRequest) -> ToolUse:
    preferences = request.model_preferences
    assert preferences is not None
    assert [hint.name for hint in preferences.hints] == ["claude-3-haiku", "claude-3-sonnet"]
    assert (preferences.intelligence_priority, preferences.speed_priority) == (0.2, 0.9)
    return _submit("negative" if "awful" in request.messages[0].text else "positive")


def _tool_results(request: SamplingRequest) -> list[str]:
    return [text_of(block.content) for block in request.messages[-1].blocks if isinstance(block, ToolResult)]


def _calculates(request: SamplingRequest) -> ToolUse:
    (found,) = _tool_results(request)
    assert "18 desks" in found
    return ToolUse(id="2", name="calculate", input={"expression": "4 * 18"})


def _concludes(request: SamplingRequest) -> str:
    return f"There are {_tool_results(request)[0]} desks."


_RESEARCHER = "You are a helpful research assistant."
_SUMMARY = "Boats are blue."
_HEADLINE = Case(
    name="headline",
    arguments={"text": "In spring the boats are painted blue."},
    script=(
        _wants(_RESEARCHER, 4000, _SUMMARY, mentions="painted blue"),
        _wants(_RESEARCHER, 50, "Blue boats", mentions=_SUMMARY),
    ),
    says=f"# Blue boats\n\n{_SUMMARY}",
)
_SUMMARIZE = Case(
    name="summarize",
    arguments={"text_to_summarize": "In spring the boats are painted blue."},
    script=(_wants(_RESEARCHER, 4000, _SUMMARY, mentions="painted blue"),),
    says=_SUMMARY,
)

CASES: dict[str, list[Case]] = {
    "summarize": [_SUMMARIZE, _HEADLINE],
    "fastmcp_summarize": [
        _SUMMARIZE,
        Case(
            name="headline",
            arguments=_HEADLINE.arguments,
            script=(_HEADLINE.script[0], _wants(None, 50, "Blue boats", mentions="headline")),
            says=_HEADLINE.says,
        ),
    ],
    "blog": [
        Case(
            name="create_blog",
            arguments={"title": "Harbours", "content": "Everything about harbours."},
            script=(_wants(None, 100, "In short: harbours.", mentions="Everything about harbours."),),
            says='"abstract": "In short: harbours."',
            entries=_posts,
        ),
        Case(name="list_blogs", says='"title": "Harbours"'),
        Case(kind="resource", name="blog://1", says="# Harbours"),
    ],
    "product": [
        Case(
            name="create_product",
            arguments={"title": "Lamp", "keywords": ["warm", "brass"]},
            script=(
                _wants(
                    "You write for the catalogue of a shop: friendly, concrete, no superlatives.",
                    200,
                    "A warm lamp.",
                    mentions="warm, brass",
                ),
            ),
            says='"description": "A warm lamp."',
            entries=_lines("products.jsonl", "\n"),
        ),
        Case(name="list_products", says='"title": "Lamp"'),
    ],
    "log_archiver": [
        Case(
            name="process_log_entry",
            arguments={"log_line": "ERROR: deadlock detected"},
            script=(_wants(None, 100, "Two transactions wait for each other.", mentions="ERROR: deadlock detected"),),
            says="Success: the log entry was archived. Analysis: Two transactions wait",
            entries=_lines("incident_report.txt", "RAW LOG: ERROR: deadlock detected\n"),
        ),
    ],
    "sentiment": [
        Case(
            name="sentiment",
            arguments={"text": "Lovely!"},
            script=(_mood,),
            says="positive",
            copes="unknown (",
        ),
        Case(
            name="sentiments",
            arguments={"texts": ["Lovely!", "An awful day.", "Simply great."]},
            script=(_mood, _mood, _mood),
            says='"positive": 2',
        ),
    ],
    "agent": [
        Case(
            name="ask",
            arguments={"question": "How many desks are there?"},
            script=(ToolUse(id="1", name="search_notes", input={"word": "desks"}), _calculates, _concludes),
            says="There are 72 desks.",
        ),
    ],
    "vision": [
        Case(name="describe", arguments={"picture": "red_square.png"}, script=(_seen(196),), says="I see 1."),
        Case(
            name="compare",
            arguments={"first": "red_square.png", "second": "blue_circle.png"},
            script=(_seen(196, 300),),
            says="I see 2.",
        ),
    ],
    "fallback": [
        Case(
            name="hello",
            script=(_wants(None, 1024, "Hello from the client.", mentions="hello world!"),),
            says="scripted/test (client): Hello from the client.",
            copes="gpt-5.4-mini (fallback): Hello from the fallback.",
        ),
    ],
    "prompts_and_resources": [
        Case(
            kind="prompt",
            name="review",
            arguments={"code": "x = 1"},
            script=(_wants(None, 200, "Why one?", mentions="x = 1"),),
            says="Why one?",
        ),
        Case(
            kind="resource",
            name="glossary://era",
            script=(_wants(None, 100, "A span of time.", mentions="'era'"),),
            says="era: A span of time.",
        ),
    ],
}

EXAMPLES = sorted(CASES)


def client_model(example: str) -> ScriptedModel:
    """A model for the client that knows its lines for every case of ``example``, in order, and no more."""
    return ScriptedModel(*(line for case in CASES[example] for line in case.script))
