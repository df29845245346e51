"""The code in docs/host.md runs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

_PAGE = Path(__file__).parents[2] / "docs" / "host.md"
_SNIPPETS = re.findall(r"```python\n(.*?)```", _PAGE.read_text(encoding="utf-8"), re.DOTALL)

_PRINTED = [
    "You said: Explain: deadlock detected\n",
    "[You are helpful. ≤ 20 tokens] Hello handler/answer\n",
    "At most 50 tokens.\n"
    "The rest of the budget for sampling (calls per day) is not enough for this request.\n"
    "The user rejected the sampling request.\n",
]


@pytest.mark.parametrize(("snippet", "printed"), list(zip(_SNIPPETS, _PRINTED, strict=True)))
def test_a_snippet_prints_what_it_should(snippet: str, printed: str, capsys: pytest.CaptureFixture[str]) -> None:
    exec(compile(snippet, str(_PAGE), "exec"), {"__name__": "__main__"})
    assert capsys.readouterr().out == printed
