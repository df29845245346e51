"""`upcall pending`: questions that wait in the store for a person, and the person's answers."""

from __future__ import annotations

import json
import sys
from contextlib import suppress
from datetime import UTC, datetime
from shutil import get_terminal_size
from typing import IO, Literal, TypeAlias

import anyio
import click
import msgspec

from upcall.cli import _console
from upcall.cli._clock import Clock
from upcall.cli._columns import Column, Columns
from upcall.cli._run import run
from upcall.cli._store import by_me, opened, store_option
from upcall.errors import InvalidAnswer, InvalidRequest, StoreError
from upcall.host.approval import (
    NOBODY,
    Answer,
    Question,
    Remember,
    TerminalApprover,
    decision_of,
    question_of,
    read_edited,
    to_edit,
)
from upcall.host.approval.canvas import Canvas
from upcall.host.approval.screen import draw_head, draw_text
from upcall.store import Standing, Store
from upcall.wire import visible

__all__ = ["pending"]

Word: TypeAlias = Literal["approve", "session", "always", "deny", "not-now", "never"]

_WORDS: dict[Word, tuple[bool, Remember]] = {
    "approve": (True, "once"),
    "session": (True, "session"),
    "always": (True, "always"),
    "deny": (False, "once"),
    "not-now": (False, "not_now"),
    "never": (False, "never"),
}
_LOOK = 0.5
"""Seconds between two looks for new questions."""


@click.command()
@click.argument("number", type=int, required=False, metavar="[ID]")
@click.argument("decision", type=click.Choice(list(_WORDS)), required=False)
@store_option
@click.option("--edited", type=click.File("r", encoding="utf-8"), metavar="FILE", help="Approve this in its place.")
@click.option("--ask", "asking", is_flag=True, help="Be asked, here, one at a time, also what comes, until Ctrl-C.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def pending(
    number: int | None, decision: Word | None, url: str | None, edited: IO[str] | None, asking: bool,
    as_json: bool,
) -> None:  # fmt: skip
    """List questions that wait for a person; show one; decide it.

    Servers whose policy says `[approval] by = "store"` wait for this. A decision counts once: when somebody else was
    faster, nothing happens and the exit code is 1. `session` holds as long as the process that asks, `not-now` is a no
    for an hour, `always` and `never` hold until `upcall consents forget`.

    \b
    Examples:
      upcall pending                 what waits
      upcall pending 7               the whole question
      upcall pending 7 approve       or session, always, deny, not-now, never
      upcall pending 7 --json > q.json; $EDITOR q.json; upcall pending 7 approve --edited q.json
      upcall pending --ask           decide with single keys, as long as you like
    """
    if asking and (number is not None or decision is not None):
        raise click.UsageError("--ask goes through all of them; leave ID and DECISION out.")
    if edited is not None and (decision is None or not _WORDS[decision][0]):
        raise click.UsageError("--edited goes with a decision to approve.")
    text = edited.read() if edited is not None else None
    store = opened(url)

    async def work() -> int:
        async with store:
            if asking:
                return await _ask(store)
            if number is None:
                return await _list(store, as_json=as_json)
            standing = await store.question(number)
            if standing is None:
                raise click.ClickException(f"There is no question {number}.")
            if decision is None:
                return _show(standing, as_json=as_json)
            return await _decide(store, standing, _answer(standing, decision, text))

    run(work)


def _answer(standing: Standing, decision: Word, text: str | None) -> Answer:
    approved, remember = _WORDS[decision]
    question = question_of(standing.question.body)
    if text is None:
        return Answer(approved=approved, remember=remember, by=by_me())
    if question is None:
        raise click.ClickException("This question is of another version of upcall and cannot be edited here.")
    try:
        if question.kind == "reply" and question.result is not None:
            result = read_edited(text, question.result)
            return Answer(approved=approved, remember=remember, by=by_me(), result=result)
        request = read_edited(text, question.request)
        return Answer(approved=approved, remember=remember, by=by_me(), request=request)
    except (InvalidRequest, InvalidAnswer) as error:
        raise click.ClickException(str(error)) from None


async def _decide(store: Store, standing: Standing, answer: Answer) -> int:
    attempt = await store.decide(standing.id, decision_of(answer), standing.version)
    while not attempt.won and attempt.standing.state == "open":
        # Somebody has begun to look at it. That keeps nobody from deciding.
        attempt = await store.decide(standing.id, decision_of(answer), attempt.standing.version)
    if attempt.won:
        click.echo(f"{standing.id}: {'approved' if answer.approved else 'denied'}.")
        return 0
    click.echo(f"{standing.id}: {_over(attempt.standing)}. Nothing was changed.", err=True)
    return 1


