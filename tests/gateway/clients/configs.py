"""Random configs: what stands in them, and how it is written, with comments and trailing commas where they may be."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

__all__ = ["configs", "written"]

_words = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), min_size=1, max_size=6)
_names = st.sampled_from(["logs", "git", 'a"b', "päd", "gateway", "--", "x y"])
_headers = st.dictionaries(
    st.sampled_from(["Authorization", "X-Key", "x-a"]), _words.filter(lambda text: "\n" not in text), max_size=3
)
_extra = st.dictionaries(
    st.sampled_from(["cwd", "disabled", "timeout", "note"]),
    st.one_of(_words, st.booleans(), st.integers(), st.none(), st.lists(st.integers(), max_size=2)),
    max_size=2,
)
_env = st.dictionaries(st.sampled_from(["A", "TOKEN", "UPCALL_HEADER_1"]), _words, max_size=2)


def _entry(draw: st.DrawFn) -> dict[str, Any]:
    pairs: list[tuple[str, Any]] = list(draw(_extra).items())
    if draw(st.booleans()):
        pairs.append(("command", draw(_words)))
        if draw(st.booleans()):
            pairs.append(("args", draw(st.lists(_words, max_size=3))))
        if draw(st.booleans()):
            pairs.append(("type", "stdio"))
    else:
        pairs.append(("url", f"https://{draw(st.sampled_from(['a.example', 'b.example/mcp']))}"))
        if draw(st.booleans()):
            pairs.append(("type", draw(st.sampled_from(["http", "streamable-http", "sse"]))))
        if draw(st.booleans()):
            pairs.append(("headers", draw(_headers)))
    if draw(st.booleans()):
        pairs.append(("env", draw(_env)))
    return dict(draw(st.permutations(pairs)))


@st.composite
def configs(draw: st.DrawFn) -> dict[str, Any]:
    """The value of a config: one table of servers, and other settings around it."""
    entry = st.composite(_entry)()
    table = draw(st.dictionaries(_names, entry, max_size=3))
    pairs = [(draw(st.sampled_from(["mcpServers", "servers"])), table), ("other", draw(_extra)), ("inputs", [1, {}])]
    return dict(draw(st.permutations(pairs)))


@st.composite
def written(draw: st.DrawFn, value: Any) -> str:
    """One way to write ``value`` as JSON with comments."""
    newline = draw(st.sampled_from(["\n", "\r\n"]))
    gaps = st.sampled_from(
        ["", "", " ", "\t", newline, f"{newline}    ", "/* } */", f'// "x": [ {newline}', f" /**/{newline}  "]
    )

    def text(value: Any) -> str:
        if isinstance(value, dict):
            pairs = [f"{json.dumps(key)}{gap()}:{gap()}{text(item)}" for key, item in value.items()]
            return enclosed("{", pairs, "}")
        if isinstance(value, list):
            return enclosed("[", [text(item) for item in value], "]")
        return json.dumps(value, ensure_ascii=draw(st.booleans()))

    def enclosed(start: str, parts: list[str], end: str) -> str:
        inner = f"{gap()},{gap()}".join(parts)
        trailing = draw(st.sampled_from(["", ","])) if parts else ""
        return f"{start}{gap()}{inner}{gap()}{trailing}{gap()}{end}"

    def gap() -> str:
        return draw(gaps)

    return f"{gap()}{text(value)}{gap()}"
