"""`Dialog`: one question at a terminal, from its first line to the answer.

States: *reading* (keys decide), *confirming* (the same key once more decides), *viewing* (keys turn pages), *editing*
(the editor has the terminal). Only reading and confirming lead to an answer; Ctrl-C is a no in every state but
editing, where the keys are the editor's.

What was typed before the question was there does not count, nor does what comes in the first moments, until the time
that is left is shown, nor do several characters at once: a paste or a function key decides nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial

import anyio
from anyio import to_thread
from msgspec.structs import replace

from upcall.errors import ConfigurationError, SamplingError
from upcall.host.approval._editor import edit, editor_of
from upcall.host.approval._tty import Tty
from upcall.host.approval.canvas import Canvas
from upcall.host.approval.editing import difference, read_edited, to_edit
from upcall.host.approval.memory import subject_of
from upcall.host.approval.question import Answer, Question, Remember
from upcall.host.approval.screen import draw_head, draw_text
from upcall.wire import SamplingCapability, SamplingRequest, SamplingResult, check_request, check_result

__all__ = ["Dialog"]

ARMED_AFTER = 0.5
"""Seconds in which keys do nothing yet: they were meant for what was there before."""
_TICK = 0.25
_CTRL_C = "\x03"
_CLEAR = "\r\x1b[K"
_BELOW = 6
"""Lines of a screen below the text: keys and status."""
_LEAST = 8
"""Lines of text that are shown however small the screen is."""

_DECISIONS: dict[str, tuple[bool, Remember, str]] = {
    "y": (True, "once", "approved once"),
    "s": (True, "session", "approved for this session"),
    "a": (True, "always", "approved, from now on always"),
    "n": (False, "once", "denied"),
    "l": (False, "not_now", "denied, and for the next hour"),
    "x": (False, "never", "denied, and from now on always"),
    _CTRL_C: (False, "once", "denied"),
}
_ANYTHING = SamplingCapability(tools={}, context={})
"""Whether tools may be in a request is the policy's matter, not the editor's."""


class Dialog:
    """Asks one question.

    Args:
        tty: The terminal; nobody else uses it meanwhile.
        question: What is asked.
        until: When the time is up, on the event loop's clock. Then the caller cancels.
        waiting: How many more questions wait.
        by: Who sits there.
        editor: Command line of the editor; the environment's when ``None``.
    """

    def __init__(
        self,
        tty: Tty,
        question: Question,
        *,
        until: float,
        waiting: Callable[[], int],
        by: str,
        editor: Sequence[str] | None = None,
    ) -> None:
        self._tty = tty
        self._question = question
        self._asked = question
        self._until = until
        self._waiting = waiting
        self._by = by
        self._editor = editor
        self._shown = False
        self._armed_at = math.inf
        self._status = ""
        self._seen = False
        self._confirming = ""
        self._draft: str | None = None

    async def run(self) -> Answer:
        """Show it, and wait for a decision."""
        with self._tty.taken():
            try:
                return await self._conversation()
            except anyio.get_cancelled_exc_class():
                over = "no answer in time: denied" if anyio.current_time() >= self._until else "not needed any more"
                if self._shown:
                    with anyio.CancelScope(shield=True):
                        await self._end(over, "dim")
                raise

    async def _conversation(self) -> Answer:
        await self._lines(self._drawn)
        self._shown = True
        await self._lines(self._keys)
        self._tty.forget_input()
        self._armed_at = anyio.current_time() + ARMED_AFTER
        while True:
            key = await self._key(self._countdown)
            if key != _CTRL_C and not self._armed:
                continue
            if key == "v":
                self._confirming = ""
                if not await self._view():
                    return await self._decided(_CTRL_C)
            elif key == "e":
                self._confirming = ""
                await self._edit()
            elif key in _DECISIONS and await self._sure(key):
                return await self._decided(key)

    async def _sure(self, key: str) -> bool:
        """Whether ``key`` may decide now; where it is for the second time, it may."""
        approved, remember, _ = _DECISIONS[key]
        doubts = []
        if approved and not self._seen:
            doubts.append("You have not seen all of the text: v shows it.")
        if approved and remember == "always":
            doubts.append(f"From now on {subject_of(self._question)} pass without a question.")
        if not doubts or self._confirming == key:
            return True
        self._confirming = key
        await self._say(" ".join([*doubts, f"To do it, press {key} again."]))
        return False

    async def _decided(self, key: str) -> Answer:
        approved, remember, told = _DECISIONS[key]
        edited = approved and self._edited
        await self._end(told + (", as you edited it" if edited else ""), "bold green" if approved else "bold red")
        request = self._question.request if edited and self._question.kind == "request" else None
        result = self._question.result if edited and self._question.kind == "reply" else None
        return Answer(approved=approved, remember=remember, by=self._by, request=request, result=result)

    @property
    def _edited(self) -> bool:
        return self._question is not self._asked

    # -- viewing

    async def _view(self) -> bool:
        """Show all of it, page by page; false when it was left with Ctrl-C."""
        lines = await to_thread.run_sync(self._whole)
        at = 0
        while True:
            room = max(_LEAST, self._tty.size()[1] - 2)
            await self._write(lines[at : at + room])
            at += room
            if at >= len(lines):
                self._seen = True
                break
            place = f"  lines up to {at:,} of {len(lines):,} · space: go on · q: back"
            key = ""
            while key not in (" ", "\r", "\n", "q", _CTRL_C):
                key = await self._key(partial(str, place))
            if key == _CTRL_C:
                return False
            if key == "q":
                break
        await self._lines(self._keys)
        return True

    # -- editing

    async def _edit(self) -> None:
        """Let the person edit; what they saved is checked and shown as a difference."""
        before = self._asked.result if self._asked.kind == "reply" else self._asked.request
        now = self._question.result if self._asked.kind == "reply" else self._question.request
        if before is None or now is None:
            return
        await self._wipe()
        try:
            editor = self._editor or editor_of()
            saved = await edit(self._draft or to_edit(now), self._tty, editor)
            if saved is None:
                await self._say("Nothing was taken over from the editor.")
                return
            self._draft = saved
            after = read_edited(saved, before)
            self._check(after)
        except (SamplingError, ConfigurationError) as error:
            await self._say(f"{error} Press e to go on editing.")
            return
        self._draft = None
        if after == before:
            self._question = self._asked
            await self._say("Nothing is changed.")
            return
        field = "result" if self._asked.kind == "reply" else "request"
        self._question = replace(self._asked, **{field: after})
        self._seen = True
        changes = difference(before, after)
        await self._lines(partial(_draw_changes, changes))
        await self._lines(self._keys)

    def _check(self, edited: SamplingRequest | SamplingResult) -> None:
        if isinstance(edited, SamplingRequest):
            check_request(edited, declared=_ANYTHING, version=self._asked.context.version)
        else:
            check_result(edited, self._asked.request)

    # -- drawing

    def _drawn(self, canvas: Canvas) -> None:
        draw_head(canvas, self._question, edited=self._edited)
        room = self._tty.size()[1] - len(canvas.lines) - _BELOW
        self._seen = draw_text(canvas, self._question, max(_LEAST, room))

    def _whole(self) -> list[str]:
        canvas = Canvas(self._tty.size()[0], colour=True)
        draw_head(canvas, self._question, edited=self._edited, whole=True)
        draw_text(canvas, self._question)
        return canvas.lines

    def _keys(self, canvas: Canvas) -> None:
        what = "reply" if self._question.kind == "reply" else "request"
        canvas.lines.append("")
        canvas.keys(
            [("y", "approve once"), ("s", "for this session"), ("a", "always")],
            [("n", "deny"), ("l", "not now (no for an hour)"), ("x", "never")],
            [("v", "view all"), ("e", f"edit the {what}")],
        )

    @property
    def _armed(self) -> bool:
        return anyio.current_time() >= self._armed_at

    def _countdown(self) -> str:
        if not self._armed:
            return ""
        left = max(0, round(self._until - anyio.current_time()))
        more = self._waiting()
        return f"  {left // 60}:{left % 60:02} left" + (f" · {more} more waiting" if more else "")

    async def _key(self, status: Callable[[], str]) -> str:
        """The next key; shows the status meanwhile. A burst of characters is none, unless it holds Ctrl-C."""
        while True:
            if (now := status()) != self._status:
                await self._put(f"{_CLEAR}\x1b[2m{now}\x1b[0m")
                self._status = now
            typed = await to_thread.run_sync(self._tty.read, _TICK)
            if _CTRL_C in typed:
                return _CTRL_C
            if len(typed) == 1:
                return typed

    async def _say(self, text: str) -> None:
        await self._lines(lambda canvas: canvas.text(text, style="yellow"))

    async def _end(self, told: str, style: str) -> None:
        await self._lines(lambda canvas: canvas.text(told, style=style))
        await self._put("\n")

    async def _lines(self, draw: Callable[[Canvas], None]) -> None:
        canvas = Canvas(self._tty.size()[0], colour=True)
        await to_thread.run_sync(draw, canvas)
        await self._write(canvas.lines)

    async def _write(self, lines: Sequence[str]) -> None:
        """Lines of their own, in place of the status."""
        await self._wipe()
        await self._put("".join(f"{line}\n" for line in lines))

    async def _wipe(self) -> None:
        if self._status:
            await self._put(_CLEAR)
        self._status = ""

    async def _put(self, text: str) -> None:
        await to_thread.run_sync(self._tty.write, text)


def _draw_changes(changes: Sequence[str], canvas: Canvas) -> None:
    styles = [{"+": "green", "-": "red", "⋯": "dim"}.get(line[:1], "") for line in changes]
    canvas.lines.append("")
    canvas.quoted("your changes", changes, styles)