def _over(standing: Standing) -> str:
    match standing.state:
        case "decided" if standing.decision is not None:
            verdict = "approved" if standing.decision.allowed else "denied"
            return f"{verdict} by {visible(standing.decision.by)} already"
        case "withdrawn":
            return "nobody waits for the answer any more"
        case _:
            return "its time is over, which is a no"


async def _list(store: Store, *, as_json: bool) -> int:
    open_ = await store.pending()
    if as_json:
        click.echo(json.dumps(msgspec.to_builtins(open_), indent=2))
        return 0
    if not open_ and sys.stdout.isatty():
        _console.note("Nothing waits.")
        return 0
    now = Clock().now
    rows = [[str(one.id), one.question.server, *_about(one), _left(one, now), one.taken_by or ""] for one in open_]
    titles = ("ID", "SERVER", "WHAT", "MODEL", "FLAGS", "LEFT", "LOOKED AT BY")
    if not sys.stdout.isatty():
        _console.table(titles, [list(map(visible, row)) for row in rows])
        return 0
    most = (7, 18, 40, 26, 20, 8, 14)
    columns = [Column(title, width, whole=title in ("ID", "LEFT")) for title, width in zip(titles, most, strict=True)]
    cells = [[(cell, "yellow" if at == 4 else "") for at, cell in enumerate(row)] for row in rows]
    drawn = Columns(columns, cells, get_terminal_size().columns)
    click.echo("\n".join([drawn.head(), *map(drawn.line, cells)]))
    return 0


def _about(standing: Standing) -> list[str]:
    """What it is about, the model, and the flags."""
    question = question_of(standing.question.body)
    if question is None:
        return [standing.question.kind, "", ""]
    blocks = question.result.text if question.result is not None else question.request.messages[-1].text
    return [f"{question.kind}: {blocks}", question.model, ", ".join(sorted({flag.kind for flag in question.flags}))]


def _left(standing: Standing, now: datetime) -> str:
    seconds = max(0, int((standing.question.expires_at - now).total_seconds()))
    return f"{seconds // 60}:{seconds % 60:02}"


def _show(standing: Standing, *, as_json: bool) -> int:
    question = question_of(standing.question.body)
    if as_json:
        if question is None:
            click.echo(json.dumps(standing.question.body, indent=2))
        else:
            click.echo(to_edit(question.result or question.request), nl=False)
        return 0
    terminal = sys.stdout.isatty()
    canvas = Canvas(get_terminal_size().columns if terminal else 100, colour=terminal)
    if question is None:
        canvas.heading(f"question {standing.id}", standing.question.server)
        canvas.quoted("question", [json.dumps(standing.question.body, indent=2, ensure_ascii=False)])
    else:
        draw_head(canvas, question, whole=True)
        draw_text(canvas, question)
    canvas.blank()
    left = f"{_left(standing, Clock().now)} left"
    canvas.text(left if standing.state == "open" else f"{_over(standing)}.", style="dim")
    click.echo("\n".join(canvas.lines))
    return 0


async def _ask(store: Store) -> int:
    """Ask for one after the other, here; those that go elsewhere meanwhile leave the screen."""
    approver = TerminalApprover()
    done: set[int] = set()
    waiting = False
    while True:
        standing = next((one for one in await store.pending() if one.id not in done), None)
        question = question_of(standing.question.body) if standing is not None else None
        if standing is None:
            if not waiting:
                _console.note("Nothing waits. What comes is asked here; Ctrl-C ends this.")
            waiting = True
            await anyio.sleep(_LOOK)
            continue
        waiting = False
        done.add(standing.id)
        if question is None:
            _console.note(
                f"Question {standing.id} is of another version of upcall: see `upcall pending {standing.id}`."
            )
            continue
        await _asked(store, approver, standing, question)


async def _asked(store: Store, approver: TerminalApprover, standing: Standing, question: Question) -> None:
    """Ask one, and put down the answer."""
    seconds = (standing.question.expires_at - datetime.now(UTC)).total_seconds()
    taken = await store.take(standing.id, by_me(), standing.version, lease=max(1.0, seconds))
    answers: list[Answer] = []

    async def watch(scope: anyio.CancelScope) -> None:
        with suppress(StoreError):  # whoever decides will be told
            now = await store.question(standing.id)
            while now is not None and now.state == "open":
                await anyio.sleep(_LOOK)
                now = await store.question(standing.id)
            scope.cancel()

    async with anyio.create_task_group() as group:
        group.start_soon(watch, group.cancel_scope)
        answers.append(await approver.ask(msgspec.structs.replace(question, deadline=max(0.1, seconds))))
        group.cancel_scope.cancel()
    if answers and not answers[0].asked:
        raise click.ClickException(answers[0].reason)
    if answers and answers[0].by != NOBODY:
        await _decide(store, taken.standing, answers[0])
