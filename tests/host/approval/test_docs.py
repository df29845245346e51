"""The code in docs/approval.md and docs/telemetry.md runs, and the tables are complete."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from upcall.host import approval, conventions
from upcall.host.approval import read_edited, to_edit
from upcall.host.policy import parse_policy
from upcall.wire import decode_request

_DOCS = Path(__file__).parents[3] / "docs"
_APPROVAL = (_DOCS / "approval.md").read_text(encoding="utf-8")
_TELEMETRY = (_DOCS / "telemetry.md").read_text(encoding="utf-8")

_PRINTED = [
    (_APPROVAL, "A lock.\nThe user rejected the sampling request.\n"),
    (_TELEMETRY, "sampling/createMessage answered\n"),
]


def _blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", page, re.DOTALL)


@pytest.mark.parametrize(("page", "printed"), _PRINTED)
def test_the_code_prints_what_it_should(page: str, printed: str) -> None:
    (snippet,) = _blocks(page, "python")
    ran = subprocess.run([sys.executable, "-c", snippet], capture_output=True, text=True, timeout=60, check=False)
    assert (ran.stdout, ran.stderr) == (printed, "")


def test_the_policy_is_one() -> None:
    (text,) = _blocks(_APPROVAL, "toml")
    policy = parse_policy(text)
    assert policy.approval.by == tomllib.loads(text)["approval"]["by"]
    assert policy.rules_for("logs").deadline == 300


def test_the_form_for_editing_can_be_read() -> None:
    (text,) = _blocks(_APPROVAL, "json")
    plain = decode_request({"messages": [], "maxTokens": 1})
    request = read_edited(text, plain)
    assert request.messages[0].text == "Explain this line:\ndeadlock detected"
    assert json.loads(to_edit(request)) == json.loads(text)


def test_every_approver_is_named() -> None:
    for name in approval.__all__:
        if name.endswith("Approver") and name != "Approver":
            assert f"`{name}(" in _APPROVAL


def test_every_name_of_telemetry_is_there() -> None:
    for constant in conventions.__all__:
        name = getattr(conventions, constant)
        if isinstance(name, str) and "." in name:
            assert name in _TELEMETRY or f"`.{name.split('.', 2)[-1]}`" in _TELEMETRY, name
