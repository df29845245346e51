"""The code in docs/models.md runs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

_PAGE = Path(__file__).parents[2] / "docs" / "models.md"
_SNIPPETS = re.findall(r"```python\n(.*?)```", _PAGE.read_text(encoding="utf-8"), re.DOTALL)

_PRINTED = [
    "anthropic/claude-sonnet-5\n"
    "openai/llama3@http://localhost:11434/v1\n"
    "'ollama/llama3' is no model string. Did you mean 'openai/llama3@http://localhost:11434/v1'? Known: "
    "local/smollm2, local/<path>.gguf, anthropic/<name>, openai/<name>, openai/<name>@<base_url>, "
    "openai-responses/<name>, openai-responses/<name>@<base_url>, google/<name>, command/<name>.\n",
    "openai/llama-3.3-70b@https://models.example/v1\n",
    "GOOD DAY.\n",
    "anthropic/claude-sonnet-5\n",
    "It is 4. 6 1\n",
]


@pytest.mark.parametrize(("snippet", "printed"), list(zip(_SNIPPETS, _PRINTED, strict=True)))
def test_a_snippet_prints_what_it_should(snippet: str, printed: str, capsys: pytest.CaptureFixture[str]) -> None:
    exec(compile(snippet, str(_PAGE), "exec"), {"__name__": "__main__"})
    assert capsys.readouterr().out == printed
