"""The code in docs/store.md runs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

_PAGE = Path(__file__).parents[2] / "docs" / "store.md"
_PRINTED = "340 of 1000 tokens are used, 700 were asked for\n1 finished answered 40 None\n"


def test_the_snippet_prints_what_it_should(capsys: pytest.CaptureFixture[str]) -> None:
    (snippet,) = re.findall(r"```python\n(.*?)```", _PAGE.read_text(encoding="utf-8"), re.DOTALL)
    exec(compile(snippet, str(_PAGE), "exec"), {"__name__": "__main__"})
    assert capsys.readouterr().out == _PRINTED
