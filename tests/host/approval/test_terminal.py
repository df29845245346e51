"""The person at a real terminal."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
import termios
from pathlib import Path

import pytest

if sys.platform == "win32":
    pytest.skip("a pseudo-terminal needs POSIX", allow_module_level=True)

from tests.host.approval.terminals import Terminal

CTRL_C = "\x03"


def editor(tmp_path: Path, code: str) -> str:
    """A command line for ``EDITOR``: Python that changes ``text``, what is being edited."""
    script = tmp_path / "editor.py"
    script.write_text(
        "import sys, pathlib, json\n"
        "path = pathlib.Path(sys.argv[1])\n"
        "text = path.read_text(encoding='utf-8')\n"
        f"{code}\n"
        "path.write_text(text, encoding='utf-8')\n"
    )
    return shlex.join([sys.executable, str(script)])


@pytest.mark.parametrize(
    ("key", "approved", "remember"),
    [
        ("y", True, "once"),
        ("s", True, "session"),
        ("n", False, "once"),
        ("l", False, "not_now"),
        ("x", False, "never"),
        (CTRL_C, False, "once"),
    ],
)
def test_a_key_decides(key: str, approved: bool, remember: str) -> None:
    with Terminal({}) as terminal:
        terminal.armed()
        terminal.press(key)
        (answer,) = terminal.answers()
    assert (answer["approved"], answer["remember"], answer["by"]) == (approved, remember, "ann")
    assert answer["asked"]


def test_the_question_says_who_asks_what_of_whom_and_at_what_cost() -> None:
    with Terminal({"reason": "The policy says ask."}) as terminal:
        shown = terminal.armed()
        terminal.press("n")
        terminal.answers()
        assert termios.tcgetattr(terminal._theirs) == terminal.modes
    lines = [line.rstrip() for line in shown.splitlines()]
    for expected in (
        "  logs asks a model",
        "  model     anthropic/claude-sonnet-5",
        "  cost      at most $0.0042",
        "  limits    100 tokens",
        "  why       The policy says ask.",
        "  user",
        "  │ question 0",
    ):
        assert expected in lines
    assert max(map(len, lines)) <= 80


def test_always_is_said_twice() -> None:
    with Terminal({}) as terminal:
        terminal.armed()
        terminal.press("a")
        told = " ".join(terminal.until("press a again.").split())
        assert "requests to anthropic/claude-sonnet-5 without flags pass without a question" in told
        terminal.armed()
        terminal.press("a")
        (answer,) = terminal.answers()
    assert (answer["approved"], answer["remember"]) == (True, "always")


@pytest.mark.parametrize("keys", ["yy", "\x1b[A", "\x1bOP", "y\r", "ä", "Y", "\r", " ", "z", "\x1b", "\x04", "\x1a"])
def test_other_keys_and_several_at_once_decide_nothing(keys: str) -> None:
    with Terminal({"deadline": 4.0}) as terminal:
        terminal.armed()
        terminal.press(keys)
        terminal.until("0:02 left")
        terminal.press("n")
        (answer,) = terminal.answers()
        assert "approved" not in terminal.text
    assert (answer["approved"], answer["by"]) == (False, "ann")


def test_a_paste_with_ctrl_c_in_it_is_no() -> None:
    with Terminal({}) as terminal:
        terminal.armed()
        terminal.press("yes\x03")
        assert not terminal.answers()[0]["approved"]


def test_what_was_typed_for_the_question_before_does_not_count_for_this_one() -> None:
    with Terminal({}, {"server": "files"}) as terminal:
        terminal.until("1 more waiting")
        terminal.press("n")
        terminal.until("denied")
        terminal.press("y")
        terminal.until("asks a model")
        terminal.press("y")  # before it is armed
        terminal.until("0:2")
        terminal.press("n")
        assert [answer["approved"] for answer in terminal.answers()] == [False, False]


def test_one_question_at_a_time() -> None:
    with Terminal({"server": "one"}, {"server": "two"}, {"server": "three"}) as terminal:
        for server, waiting in (("one", "2 more waiting"), ("two", "1 more waiting"), ("three", " left")):
            shown = terminal.until(f"{server} asks a model")
            assert shown.count("asks a model") == 1
            terminal.until(waiting)
            terminal.press("y")
        assert [answer["approved"] for answer in terminal.answers()] == [True] * 3


def test_never_settles_what_waits_without_showing_it() -> None:
    with Terminal({}, {"text": "another one"}, {"server": "files"}) as terminal:
        terminal.until("2 more waiting")
        terminal.press("x")
        terminal.until("files asks a model")
        terminal.armed()
        terminal.press("y")
        answers = terminal.answers()
        assert "another one" not in terminal.text
    assert [answer["approved"] for answer in answers] == [False, False, True]
    assert "remembered" in answers[1]["reason"]


def test_no_answer_in_time_is_no() -> None:
    with Terminal({"deadline": 1.5}) as terminal:
        terminal.until("0:01 left")
        terminal.until("no answer in time: denied")
        (answer,) = terminal.answers()
        assert termios.tcgetattr(terminal._theirs) == terminal.modes
    assert (answer["approved"], answer["by"], answer["asked"]) == (False, "nobody", True)


def test_the_deadline_runs_while_a_question_waits() -> None:
    with Terminal({"deadline": 60.0}, {"server": "files", "deadline": 1.0}) as terminal:
        terminal.until("1 more waiting")
        while "more waiting" in terminal.armed():
            pass
        terminal.press("n")
        answers = terminal.answers()
        assert "files asks" not in terminal.text
    assert (answers[1]["approved"], answers[1]["by"]) == (False, "nobody")


def test_hostile_text_never_looks_like_ours_and_never_reaches_the_terminal() -> None:
    with Terminal({"hostile": True, "scanned": True}) as terminal:
        terminal.armed()
        terminal.press("v")
        terminal.armed()
        terminal.press("n")
        terminal.answers()
    codes = re.sub(r"\x1b\[[0-9;]*m|\r\x1b\[K", "", terminal.raw)
    assert "\x1b" not in codes
    assert not re.search("[\u202a-\u202e\u200b\x07]", codes)
    for line in terminal.text.split("\n"):
        if "4:59 left" in line or "devorppa" in line or "Ignore all" in line:
            assert re.match(r" +│ ", line), line
    keys = [line for line in terminal.text.split("\n") if "y  approve once" in line]
    ours = [line for line in keys if not re.match(r" +│ ", line)]
    assert len(keys) > len(ours) == 2
    assert all(line.startswith("  y  approve once       n  deny") for line in ours)


def test_a_long_prompt_is_cut_in_sight_and_a_yes_to_it_is_said_twice() -> None:
    text = "\n".join(f"line {number}" for number in range(200))
    with Terminal({"text": text}, rows=30) as terminal:
        shown = terminal.armed()
        assert "more lines here: press v to see them" in shown
        assert "line 0\n" in shown
        assert "line 199\n" in shown
        assert "line 100\n" not in shown
        terminal.press("y")
        assert "You have not seen all of the text" in terminal.until("press y again.")
        terminal.armed()
        terminal.press("y")
        assert terminal.answers()[0]["approved"]


def test_all_of_it_can_be_viewed_page_by_page_and_then_one_yes_will_do() -> None:
    text = "\n".join(f"line {number}" for number in range(60))
    with Terminal({"text": text}, rows=30) as terminal:
        terminal.armed()
        terminal.press("v")
        pages = terminal.until("q: back")
        while "line 59\n" not in pages:
            terminal.press(" ")
            pages += terminal.until("q: back" if pages.count("q: back") < 2 else "y  approve once")
        shown = [line.removeprefix("  │ ") for line in pages.split("\n")]
        assert [line for line in shown if re.fullmatch(r"line \d+", line)] == text.split("\n")
        terminal.armed()
        terminal.press("y")
        assert terminal.answers()[0]["approved"]


def test_viewing_can_be_left_and_ctrl_c_there_is_no() -> None:
    text = "\n".join(f"line {number}" for number in range(200))
    with Terminal({"text": text}, rows=30) as terminal:
        terminal.armed()
        terminal.press("v")
        terminal.until("q: back")
        terminal.press("q")
        terminal.armed()
        terminal.press("v")
        terminal.until("q: back")
        terminal.press(CTRL_C)
        (answer,) = terminal.answers()
    assert (answer["approved"], answer["by"]) == (False, "ann")


def test_a_request_is_edited_shown_as_a_difference_and_approved_as_edited(tmp_path: Path) -> None:
    edit = editor(tmp_path, "text = text.replace('question 0', 'another question').replace('100', '50')")
    with Terminal({}, EDITOR=edit) as terminal:
        terminal.armed()
        terminal.press("e")
        shown = terminal.armed()
        terminal.press("y")
        terminal.until("approved once, as you edited it")
        (answer,) = terminal.answers()
    assert re.search(r'│ - +"text": "question 0"', shown)
    assert re.search(r'│ \+ +"text": "another question"', shown)
    assert answer["request"]["maxTokens"] == 50
    assert answer["request"]["messages"][0]["content"]["text"] == "another question"


def test_a_reply_is_edited(tmp_path: Path) -> None:
    edit = editor(tmp_path, "text = text.replace('A secret.', 'A lock.')")
    with Terminal({"reply": "A secret."}, EDITOR=edit) as terminal:
        assert "logs is about to get a reply" in terminal.armed()
        terminal.press("e")
        terminal.armed()
        terminal.press("y")
        (answer,) = terminal.answers()
    assert answer["result"]["content"]["text"] == "A lock."
    assert answer["request"] is None


def test_what_was_edited_is_not_sent_when_it_is_denied(tmp_path: Path) -> None:
    with Terminal({}, EDITOR=editor(tmp_path, "text = text.replace('100', '50')")) as terminal:
        terminal.armed()
        terminal.press("e")
        terminal.armed()
        terminal.press("n")
        (answer,) = terminal.answers()
    assert (answer["approved"], answer["request"]) == (False, None)


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("text = text[:-3]", "This is no JSON"),
        ("text = '{}'", "Malformed sampling request"),
        ("text = text.replace('100', '0')", "maxTokens must be at least 1"),
        ("text = ''", "Nothing was taken over"),
        ("sys.exit(1)", "Nothing was taken over"),
        ("pass", "Nothing is changed"),
    ],
)
def test_an_edit_that_cannot_be_used_changes_nothing(tmp_path: Path, code: str, told: str) -> None:
    with Terminal({}, EDITOR=editor(tmp_path, code)) as terminal:
        terminal.armed()
        terminal.press("e")
        terminal.until(told)
        terminal.armed()
        terminal.press("y")
        (answer,) = terminal.answers()
    assert (answer["approved"], answer["request"]) == (True, None)


def test_a_broken_edit_is_gone_on_with(tmp_path: Path) -> None:
    code = "text = text.replace('100', 'fifty') if '100' in text else text.replace('fifty', '50')"
    with Terminal({}, EDITOR=editor(tmp_path, code)) as terminal:
        terminal.armed()
        terminal.press("e")
        terminal.until("This is no JSON")
        terminal.armed()
        terminal.press("e")
        terminal.until("your changes")
        terminal.armed()
        terminal.press("y")
        (answer,) = terminal.answers()
    assert answer["request"]["maxTokens"] == 50


def test_an_editor_that_is_not_there_is_said() -> None:
    with Terminal({}, EDITOR="/nonexistent/editor") as terminal:
        terminal.armed()
        terminal.press("e")
        terminal.until("could not be used")
        terminal.armed()
        terminal.press("n")
        terminal.answers()


def test_time_runs_out_in_the_editor_too(tmp_path: Path) -> None:
    edit = editor(tmp_path, "import time; print('editing', flush=True); time.sleep(60)")
    with Terminal({"deadline": 3.0}, EDITOR=edit) as terminal:
        terminal.armed()
        terminal.press("e")
        terminal.until("editing")
        terminal.until("no answer in time")
        (answer,) = terminal.answers()
        assert termios.tcgetattr(terminal._theirs) == terminal.modes
    assert not answer["approved"]


def test_ctrl_c_in_the_editor_is_the_editors(tmp_path: Path) -> None:
    edit = editor(
        tmp_path, "print('editing', flush=True); line = open('/dev/tty').readline(); text = text.replace('100', '5')"
    )
    with Terminal({}, EDITOR=edit) as terminal:
        terminal.armed()
        terminal.press("e")
        terminal.until("editing")
        terminal.press("\x03\n")
        terminal.until("your changes")
        terminal.armed()
        terminal.press("y")
        (answer,) = terminal.answers()
    assert answer["request"]["maxTokens"] == 5


def test_processes_at_one_terminal_take_turns() -> None:
    spec = {"processes": [{"questions": [{"server": "one"}]}, {"questions": [{"server": "two"}]}]}
    with Terminal(spec=spec) as terminal:
        for _ in range(2):
            shown = terminal.armed()
            assert shown.count("asks a model") == 1
            terminal.press("y")
        answers = terminal.answers()
    assert [answer["approved"] for answer in answers] == [True, True]


def test_a_process_in_the_background_does_not_ask() -> None:
    spec = {"background": True, "processes": [{"questions": [{}]}]}
    with Terminal(spec=spec) as terminal:
        (answer,) = terminal.answers()
        assert "asks a model" not in terminal.text
    assert (answer["approved"], answer["asked"]) == (False, False)
    assert "background" in answer["reason"]


@pytest.mark.parametrize("columns", [24, 40, 80, 120])
def test_it_fits_the_screen_whatever_its_width(columns: int) -> None:
    with Terminal({"hostile": True, "scanned": True}, columns=columns) as terminal:
        shown = terminal.armed()
        terminal.press("n")
        terminal.answers()
    assert max(len(line) for line in shown.split("\n")) <= min(columns, 100)


def test_without_a_terminal_nobody_was_asked() -> None:
    command = [sys.executable, "-m", "tests.host.approval.asker", "-", json.dumps({"questions": [{}]})]
    done = subprocess.run(
        command,
        start_new_session=True,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        stdin=subprocess.DEVNULL,
    )
    answer = json.loads(done.stdout)
    assert (answer["approved"], answer["asked"]) == (False, False)
    assert "no terminal" in answer["reason"]


def test_a_dumb_terminal_is_not_asked_at() -> None:
    with Terminal({}, TERM="dumb") as terminal:
        (answer,) = terminal.answers()
    assert (answer["approved"], answer["asked"]) == (False, False)
