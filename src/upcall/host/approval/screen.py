"""What a question looks like: who asks, what it costs, what was noticed, and the text itself."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from upcall.host.approval.canvas import Canvas, Row
from upcall.host.approval.question import Question
from upcall.host.scanning import SEVERITIES, Flag, rules
from upcall.wire import SamplingRequest, SamplingResult, encode
from upcall.wire.words import blocks_of, in_words, limits_of, preferences_of, tools_of

__all__ = ["draw_flags", "draw_head", "draw_prompt", "draw_reply", "draw_text", "plain", "title_of"]

_ELICITED = 76
_MOST_IN_A_FIELD = 300

_STYLES = {"high": "bold red", "medium": "yellow", "low": ""}
_RANKS = {severity: rank for rank, severity in enumerate(SEVERITIES)}


def title_of(question: Question) -> str:
    """One line: who wants what."""
    if question.kind == "reply":
        return f"{question.context.server} is about to get a reply"
    return f"{question.context.server} asks a model"


def draw_head(canvas: Canvas, question: Question, *, edited: bool = False, whole: bool = False) -> None:
    """Everything but the text. What servers say in one line is cut after a few, unless it is to be ``whole``."""
    canvas.rule()
    canvas.heading(title_of(question))
    canvas.blank()
    _draw_facts(canvas, question, edited=edited, whole=whole)
    canvas.blank()


def _draw_facts(canvas: Canvas, question: Question, *, edited: bool, whole: bool) -> None:
    during = question.context.during
    request: Mapping[str, Any] = encode(question.request)
    rows: list[Row] = [
        ("during", f"{during.method} {during.name}" if during else "", ""),
        ("model", question.model, ""),
    ]
    if question.result is not None and question.result.model != question.model:
        rows.append(("answered", question.result.model, ""))
    if question.result is not None:
        rows.append(("stopped", question.result.stop_reason or "", ""))
    rows += [
        ("cost", _cost(question), ""),
        ("limits", limits_of(request), ""),
        ("tools", tools_of(request), ""),
        ("prefers", preferences_of(request), ""),
        *[("changed", f"{one.field} {one.action}: {one.reason}", "") for one in question.adjustments],
        ("why", question.reason, ""),
        ("edited", "by you" if edited else "", "bold cyan"),
    ]
    canvas.fields([(label, text if whole else _cut(text), style) for label, text, style in rows])
    draw_flags(canvas, question.flags, whole=whole)


def draw_flags(canvas: Canvas, flags: Sequence[Flag], *, whole: bool = True) -> None:
    """What scanning found, the worst first; one place of each kind unless the ``whole`` list is wanted."""
    if flags:
        canvas.blank()
        canvas.fields(_flags(flags, whole=whole))


def draw_text(canvas: Canvas, question: Question, most: int | None = None) -> bool:
    """What was written: the prompt or, of a reply, the reply with the prompt after it.

    Args:
        canvas: Where to draw.
        question: The question.
        most: Lines that there is room for. Of a longer text the tools, whose names stand in the head, and then the
            middle are left out, and said to be.

    Returns:
        Whether all of it was drawn.
    """
    start = len(canvas.lines)
    replied = question.result is not None
    if question.result is not None:
        draw_reply(canvas, question.result)
    _draw(canvas, _turns(question.request), asked=replied)
    turns = canvas.lines[start:]
    _draw(canvas, _extras(question.request), asked=replied)
    total = len(canvas.lines) - start
    if most is None or total <= most:
        return True
    room = max(2, most - 1)
    tail = 0 if len(turns) <= room else room // 3
    head = min(len(turns), room - tail)
    del canvas.lines[start + head :]
    canvas.note(f"{total - head - tail:,} more lines here: press v to see them")
    canvas.lines += turns[len(turns) - tail :] if tail else []
    return False


def draw_prompt(canvas: Canvas, request: SamplingRequest, *, asked: bool = False) -> None:
    """All that the model gets to read; ``asked`` tells it from a reply above it."""
    _draw(canvas, [*_turns(request), *_extras(request)], asked=asked)


def draw_reply(canvas: Canvas, result: SamplingResult) -> None:
    """What the model gave."""
    canvas.quoted("reply", ["\n".join(map(in_words, blocks_of(encode(result)["content"])))])


def plain(question: Question) -> str:
    """The whole question as text without colour, folded for a reader whose width is not known.

    What a yes depends on comes first, closely set: a client may show no more of it (Claude Code: three lines).
    """
    canvas = Canvas(_ELICITED)
    canvas.heading(title_of(question), question.model, _cost(question))
    canvas.fields(_flags(question.flags, whole=False))
    draw_text(canvas, question)
    canvas.rule()
    _draw_facts(canvas, question, edited=False, whole=True)
    return "\n".join(canvas.lines)


def _cost(question: Question) -> str:
    if question.cost is None:
        return "unknown: nobody worked it out"
    if question.cost.micro_usd is None:
        return "unknown: there is no price for this model"
    exact = question.kind == "reply" or question.cost.micro_usd == 0
    return str(question.cost) if exact else f"at most {question.cost}"


def _cut(text: str) -> str:
    left = len(text) - _MOST_IN_A_FIELD
    return text if left <= 0 else f"{text[:_MOST_IN_A_FIELD]} … and {left:,} more characters (v)"


def _flags(flags: Sequence[Flag], *, whole: bool) -> Iterator[Row]:
    """A row for each rule that fired, and below it where."""
    by_rule: dict[str, list[Flag]] = {}
    for flag in flags:
        by_rule.setdefault(flag.rule, []).append(flag)
    for found in sorted(by_rule.values(), key=lambda found: -_RANKS.get(found[0].severity, 0)):
        first = found[0]
        often = f" ({len(found)} places)" if len(found) > 1 else ""
        yield "flag", f"{first.kind.replace('_', ' ')}{often}: {_meaning(first)}", _STYLES.get(first.severity, "yellow")
        for flag in found if whole else found[:1]:
            yield "", f"{flag.path}: {flag.excerpt}" if whole else flag.excerpt, "dim"


def _meaning(flag: Flag) -> str:
    rule = rules().by_id.get(flag.rule)  # a question from the store may be of another version
    return rule.means if rule is not None else flag.rule


def _draw(canvas: Canvas, texts: Sequence[tuple[str, str]], *, asked: bool) -> None:
    for label, text in texts:
        canvas.quoted(f"asked, {label}" if asked else label, [text])


def _turns(request: SamplingRequest) -> list[tuple[str, str]]:
    texts = [("system", request.system_prompt)] if request.system_prompt else []
    for message in encode(request.messages):
        texts.append((message["role"], "\n".join(map(in_words, blocks_of(message["content"])))))
    return texts


def _extras(request: SamplingRequest) -> list[tuple[str, str]]:
    texts = []
    for tool in request.tools or ():
        # The name too is the server's: it stands behind the bar, not in the label.
        texts.append(("tool", "\n".join(filter(None, (tool.name, tool.description, _indented(tool.input_schema))))))
    if request.metadata:
        texts.append(("metadata", _indented(request.metadata)))
    return texts


def _indented(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)
